//! `livos-server`: serves until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use livos_server::ServeFlags;

fn main() -> ExitCode {
    livos_server::serve(ServeFlags::parse())
}
