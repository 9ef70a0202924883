//! `livos runs`: what the agent was asked to do, and how it went.

use std::process::ExitCode;

use clap::Subcommand;
use livos_core::RunId;
use livos_core::SessionId;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List them, newest first (the default)
    List {
        /// Only those that stand here: queued, running, waiting, completed, failed, cancelled, exhausted
        #[arg(long)]
        status: Option<String>,
        /// Only those of this session
        #[arg(long)]
        session: Option<SessionId>,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Show one
    Show {
        /// Its id
        id: RunId,
    },
    /// Stop one
    Cancel {
        /// Its id
        id: RunId,
    },
}

pub(super) async fn runs(
    target: &Target,
    environment: &Environment,
    args: RunsArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let usual = RunsCommand::List { status: None, session: None, page: list::PageArgs::default() };
    match args.command.unwrap_or(usual) {
        RunsCommand::List { status, session, page } => {
            let session = session.map(|id| id.to_string());
            let filter: Vec<(&str, &str)> = [("status", &status), ("session", &session)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                .collect();
            let all = list::read(client, "/api/runs", &filter, &page).await?;
            if all.is_empty() && !args.json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for run in &all {
                print(&mut terminal, run, args.json)?;
            }
        }
        RunsCommand::Show { id } => {
            let run: Value = client.get(&format!("/api/runs/{id}")).await?;
            print(&mut terminal, &run, args.json)?;
            if !args.json {
                details(&mut terminal, &run)?;
            }
        }
        RunsCommand::Cancel { id } => {
            let run: Value = client.post(&format!("/api/runs/{id}/cancel"), &json!({})).await?;
            print(&mut terminal, &run, args.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print(terminal: &mut Terminal, run: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, run);
    }
    let (id, status) = (text(run, "id"), text(run, "status"));
    let style = match status {
        "completed" => Style::Good,
        "failed" | "exhausted" => Style::Bad,
        _ => Style::Plain,
    };
    let admitted = list::moment(text(run, "admitted_at"));
    terminal.line(style, format!("{id}  {admitted}  {status:<9}  {}", text(run, "model")))?;
    match text(run, "waits_for") {
        "" => Ok(()),
        shortage => terminal.line(Style::Quiet, format!("  waiting for {shortage}")),
    }
}

pub(super) fn details(terminal: &mut Terminal, run: &Value) -> Result<(), ClientError> {
    let number = |name: &str| run.get(name).and_then(Value::as_u64).unwrap_or_default();
    terminal.line(Style::Quiet, format!("session {}", text(run, "session_id")))?;
    let (turns, calls) = (number("turns"), number("tool_calls"));
    terminal.line(Style::Quiet, format!("{turns} turns, {calls} tool calls"))?;
    if let Some(error) = run.get("error").filter(|error| error.is_object()) {
        let (kind, message) = (text(error, "kind"), text(error, "message"));
        terminal.line(Style::Bad, format!("{kind}: {message}"))?;
    }
    match text(run, "text") {
        "" => Ok(()),
        answer => terminal.line(Style::Plain, answer),
    }
}
