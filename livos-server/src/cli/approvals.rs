//! `livos approvals`: what waits for you, what you decided, and the rules you made.

mod rules;

use std::process::ExitCode;

use clap::Subcommand;
use livos_core::ApprovalId;
use serde_json::Value;
use serde_json::json;

use self::rules::RulesCommand;
use super::Target;
use super::answer;
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
pub(super) struct ApprovalsArgs {
    #[command(subcommand)]
    command: Option<ApprovalsCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// List what waits for you, newest first (the default)
    List {
        /// Those that stand here: pending, approved, denied, expired, abandoned [default: pending]
        #[arg(long, conflicts_with = "all")]
        status: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Let a call be made
    Approve {
        /// The request's id
        id: ApprovalId,
        #[command(flatten)]
        remember: Remember,
    },
    /// Do not let a call be made, or decline a question
    Deny {
        /// The request's id
        id: ApprovalId,
        #[command(flatten)]
        remember: Remember,
    },
    /// Answer a question
    Answer {
        /// The request's id
        id: ApprovalId,
        /// A text, one of the choices, or NAME=VALUE for each field (or JSON) where the question has fields
        #[arg(required = true)]
        answer: Vec<String>,
    },
    /// List, add and remove rules: calls that are made without asking, are always asked about, or never made
    Rules {
        #[command(subcommand)]
        command: Option<RulesCommand>,
    },
    /// Show what was decided by whom
    Audit {
        #[command(flatten)]
        page: list::PageArgs,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Remember {
    /// For how much it counts: once, run, session, always
    #[arg(long, default_value = "once", value_parser = ["once", "run", "session", "always"])]
    scope: String,
    /// Remember it for all calls of the tool, and not only for these arguments
    #[arg(long, conflicts_with = "matching")]
    any_arguments: bool,
    /// Remember it for calls of the tool whose argument fits a glob; may be given several times
    #[arg(long = "match", value_name = "NAME=GLOB", value_parser = rules::argument)]
    matching: Vec<(String, String)>,
    /// What the model is told with it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn approvals(
    target: &Target,
    environment: &Environment,
    args: ApprovalsArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let page = list::PageArgs::default();
    let usual = ApprovalsCommand::List { status: None, all: false, page };
    match args.command.unwrap_or(usual) {
        ApprovalsCommand::List { status, all, page } => {
            let status = status.unwrap_or_else(|| "pending".to_owned());
            let filter = if all { vec![] } else { vec![("status", status.as_str())] };
            let all = list::read(client, "/api/approvals", &filter, &page).await?;
            if all.is_empty() && !args.json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for approval in &all {
                print(&mut terminal, approval, args.json)?;
            }
        }
        ApprovalsCommand::Approve { id, remember } => {
            decide(client, &mut terminal, id, "approve", &remember, args.json).await?;
        }
        ApprovalsCommand::Deny { id, remember } => {
            decide(client, &mut terminal, id, "deny", &remember, args.json).await?;
        }
        ApprovalsCommand::Answer { id, answer } => {
            let asked: Value = client.get(&path(id)).await?;
            let answer = answer::read(&answer, asked.pointer("/question/schema"));
            let body = json!({ "decision": "approve", "answer": answer, "via": "cli" });
            let decided: Value = client.post(&path(id), &body).await?;
            print(&mut terminal, &decided, args.json)?;
        }
        ApprovalsCommand::Rules { command } => {
            rules::rules(client, &mut terminal, command, args.json).await?;
        }
        ApprovalsCommand::Audit { page } => {
            for entry in list::read(client, "/api/approvals/audit", &[], &page).await? {
                print_audit(&mut terminal, &entry, args.json)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(id: ApprovalId) -> String {
    format!("/api/approvals/{id}")
}

async fn decide(
    client: &Client,
    terminal: &mut Terminal,
    id: ApprovalId,
    decision: &str,
    remember: &Remember,
    json: bool,
) -> Result<(), ClientError> {
    let mut body = json!({ "decision": decision, "scope": remember.scope, "via": "cli" });
    let Some(fields) = body.as_object_mut() else { return Ok(()) };
    if let Some(note) = &remember.note {
        fields.insert("note".to_owned(), note.as_str().into());
    }
    if remember.any_arguments || !remember.matching.is_empty() {
        let asked: Value = client.get(&path(id)).await?;
        let pattern = rules::pattern(text(&asked, "tool"), &remember.matching);
        fields.insert("pattern".to_owned(), pattern);
    }
    let decided: Value = client.post(&path(id), &body).await?;
    print(terminal, &decided, json)
}

fn print(terminal: &mut Terminal, approval: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, approval);
    }
    let (id, status) = (text(approval, "id"), text(approval, "status"));
    let style = match status {
        "approved" => Style::Good,
        "denied" | "expired" => Style::Bad,
        _ => Style::Plain,
    };
    let asked = list::moment(text(approval, "requested_at"));
    let tool = text(approval, "tool");
    let input = approval.get("input").map(Value::to_string).unwrap_or_default();
    let what = match approval.pointer("/question/text").and_then(Value::as_str) {
        Some(question) => format!("{tool} asks: {question}"),
        None => format!("{tool} {input}"),
    };
    terminal.line(style, format!("{id}  {asked}  {status:<9}  {what}"))?;
    if let Some(question) = approval.get("question") {
        for choice in items(question, "choices").filter_map(Value::as_str) {
            terminal.line(Style::Plain, format!("    · {choice}"))?;
        }
        for field in question.get("schema").map(answer::fields).unwrap_or_default() {
            terminal.line(Style::Plain, format!("    · {}", field.described()))?;
        }
    }
    let note = match approval.get("resolution") {
        None => {
            let expires = list::moment(text(approval, "expires_at"));
            format!("    {} (until {expires})", text(approval, "reason"))
        }
        Some(resolution) => {
            format!("    by {} via {}", text(resolution, "by"), text(resolution, "via"))
        }
    };
    terminal.line(Style::Quiet, note)
}

fn print_audit(terminal: &mut Terminal, entry: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, entry);
    }
    let details = entry.get("details").cloned().unwrap_or_default();
    let what = match text(entry, "action") {
        "approval_resolved" => {
            let input = details.get("input").map(Value::to_string).unwrap_or_default();
            let (decision, scope) = (text(&details, "decision"), text(&details, "scope"));
            format!("{decision} ({scope}) {} {input}", text(&details, "tool"))
        }
        action => format!("{} {details}", action.replace('_', " ")),
    };
    let (at, by) = (list::moment(text(entry, "at")), text(entry, "by"));
    let (via, from) = (text(entry, "via"), text(entry, "from"));
    let from = if from.is_empty() { String::new() } else { format!(" from {from}") };
    terminal.line(Style::Plain, format!("{at}  {by} via {via}{from}  {what}"))
}
