//! `livos replay`: a recorded run, run again offline.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use livos_core::replay::Recording;

use super::client::ClientError;
use super::exit;
use super::terminal::Style;
use super::terminal::Terminal;

/// The longest recording that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// What `livos export` wrote
    file: PathBuf,
}

pub(super) async fn replay(args: &ReplayArgs) -> Result<ExitCode, ClientError> {
    let file = &args.file;
    let text = read(file)?;
    let recording = Recording::from_json(&text).map_err(|error| ClientError::file(file, &error))?;
    let replayed = livos_core::replay::replay(&recording)
        .await
        .map_err(|error| ClientError::file(file, &error))?;
    let mut terminal = Terminal::of_process();
    let Some(difference) = replayed.first_difference else {
        let count = replayed.events.len();
        let line = format!("✓ run {} goes as recorded: {count} entries", recording.run_id());
        terminal.line(Style::Good, line)?;
        return Ok(ExitCode::SUCCESS);
    };
    let line = format!(
        "✗ run {} goes otherwise than recorded from entry {} on",
        recording.run_id(),
        difference.seq
    );
    terminal.line(Style::Bad, line)?;
    terminal.line(Style::Plain, format!("  expected: {}", difference.expected))?;
    terminal.line(Style::Plain, format!("  came:     {}", difference.found))?;
    Ok(ExitCode::from(exit::FAILED))
}

fn read(file: &Path) -> Result<String, ClientError> {
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| ClientError::file(file, &error))?;
    if text.len() as u64 > MAX_BYTES {
        let reason = format!("a recording has at most {MAX_BYTES} bytes");
        return Err(ClientError::File { path: file.to_owned(), reason });
    }
    Ok(text)
}
