//! `livos agents`: agents that are kept under a name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct AgentsArgs {
    #[command(subcommand)]
    command: Option<AgentsCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum AgentsCommand {
    /// List them by name (the default)
    List,
    /// Show one, with its instructions
    Show {
        /// Its name
        name: String,
    },
    /// Keep one under a name
    Add(Box<AddArgs>),
    /// Forget one; what it did stays
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Its name: small letters, digits and '-', beginning with a letter
    name: String,
    /// What it is good for: by this it is chosen
    #[arg(long, value_name = "TEXT")]
    description: String,
    /// A file with its standing instructions
    #[arg(long, value_name = "FILE")]
    instructions: PathBuf,
    /// A tool that it may use; again for more [default: all]
    #[arg(long = "tool", value_name = "TOOL")]
    tools: Vec<String>,
    /// The model it asks, as provider/model or a tier
    #[arg(long)]
    model: Option<String>,
}

pub(super) async fn agents(
    target: &Target,
    environment: &Environment,
    args: AgentsArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let json = args.json;
    match args.command.unwrap_or(AgentsCommand::List) {
        AgentsCommand::List => {
            let all: Value = client.get("/api/subagents").await?;
            if items(&all, "items").next().is_none() && !json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for agent in items(&all, "items") {
                print(&mut terminal, agent, json)?;
            }
        }
        AgentsCommand::Show { name } => {
            let agent: Value = client.get(&path(&name)).await?;
            print(&mut terminal, &agent, json)?;
            if !json {
                details(&mut terminal, &agent)?;
            }
        }
        AgentsCommand::Add(args) => add(client, &mut terminal, *args, json).await?,
        AgentsCommand::Remove { name } => {
            client.delete(&path(&name)).await?;
            terminal.aside(Style::Good, format!("deleted {name}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(name: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    // A path has no form's `+`.
    format!("/api/subagents/{}", name.replace('+', "%20"))
}

async fn add(
    client: &Client,
    terminal: &mut Terminal,
    args: AddArgs,
    json: bool,
) -> Result<(), ClientError> {
    let instructions = tokio::fs::read_to_string(&args.instructions)
        .await
        .map_err(|error| ClientError::file(&args.instructions, &error))?;
    let tools = Some(args.tools).filter(|tools| !tools.is_empty());
    let fields = [
        ("id", json!(args.name)),
        ("description", json!(args.description)),
        ("instructions", json!(instructions)),
        ("tools", json!(tools)),
        ("model", json!(args.model)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    let body: Map<String, Value> = given.map(|(name, value)| (name.to_owned(), value)).collect();
    let kept: Value = client.post("/api/subagents", &Value::Object(body)).await?;
    print(terminal, &kept, json)
}

fn print(terminal: &mut Terminal, agent: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, agent);
    }
    terminal.line(Style::Plain, format!("{}  {}", text(agent, "id"), text(agent, "description")))
}

fn details(terminal: &mut Terminal, agent: &Value) -> Result<(), ClientError> {
    let tools: Vec<&str> = items(agent, "tools").filter_map(Value::as_str).collect();
    let has_list = agent.get("tools").is_some_and(Value::is_array);
    let tools = match (has_list, tools.as_slice()) {
        (false, _) => "all".to_owned(),
        (true, []) => "none".to_owned(),
        (true, tools) => tools.join(", "),
    };
    terminal.line(Style::Quiet, format!("tools {tools}"))?;
    if let Some(model) = agent.get("model").and_then(Value::as_str) {
        terminal.line(Style::Quiet, format!("model {model}"))?;
    }
    if let Some(budget) = agent.get("budget") {
        let number = |name: &str| budget.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (turns, tokens, seconds) = (number("turns"), number("tokens"), number("seconds"));
        let budget = format!("{turns} turns, {tokens} tokens, {seconds} seconds");
        terminal.line(Style::Quiet, budget)?;
    }
    terminal.line(Style::Plain, text(agent, "instructions"))
}
