//! `livos tasks`: work in the background.

use std::process::ExitCode;

use clap::Subcommand;
use clap::ValueEnum;
use livos_core::RunId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::runs;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct TasksArgs {
    #[command(subcommand)]
    command: Option<TasksCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum TasksCommand {
    /// List them, newest first (the default)
    List {
        /// Only those that stand here: queued, running, waiting, completed, failed, cancelled, exhausted
        #[arg(long)]
        status: Option<String>,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Start some, and print their ids
    Start(Box<StartArgs>),
    /// Show one, and how far it is
    Show {
        /// Its id
        id: RunId,
    },
    /// Stop one, with everything it started
    Cancel {
        /// Its id
        id: RunId,
    },
}

#[derive(Debug, clap::Args)]
struct StartArgs {
    /// What is to be done, each in a session of its own
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,
    /// How urgent they are
    #[arg(long, value_enum)]
    priority: Option<PriorityArg>,
    /// The named agent that does them
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The model to ask, as provider/model or a tier
    #[arg(long)]
    model: Option<String>,
    /// What they may spend together, in tokens
    #[arg(long, value_name = "TOKENS")]
    max_tokens: Option<u64>,
    /// What they may cost together, in millionths of a US dollar
    #[arg(long, value_name = "MICRO_USD")]
    max_cost: Option<u64>,
    /// How many model calls each may make
    #[arg(long, value_name = "NUMBER")]
    max_turns: Option<u32>,
    /// The same key again gets the same tasks and no others
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PriorityArg {
    /// Before all others
    High,
    /// As most runs are
    Normal,
    /// When nothing else wants to go
    Low,
}

pub(super) async fn tasks(
    target: &Target,
    environment: &Environment,
    args: TasksArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let json = args.json;
    let usual = TasksCommand::List { status: None, user: None, page: list::PageArgs::default() };
    match args.command.unwrap_or(usual) {
        TasksCommand::List { status, user, page } => {
            let filter: Vec<(&str, &str)> = [("status", &status), ("user", &user)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                .collect();
            let all = list::read(client, "/api/tasks", &filter, &page).await?;
            if all.is_empty() && !json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for task in &all {
                runs::print(&mut terminal, task, json)?;
            }
        }
        TasksCommand::Start(args) => start(client, &mut terminal, *args, json).await?,
        TasksCommand::Show { id } => {
            let task: Value = client.get(&format!("/api/tasks/{id}")).await?;
            runs::print(&mut terminal, &task, json)?;
            if !json {
                progress(&mut terminal, &task)?;
                runs::details(&mut terminal, &task)?;
            }
        }
        TasksCommand::Cancel { id } => {
            let task: Value = client.post(&format!("/api/tasks/{id}/cancel"), &json!({})).await?;
            runs::print(&mut terminal, &task, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(
    client: &Client,
    terminal: &mut Terminal,
    args: StartArgs,
    json: bool,
) -> Result<(), ClientError> {
    let started: Value = client.post("/api/tasks", &Value::Object(body(&args))).await?;
    for task in items(&started, "tasks") {
        match json {
            true => terminal.line(Style::Plain, task)?,
            // The id alone on standard output, for scripts.
            false => terminal.line(Style::Plain, text(task, "id"))?,
        }
    }
    Ok(())
}

fn body(args: &StartArgs) -> Map<String, Value> {
    let priority = args.priority.map(|priority| match priority {
        PriorityArg::High => "high",
        PriorityArg::Normal => "normal",
        PriorityArg::Low => "low",
    });
    let fields = [
        ("tasks", json!(args.tasks)),
        ("priority", json!(priority)),
        ("agent", json!(args.agent)),
        ("model", json!(args.model)),
        ("max_tokens", json!(args.max_tokens)),
        ("max_cost_micro_usd", json!(args.max_cost)),
        ("max_turns", json!(args.max_turns)),
        ("idempotency_key", json!(args.key)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a task does just now; nothing when it is over.
fn progress(terminal: &mut Terminal, task: &Value) -> Result<(), ClientError> {
    let calling: Vec<&str> = items(task, "calling").filter_map(Value::as_str).collect();
    if !calling.is_empty() {
        terminal.line(Style::Name, format!("calls {}", calling.join(", ")))?;
    }
    let is_over = task.get("finished_at").is_some_and(Value::is_string);
    match text(task, "said") {
        "" => Ok(()),
        _ if is_over => Ok(()),
        said => terminal.line(Style::Quiet, said),
    }
}
