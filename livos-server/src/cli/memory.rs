//! `livos memory`: what is remembered.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use livos_core::FactId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct MemoryArgs {
    #[command(subcommand)]
    command: Option<MemoryCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum MemoryCommand {
    /// List what is remembered, newest first (the default)
    List {
        /// Only those about this: preference, profile, project, event, other
        #[arg(long)]
        kind: Option<String>,
        /// With those that others took the place of
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Find memories, the best first
    Search {
        /// What they are to be about
        query: String,
        /// How many at most, 1 to 50
        #[arg(long, value_name = "NUMBER", default_value_t = 5)]
        limit: usize,
    },
    /// Remember something, and print its id
    Add {
        /// What, one sentence
        text: String,
        /// What it is about: preference, profile, project, event, other
        #[arg(long)]
        kind: Option<String>,
        /// When it is true no more, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// The memory that it takes the place of
        #[arg(long, value_name = "ID")]
        replaces: Option<FactId>,
    },
    /// Forget one for good, with its earlier versions
    Forget {
        /// Its id
        id: FactId,
    },
    /// Write all to standard output, as JSON Lines
    Export,
    /// Take over an exported file
    Import {
        /// The file
        file: PathBuf,
    },
    /// Tell how the memory is made up: kinds, ages, what was never recalled, duplicates
    Report,
}

pub(super) async fn memory(
    target: &Target,
    environment: &Environment,
    args: MemoryArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let json = args.json;
    let usual = MemoryCommand::List { kind: None, all: false, page: list::PageArgs::default() };
    match args.command.unwrap_or(usual) {
        MemoryCommand::List { kind, all, page } => {
            let kind = kind.as_deref().map(|kind| ("kind", kind));
            let filter: Vec<(&str, &str)> =
                kind.into_iter().chain(all.then_some(("versions", "all"))).collect();
            let all = list::read(client, "/api/memories", &filter, &page).await?;
            if all.is_empty() && !json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for memory in &all {
                print(&mut terminal, memory, json)?;
            }
        }
        MemoryCommand::Search { query, limit } => {
            search(client, &mut terminal, &query, limit, json).await?;
        }
        MemoryCommand::Add { text, kind, until, replaces } => {
            let fields = [
                ("text", json!(text)),
                ("kind", json!(kind)),
                ("expires_at", json!(until)),
                ("replaces", json!(replaces)),
            ];
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            let body: Map<String, Value> =
                given.map(|(name, value)| (name.to_owned(), value)).collect();
            add(client, &mut terminal, &Value::Object(body), json).await?;
        }
        MemoryCommand::Forget { id } => {
            client.delete(&format!("/api/memories/{id}")).await?;
            terminal.aside(Style::Good, format!("forgotten {id}"))?;
        }
        MemoryCommand::Export => {
            let file = client.get_text("/api/memories/export").await?;
            for line in file.lines() {
                terminal.line(Style::Plain, line)?;
            }
        }
        MemoryCommand::Import { file } => {
            let lines = std::fs::read(&file).map_err(|error| ClientError::file(&file, &error))?;
            let done = client.send_lines("/api/memories/import", lines).await?;
            match json {
                true => terminal.line(Style::Plain, &done)?,
                false => counts(&mut terminal, &done)?,
            }
        }
        MemoryCommand::Report => {
            let report: Value = client.get("/api/memories/report").await?;
            match json {
                true => terminal.line(Style::Plain, &report)?,
                false => counts(&mut terminal, &report)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn search(
    client: &Client,
    terminal: &mut Terminal,
    query: &str,
    limit: usize,
    json: bool,
) -> Result<(), ClientError> {
    let limit = limit.to_string();
    let path = list::path("/api/memories/search", &[("q", query), ("limit", &limit)]);
    let found: Value = client.get(&path).await?;
    for hit in items(&found, "items") {
        match (json, hit.get("memory")) {
            (false, Some(memory)) => print(terminal, memory, json)?,
            _ => terminal.line(Style::Plain, hit)?,
        }
    }
    let note = text(&found, "note");
    if !note.is_empty() {
        terminal.aside(Style::Quiet, note)?;
    }
    Ok(())
}

async fn add(
    client: &Client,
    terminal: &mut Terminal,
    body: &Value,
    json: bool,
) -> Result<(), ClientError> {
    let kept: Value = client.post("/api/memories", body).await?;
    if json {
        return terminal.line(Style::Plain, kept);
    }
    // The id alone on standard output, for scripts.
    let id = kept.get("memory").map(|memory| text(memory, "id")).unwrap_or_default();
    terminal.line(Style::Plain, id)?;
    terminal.aside(Style::Quiet, text(&kept, "outcome"))
}

fn print(terminal: &mut Terminal, memory: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, memory);
    }
    let style = match text(memory, "superseded_by") {
        "" => Style::Plain,
        _ => Style::Quiet,
    };
    let (id, kind) = (text(memory, "id"), text(memory, "kind"));
    let since = list::moment(text(memory, "updated_at"));
    terminal.line(style, format!("{id}  {kind:<10}  {since}  {}", text(memory, "text")))
}

/// Numbers by name, those within others after a point.
fn counts(terminal: &mut Terminal, report: &Value) -> Result<(), ClientError> {
    for (name, value) in report.as_object().into_iter().flatten() {
        let name = name.replace('_', " ");
        match value {
            Value::Object(counts) => {
                for (part, count) in counts {
                    terminal.line(Style::Plain, format!("{name}: {part}: {count}"))?;
                }
            }
            Value::Array(groups) => {
                for group in groups {
                    let count = group.get("facts").unwrap_or(&Value::Null);
                    let within = text(group, "within");
                    terminal.line(Style::Plain, format!("{name}: {within}: {count}"))?;
                }
            }
            Value::Null => terminal.line(Style::Quiet, format!("{name}: none"))?,
            Value::String(value) => terminal.line(Style::Plain, format!("{name}: {value}"))?,
            value => terminal.line(Style::Plain, format!("{name}: {value}"))?,
        }
    }
    Ok(())
}
