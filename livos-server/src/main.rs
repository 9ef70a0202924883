//! `livos-server`: serves until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use livos_server::ServeFlags;

fn main() -> ExitCode {
    let launcher = livos_server::enter_if_asked();
    livos_server::serve(ServeFlags::parse(), launcher)
}
