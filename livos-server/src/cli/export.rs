//! `livos export`: one run as a file that replays.

use std::io::IsTerminal;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use livos_core::RunId;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Id of the run
    run: RunId,
    /// File to write, readable by you only [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn export(
    target: &Target,
    environment: &Environment,
    args: &ExportArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let path = format!("/api/runs/{}/recording", args.run);
    let recording = connection.client.get_text(&path).await?;
    let mut terminal = Terminal::of_process();
    match &args.output {
        Some(file) => {
            write_private(file, &recording).map_err(|error| ClientError::file(file, &error))?;
            terminal.aside(Style::Quiet, format!("run {} is in {}", args.run, file.display()))?;
        }
        None if std::io::stdout().is_terminal() => terminal.line(Style::Plain, &recording)?,
        // As it is: leaving out a control character would change what was said.
        None => write_out(&recording)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}

fn write_out(text: &str) -> Result<(), ClientError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => ClientError::ReaderGone,
        _ => ClientError::Terminal(error.to_string()),
    })
}
