//! `livos sessions`: the conversations there are.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use livos_core::SessionId;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::status::items;
use super::status::text;
use super::terminal::Stream;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

/// How many messages are shown of a session.
const SHOWN_MESSAGES: usize = 50;

#[derive(Debug, clap::Args)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    command: Option<SessionsCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// List them, the last used first (the default)
    List {
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Find those in which words begin like these
    Search {
        /// What to look for
        #[arg(required = true)]
        words: Vec<String>,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Show what was said in one
    Show {
        /// Its id
        id: SessionId,
    },
    /// Delete one with everything in it
    Delete {
        /// Its id
        id: SessionId,
    },
    /// Give one another title
    Rename {
        /// Its id
        id: SessionId,
        /// The title
        title: String,
    },
    /// Make one that begins like another
    Fork {
        /// The id of the other
        id: SessionId,
        /// The last journal entry to take over [default: the newest]
        #[arg(long)]
        seq: Option<u64>,
    },
    /// Write one to a file, as JSON Lines of its journal
    Export {
        /// Its id
        id: SessionId,
        /// Where to write it [default: standard output]
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Take one over that was exported
    Import {
        /// The file; - reads standard input
        file: PathBuf,
        /// As a copy, under an id of its own
        #[arg(long)]
        copy: bool,
    },
}

pub(super) async fn sessions(
    target: &Target,
    environment: &Environment,
    args: SessionsArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let json = args.json;
    let list = SessionsCommand::List { page: list::PageArgs::default() };
    match args.command.unwrap_or(list) {
        SessionsCommand::List { page } => {
            let all = list::read(client, "/api/sessions", &[], &page).await?;
            print(&mut terminal, &all, json)?;
        }
        SessionsCommand::Search { words, page } => {
            let words = words.join(" ");
            let all = list::read(client, "/api/sessions", &[("q", &words)], &page).await?;
            print(&mut terminal, &all, json)?;
        }
        SessionsCommand::Show { id } => show(client, &mut terminal, id, json).await?,
        SessionsCommand::Delete { id } => {
            client.delete(&format!("/api/sessions/{id}")).await?;
            terminal.aside(Style::Good, format!("deleted {id}"))?;
        }
        SessionsCommand::Rename { id, title } => {
            let path = format!("/api/sessions/{id}");
            let named: Value = client.patch(&path, &json!({ "title": title })).await?;
            print(&mut terminal, &[named], json)?;
        }
        SessionsCommand::Fork { id, seq } => {
            let body = seq.map_or_else(|| json!({}), |seq| json!({"seq": seq}));
            let made: Value = client.post(&format!("/api/sessions/{id}/fork"), &body).await?;
            made_known(&mut terminal, &made, json)?;
        }
        SessionsCommand::Export { id, output } => export(client, &mut terminal, id, output).await?,
        SessionsCommand::Import { file, copy } => {
            let path = if copy { "/api/sessions/import?as=new" } else { "/api/sessions/import" };
            let made = client.send_lines(path, read(file).await?).await?;
            made_known(&mut terminal, &made, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(terminal: &mut Terminal, all: &[Value], json: bool) -> Result<(), ClientError> {
    if json {
        return all.iter().try_for_each(|session| terminal.line(Style::Plain, session));
    }
    if all.is_empty() {
        return terminal.aside(Style::Quiet, "there are none");
    }
    for session in all {
        let title = match text(session, "title") {
            "" => "(no title)",
            title => title,
        };
        let (id, updated) = (text(session, "id"), list::moment(text(session, "updated_at")));
        terminal.line(Style::Plain, format!("{id}  {updated}  {title}"))?;
    }
    Ok(())
}

/// The id alone on standard output, for scripts.
fn made_known(terminal: &mut Terminal, made: &Value, json: bool) -> Result<(), ClientError> {
    match json {
        true => terminal.line(Style::Plain, made),
        false => terminal.line(Style::Plain, text(made, "id")),
    }
}

async fn show(
    client: &Client,
    terminal: &mut Terminal,
    id: SessionId,
    json: bool,
) -> Result<(), ClientError> {
    let session: Value = client.get(&format!("/api/sessions/{id}")).await?;
    let path = format!("/api/sessions/{id}/messages?limit={SHOWN_MESSAGES}");
    let history: Value = client.get(&path).await?;
    if json {
        let all = json!({"session": session, "messages": history.get("items")});
        return terminal.line(Style::Plain, all);
    }
    terminal.line(Style::Name, format!("{id} {}", text(&session, "title")))?;
    if history.get("next_before").is_some() {
        terminal.line(Style::Quiet, format!("(the last {SHOWN_MESSAGES} messages)"))?;
    }
    for item in items(&history, "items") {
        let Some(message) = item.get("message") else { continue };
        let (style, who) = match text(message, "role") {
            "assistant" => (Style::Plain, "agent"),
            _ => (Style::Name, "you"),
        };
        for block in items(message, "content") {
            match text(block, "type") {
                "text" => terminal.line(style, format!("{who}: {}", text(block, "text")))?,
                "tool_use" => {
                    terminal.line(Style::Quiet, format!("tool: {}", text(block, "name")))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

async fn export(
    client: &Client,
    terminal: &mut Terminal,
    id: SessionId,
    output: Option<PathBuf>,
) -> Result<(), ClientError> {
    let lines = client.get_text(&format!("/api/sessions/{id}/export")).await?;
    let Some(path) = output else { return terminal.write(Stream::Answers, Style::Plain, &lines) };
    let failed = |error| ClientError::Terminal(format!("{}: {error}", path.display()));
    tokio::fs::write(&path, lines).await.map_err(failed)?;
    terminal.aside(Style::Good, format!("wrote {}", path.display()))
}

async fn read(file: PathBuf) -> Result<Vec<u8>, ClientError> {
    let read = tokio::task::spawn_blocking(move || {
        if file.as_os_str() == "-" {
            let mut text = Vec::new();
            return std::io::stdin()
                .read_to_end(&mut text)
                .map(|_| text)
                .map_err(|error| ClientError::Terminal(format!("standard input: {error}")));
        }
        std::fs::read(&file)
            .map_err(|error| ClientError::Terminal(format!("{}: {error}", file.display())))
    });
    read.await.map_err(|error| ClientError::Terminal(error.to_string()))?
}
