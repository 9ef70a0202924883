//! A launcher of the sandbox and nothing else, for hosts whose `main` is not theirs: see
//! `livos_tools::sandbox::Launcher::of_program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = livos_tools::sandbox::enter_if_asked();
    eprintln!("livos-sandbox-launcher is started by programs that use livos-tools, not by people");
    ExitCode::from(64)
}
