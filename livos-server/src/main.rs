//! `livos-server`: serves until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use livos_server::ServeFlags;

fn main() -> ExitCode {
    if let Some(code) = livos_server::pdf_program() {
        return code;
    }
    let launcher = livos_server::enter_if_asked();
    livos_server::serve(ServeFlags::parse(), launcher)
}
