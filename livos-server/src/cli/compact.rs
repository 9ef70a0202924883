//! `livos compact`: a conversation made shorter for the model.

use std::process::ExitCode;

use livos_core::SessionId;
use serde::Deserialize;
use serde::Serialize;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct CompactArgs {
    /// The conversation's id
    session: SessionId,
    /// What the summary shall heed, such as "keep the table of prices"
    instructions: Vec<String>,
    /// Print what it saved as JSON
    #[arg(long)]
    json: bool,
}

/// What a compaction saved.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    tokens_before: u64,
    tokens_after: u64,
    saved_tokens: u64,
    saved_percent: u64,
    messages_summarised: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

pub(super) async fn compact(
    target: &Target,
    environment: &Environment,
    args: &CompactArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let session = args.session.to_string();
    let saved = carry_out(&connection.client, &session, &args.instructions.join(" ")).await?;
    let mut terminal = Terminal::of_process();
    if args.json {
        let json = serde_json::to_string(&saved)
            .map_err(|error| ClientError::Terminal(error.to_string()))?;
        terminal.line(Style::Plain, json)?;
    } else {
        terminal.line(Style::Plain, saved.told())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has a session made shorter; a model writes the summary, so that takes its time.
pub(super) async fn carry_out(
    client: &Client,
    session: &str,
    instructions: &str,
) -> Result<Saved, ClientError> {
    let body = serde_json::json!({ "instructions": instructions });
    client.post_patiently(&format!("/api/sessions/{session}/compact"), &body).await
}

impl Saved {
    /// In a line.
    pub(super) fn told(&self) -> String {
        match self.seq {
            None => format!(
                "there is nothing to sum up yet: the next prompt has {} tokens",
                rounded(self.tokens_before)
            ),
            Some(_) => summarised(self.tokens_before, self.tokens_after),
        }
    }
}

/// That messages gave way to a summary.
pub(super) fn summarised(before: u64, after: u64) -> String {
    format!("earlier messages were summarised: {} → {} tokens", rounded(before), rounded(after))
}

/// A number of tokens as people read it: `940`, `2.4k`, `83k`, `1.2M`.
pub(super) fn rounded(tokens: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = (tokens + unit / 20) / (unit / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..9_950 => format!("{}k", tenths(1_000)),
        9_950..999_500 => format!("{}k", (tokens + 500) / 1_000),
        _ => format!("{}M", tenths(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let told = [0, 999, 1_000, 2_449, 9_949, 9_950, 82_600, 999_499, 999_500, 1_250_000];
        let expected = ["0", "999", "1.0k", "2.4k", "9.9k", "10k", "83k", "999k", "1.0M", "1.3M"];
        assert_eq!(told.map(rounded), expected);
    }
}
