//! MCP servers: list, add, change, remove, start again, approve what changed.

mod body;

use hyper::StatusCode;
use livos_tools::mcp::DefinitionError;
use livos_tools::mcp::McpError;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::WrittenServer;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use self::body::ChangedServer;
use self::body::NewServer;
use self::body::Server;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// All servers.
#[derive(Debug, Serialize, JsonSchema)]
struct Servers {
    /// The servers, by name.
    items: Vec<Server>,
    /// What could not be used of the file of servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Which tools are accepted as they are now.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The names that the server gives them; all of its tools where absent.
    #[serde(default)]
    tools: Option<Vec<String>>,
}

/// Nothing is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn servers(call: &Call) -> Result<McpServers, Problem> {
    let servers = call.app.engine().await.mcp.clone();
    servers.ok_or_else(|| {
        let detail = "the MCP servers could not be read from the store; restart the server";
        Problem::new(ProblemKind::Unavailable, detail)
    })
}

pub(super) async fn list(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let items = servers.list().into_iter().map(Server::from).collect();
    Reply::ok(&Servers { items, problem: servers.problem() })
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    operation
        .named("list_mcp_servers", "The MCP servers and how they are doing.")
        .answers::<Servers>(200, "All of them.")
}

pub(super) async fn create(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let NewServer { name, written } = call.json().await?;
    let name =
        ServerName::new(name).map_err(|error| Problem::invalid_field("name", error.to_string()))?;
    let definition = written.try_into().map_err(McpError::Definition)?;
    Reply::json(StatusCode::CREATED, &Server::from(servers.add(name, definition).await?))
}

pub(super) fn describe_create(operation: Operation) -> Operation {
    operation
        .named("add_mcp_server", "Add an MCP server; it is started to tell its tools.")
        .body::<NewServer>()
        .answers::<Server>(201, "It was added.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn show(call: Call) -> Answer {
    let servers = servers(&call).await?;
    Reply::ok(&Server::from(servers.get(call.segment("name"))?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation
        .named("get_mcp_server", "One MCP server and how it is doing.")
        .answers::<Server>(200, "It.")
}

pub(super) async fn change(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let name = call.segment("name").to_owned();
    let old: WrittenServer = servers.get(&name)?.definition.written();
    let changed: ChangedServer = call.json().await?;
    let definition = changed.apply(old).try_into().map_err(McpError::Definition)?;
    Reply::ok(&Server::from(servers.change(&name, definition).await?))
}

pub(super) fn describe_change(operation: Operation) -> Operation {
    operation
        .named("change_mcp_server", "Change an MCP server; what is left out stays.")
        .body::<ChangedServer>()
        .answers::<Server>(200, "As it is now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    servers(&call).await?.remove(call.segment("name")).await?;
    Ok(Reply::no_content())
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("remove_mcp_server", "Remove an MCP server and end its program.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn restart(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let name = call.segment("name").to_owned();
    let Nothing {} = call.json().await?;
    match servers.restart(&name).await {
        Ok(status) => Reply::ok(&Server::from(status)),
        // It was done as asked; how it went is in the state.
        Err(McpError::Start { .. } | McpError::Secret { .. }) => {
            Reply::ok(&Server::from(servers.get(&name)?))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn describe_restart(operation: Operation) -> Operation {
    operation
        .named("restart_mcp_server", "End an MCP server's program and start it again.")
        .body::<Nothing>()
        .answers::<Server>(200, "How it is doing now; it may have failed.")
        .problem(ProblemKind::Conflict)
}

pub(super) async fn approve(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let name = call.segment("name").to_owned();
    let Approval { tools } = call.json().await?;
    Reply::ok(&Server::from(servers.approve(&name, tools.as_deref()).await?))
}

pub(super) fn describe_approve(operation: Operation) -> Operation {
    operation
        .named("approve_mcp_tools", "Accept the tools of an MCP server as they are now.")
        .body::<Approval>()
        .answers::<Server>(200, "As it is now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn reload(call: Call) -> Answer {
    let servers = servers(&call).await?;
    let Nothing {} = call.json().await?;
    servers.reload().await?;
    let items = servers.list().into_iter().map(Server::from).collect();
    Reply::ok(&Servers { items, problem: servers.problem() })
}

pub(super) fn describe_reload(operation: Operation) -> Operation {
    operation
        .named("reload_mcp_servers", "Read the file of MCP servers again.")
        .body::<Nothing>()
        .answers::<Servers>(200, "All servers as they are now.")
        .problem(ProblemKind::StorageFailed)
}

impl From<McpError> for Problem {
    fn from(error: McpError) -> Self {
        match error {
            McpError::Definition(DefinitionError { field, message }) => {
                Self::invalid_field(field, message)
            }
            McpError::UnknownServer(name) => Self::not_found("MCP server", name),
            McpError::File { file, message } => Self::invalid_field(file, message),
            McpError::Store(error) => error.into(),
            error => Self::new(ProblemKind::Conflict, error.to_string()),
        }
    }
}
