//! `livos-server`: serves until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use livos_server::ServeFlags;

fn main() -> ExitCode {
    match livos_server::pdf_program() {
        Some(code) => code,
        None => livos_server::serve(ServeFlags::parse()),
    }
}
