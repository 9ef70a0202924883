//! Resources and prompts of servers, as tools.

use std::fmt::Write;

use livos_core::ContentBlock;
use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use rmcp::model::GetPromptRequestParams;
use rmcp::model::GetPromptResponse;
use rmcp::model::PaginatedRequestParams;
use rmcp::model::ReadResourceRequestParams;
use rmcp::model::ReadResourceResponse;
use rmcp::model::Role;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use super::McpError;
use super::connection::Caller;
use super::connection::MOST_ROUNDS;
use super::content;
use super::server::Server;
use super::servers::WeakServers;

const RESOURCES: &str = "mcp_resources";
const PROMPTS: &str = "mcp_prompts";

/// More entries of one server are not listed.
const MOST_LISTED: usize = 200;

/// More pages of a list are not asked for.
const MOST_PAGES: usize = 16;

/// Lends agents the tools that read resources and prompts.
pub(super) fn offer(tools: &ToolRegistry, servers: WeakServers) {
    let resources = tools.register(Resources(servers.clone()));
    let prompts = tools.register(Prompts(servers));
    for error in [resources, prompts].into_iter().filter_map(Result::err) {
        // They are there already, or an embedder has its own.
        tracing::debug!(%error, "a tool is there already");
    }
}

/// Takes them back.
pub(super) fn withdraw(tools: &ToolRegistry) {
    tools.unregister(RESOURCES);
    tools.unregister(PROMPTS);
}

struct Resources(WeakServers);

/// What to list or read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResourceArgs {
    /// The name of the server; all of them where absent.
    #[serde(default)]
    server: Option<String>,
    /// The resource to read; listed where absent.
    #[serde(default)]
    uri: Option<String>,
}

impl Tool for Resources {
    type Args = ResourceArgs;

    fn name(&self) -> &str {
        RESOURCES
    }

    fn description(&self) -> &str {
        include_str!("resources.md").trim_ascii_end()
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }

    async fn call(
        &self,
        args: ResourceArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let servers = chosen(&self.0, args.server.as_deref())?;
        let Some(uri) = args.uri else {
            return Ok(listed(&servers, Server::has_resources, list_resources).await.into());
        };
        let [server] = servers.as_slice() else { return Err(no_server()) };
        let connection = server.connect().await.map_err(told)?;
        let caller = Caller::tool(context);
        let mut params = ReadResourceRequestParams::new(uri);
        for _ in 0..MOST_ROUNDS {
            let asked = connection.peer().read_resource_once(params.clone());
            match connection.within_time(Some(&caller), asked).await.map_err(told)? {
                ReadResourceResponse::Complete(read) => {
                    let mut output = ToolOutput::default();
                    output.content = read.contents.into_iter().map(content::resource).collect();
                    return Ok(output);
                }
                ReadResourceResponse::InputRequired(asked) => {
                    params.request_state.clone_from(&asked.request_state);
                    params.input_responses =
                        connection.answers(asked, &caller).await.map_err(told)?;
                }
                _ => break,
            }
        }
        Err(unanswered())
    }
}

struct Prompts(WeakServers);

/// What to list or get.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PromptArgs {
    /// The name of the server; all of them where absent.
    #[serde(default)]
    server: Option<String>,
    /// The prompt to get; listed where absent.
    #[serde(default)]
    name: Option<String>,
    /// Its arguments.
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Tool for Prompts {
    type Args = PromptArgs;

    fn name(&self) -> &str {
        PROMPTS
    }

    fn description(&self) -> &str {
        include_str!("prompts.md").trim_ascii_end()
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }

    async fn call(&self, args: PromptArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let servers = chosen(&self.0, args.server.as_deref())?;
        let Some(name) = args.name else {
            return Ok(listed(&servers, Server::has_prompts, list_prompts).await.into());
        };
        let [server] = servers.as_slice() else { return Err(no_server()) };
        let connection = server.connect().await.map_err(told)?;
        let caller = Caller::tool(context);
        let mut params = GetPromptRequestParams::new(name).with_arguments(args.arguments);
        for _ in 0..MOST_ROUNDS {
            let asked = connection.peer().get_prompt_once(params.clone());
            match connection.within_time(Some(&caller), asked).await.map_err(told)? {
                GetPromptResponse::Complete(prompt) => {
                    let mut output = ToolOutput::default();
                    for message in prompt.messages {
                        let who = if message.role == Role::User { "user" } else { "assistant" };
                        output.content.push(ContentBlock::text(format!("[{who}]")));
                        output.content.push(content::block(message.content));
                    }
                    return Ok(output);
                }
                GetPromptResponse::InputRequired(asked) => {
                    params.request_state.clone_from(&asked.request_state);
                    params.input_responses =
                        connection.answers(asked, &caller).await.map_err(told)?;
                }
                _ => break,
            }
        }
        Err(unanswered())
    }
}

fn chosen(servers: &WeakServers, name: Option<&str>) -> Result<Vec<Server>, ToolError> {
    let Some(servers) = servers.upgrade() else {
        return Err(ToolError::model("the MCP servers are closed"));
    };
    match name {
        Some(name) => Ok(vec![servers.find(name).map_err(told)?]),
        None => Ok(servers.enabled()),
    }
}

fn unanswered() -> ToolError {
    ToolError::model("the server asked back too often without answering")
}

fn no_server() -> ToolError {
    ToolError::model("name the server as well; leave uri and name out to see what there is")
}

/// What servers have, all asked beside each other; what one fails at is said in its place.
async fn listed<F>(
    servers: &[Server],
    has: fn(&Server) -> bool,
    list: impl Fn(Server) -> F,
) -> String
where
    F: Future<Output = Result<Vec<String>, McpError>>,
{
    let asked = servers.iter().filter(|server| has(server)).map(|server| {
        let listing = list(server.clone());
        async move { (server.name(), listing.await) }
    });
    let mut text = String::new();
    for (name, listing) in futures::future::join_all(asked).await {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name}:");
        match listing {
            Ok(lines) if lines.is_empty() => text.push_str("  nothing\n"),
            Ok(lines) => lines.iter().for_each(|line| {
                let _ = writeln!(text, "  {line}");
            }),
            Err(error) => {
                let _ = writeln!(text, "  {error}");
            }
        }
    }
    if text.is_empty() { "no server has any".to_owned() } else { text }
}

async fn list_resources(server: Server) -> Result<Vec<String>, McpError> {
    let connection = server.connect().await?;
    if !server.has_resources() {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = PaginatedRequestParams::default().with_cursor(cursor);
        let asked = connection.peer().list_resources(Some(page));
        let listed = connection.within_time(None, asked).await?;
        lines.extend(listed.resources.into_iter().map(|it| {
            let about = it.description.or(it.title).unwrap_or(it.name);
            line(&it.uri, &about)
        }));
        cursor = listed.next_cursor;
        if cursor.is_none() || lines.len() >= MOST_LISTED {
            break;
        }
    }
    let templates = connection.peer().list_resource_templates(None);
    // A server without templates may refuse to list them.
    if let Ok(templates) = connection.within_time(None, templates).await {
        lines.extend(templates.resource_templates.into_iter().map(|it| {
            let about = it.description.or(it.title).unwrap_or(it.name);
            line(&it.uri_template, &about)
        }));
    }
    lines.truncate(MOST_LISTED);
    Ok(lines)
}

async fn list_prompts(server: Server) -> Result<Vec<String>, McpError> {
    let connection = server.connect().await?;
    if !server.has_prompts() {
        return Ok(Vec::new());
    }
    let listed = connection.within_time(None, connection.peer().list_prompts(None)).await?;
    let lines = listed.prompts.into_iter().take(MOST_LISTED).map(|prompt| {
        let arguments: Vec<String> = prompt
            .arguments
            .into_iter()
            .flatten()
            .map(|it| if it.required == Some(true) { it.name } else { format!("{}?", it.name) })
            .collect();
        let about = prompt.description.or(prompt.title).unwrap_or_default();
        line(&format!("{}({})", prompt.name, arguments.join(", ")), &about)
    });
    Ok(lines.collect())
}

fn line(what: &str, about: &str) -> String {
    let about: String = about.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{what} - {}", about.chars().take(200).collect::<String>())
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn told(error: McpError) -> ToolError {
    ToolError::model(error.to_string())
}
