//! The `livos` command.

use std::process::ExitCode;

use clap::Parser;
use livos_server::Cli;
use livos_server::Environment;

fn main() -> ExitCode {
    if let Some(code) = livos_server::pdf_program() {
        return code;
    }
    let launcher = livos_server::enter_if_asked();
    let cli = Cli::parse();
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(cli.execute(&Environment::of_process().with_launcher(launcher)))
        }
        Err(error) => {
            eprintln!("livos: cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
