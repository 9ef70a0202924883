//! `livos mcp`: the MCP servers that agents have tools from.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use livos_tools::mcp::McpBridge;
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

/// How long a new server is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked after meanwhile.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct McpArgs {
    #[command(subcommand)]
    command: Option<McpCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum McpCommand {
    /// List the servers and how they are doing (the default)
    List,
    /// Add a server: a program to start, or an address
    ///
    /// `livos mcp add time -- uvx mcp-server-time`
    /// `livos mcp add docs --url https://example.org/mcp --header 'Authorization=Bearer ${secret:docs}'`
    Add(AddArgs),
    /// Remove a server and end its program
    Remove {
        /// Its name
        name: String,
    },
    /// Switch a server on
    Enable {
        /// Its name
        name: String,
    },
    /// Switch a server off; what is known of it is kept
    Disable {
        /// Its name
        name: String,
    },
    /// End a server's program and start it again
    Restart {
        /// Its name
        name: String,
    },
    /// Show the tools of one server or of all
    Tools {
        /// Its name
        name: Option<String>,
    },
    /// Accept the tools of a server as they are now, after they changed
    Approve {
        /// Its name
        name: String,
        /// The names that the server gives the tools; all where left out
        tools: Vec<String>,
    },
    /// Read the file mcp.json of the home again
    Reload,
    /// Be an MCP server over standard input and output: pass on what the running server offers
    ///
    /// For programs that can only start servers: `{"command": "livos", "args": ["mcp", "serve"]}`.
    Serve,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Its name: small letters, digits, '-' or single '_'
    name: String,
    /// The address of a service, instead of a program
    #[arg(long, conflicts_with = "command")]
    url: Option<String>,
    /// A variable of the program; ${secret:NAME} stands for a secret
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A header of every request; ${secret:NAME} stands for a secret
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// The directory the program runs in
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Believe what it says of its tools
    #[arg(long)]
    trusted: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The program and its arguments
    #[arg(last = true, required_unless_present = "url")]
    command: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub(super) async fn mcp(
    target: &Target,
    environment: &Environment,
    args: McpArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let server = match args.command.unwrap_or(McpCommand::List) {
        McpCommand::List => {
            let listed: Value = client.get("/api/mcp/servers").await?;
            return list(&mut terminal, &listed, args.json);
        }
        McpCommand::Reload => {
            let listed: Value = client.post_patiently("/api/mcp/reload", &json!({})).await?;
            return list(&mut terminal, &listed, args.json);
        }
        McpCommand::Serve => return serve(client).await,
        McpCommand::Tools { name } => return tools(client, &mut terminal, name, args.json).await,
        McpCommand::Remove { name } => {
            client.delete(&path(&name)).await?;
            return Ok(ExitCode::SUCCESS);
        }
        McpCommand::Add(added) => {
            let created: Value = client.post("/api/mcp/servers", &body(added)).await?;
            settled(client, created).await?
        }
        McpCommand::Enable { name } => {
            let changed = client.patch(&path(&name), &json!({"enabled": true})).await?;
            settled(client, changed).await?
        }
        McpCommand::Disable { name } => {
            client.patch(&path(&name), &json!({"enabled": false})).await?
        }
        McpCommand::Restart { name } => {
            client.post_patiently(&format!("{}/restart", path(&name)), &json!({})).await?
        }
        McpCommand::Approve { name, tools } => {
            let body = if tools.is_empty() { json!({}) } else { json!({"tools": tools}) };
            client.post_patiently(&format!("{}/approve", path(&name)), &body).await?
        }
    };
    print(&mut terminal, &server, args.json)?;
    let failed = text(&server, "state") == "failed";
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Passes the server's own MCP tools on. Standard output is the client's from here on.
async fn serve(client: &Client) -> Result<ExitCode, ClientError> {
    let failed = |error: String| ClientError::NoServer(error);
    let definition = client.mcp_definition().map_err(|error| failed(error.to_string()))?;
    let served = McpBridge::to(definition).serve_stdio().await;
    served.map_err(|error| failed(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn path(name: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/api/mcp/servers/{name}")
}

fn body(added: AddArgs) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), added.name.into());
    let mut command = added.command.into_iter();
    if let Some(program) = command.next() {
        body.insert("command".to_owned(), program.into());
        body.insert("args".to_owned(), command.collect::<Vec<_>>().into());
    }
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let map = |pairs: Vec<(String, String)>| {
        let pairs: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
        (!pairs.is_empty()).then_some(Value::Object(pairs))
    };
    set("url", added.url.map(Value::from));
    set("env", map(added.env));
    set("headers", map(added.header));
    set("cwd", added.cwd.map(|cwd| cwd.to_string_lossy().into_owned().into()));
    set("description", added.description.map(Value::from));
    set("trust", added.trusted.then(|| "trusted".into()));
    Value::Object(body)
}

/// Waits until a server has told its tools or failed.
async fn settled(client: &Client, server: Value) -> Result<Value, ClientError> {
    let begun = tokio::time::Instant::now();
    let mut server = server;
    let name = text(&server, "name").to_owned();
    let is_new = |server: &Value| {
        let state = text(server, "state");
        state == "starting" || state == "idle" && items(server, "tools").next().is_none()
    };
    while is_new(&server) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        server = client.get(&path(&name)).await?;
    }
    Ok(server)
}

fn list(terminal: &mut Terminal, listed: &Value, json: bool) -> Result<ExitCode, ClientError> {
    let mut is_empty = true;
    for server in items(listed, "items") {
        is_empty = false;
        print(terminal, server, json)?;
    }
    if is_empty && !json {
        terminal.aside(Style::Quiet, "there are none; `livos mcp add` adds one")?;
    }
    match text(listed, "problem") {
        "" => {}
        problem => terminal.aside(Style::Bad, problem)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(terminal: &mut Terminal, server: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, server);
    }
    let state = text(server, "state");
    let style = match state {
        "ready" => Style::Good,
        "failed" => Style::Bad,
        "disabled" => Style::Quiet,
        _ => Style::Plain,
    };
    let offered = items(server, "tools").filter(|tool| text(tool, "state") == "offered").count();
    let reached = match text(server, "url") {
        "" => {
            let arguments = items(server, "args").filter_map(Value::as_str);
            std::iter::once(text(server, "command")).chain(arguments).collect::<Vec<_>>().join(" ")
        }
        url => url.to_owned(),
    };
    let name = text(server, "name");
    let tools = if offered == 1 { "1 tool".to_owned() } else { format!("{offered} tools") };
    terminal.line(style, format!("{name:<24}  {state:<8}  {tools:<9}  {reached}"))?;
    match text(server, "error") {
        "" => {}
        error => terminal.line(Style::Bad, format!("  {error}"))?,
    }
    for warning in items(server, "warnings").filter_map(Value::as_str) {
        terminal.line(Style::Bad, format!("  warning: {warning}"))?;
    }
    Ok(())
}

async fn tools(
    client: &Client,
    terminal: &mut Terminal,
    name: Option<String>,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let servers: Vec<Value> = match name {
        Some(name) => vec![client.get(&path(&name)).await?],
        None => {
            let listed: Value = client.get("/api/mcp/servers").await?;
            items(&listed, "items").cloned().collect()
        }
    };
    for tool in servers.iter().flat_map(|server| items(server, "tools")) {
        if json {
            terminal.line(Style::Plain, tool)?;
            continue;
        }
        let (name, state, effect) = (text(tool, "name"), text(tool, "state"), text(tool, "effect"));
        let style = if state == "offered" { Style::Plain } else { Style::Bad };
        let about = match text(tool, "reason") {
            "" => text(tool, "description"),
            reason => reason,
        };
        let about: String = about.lines().next().unwrap_or_default().chars().take(100).collect();
        terminal.line(style, format!("{name}  {state}  {effect}  {about}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
