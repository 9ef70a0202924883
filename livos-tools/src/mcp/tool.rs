//! A tool of a server, as agents call it.

use std::time::Duration;

use async_trait::async_trait;
use livos_core::Disclosure;
use livos_core::DynamicTool;
use livos_core::Effect;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use rmcp::model::CallToolRequestParams;
use rmcp::model::Tool;
use serde_json::Map;
use serde_json::Value;

use super::connection::Caller;
use super::content;
use super::server::Server;
use super::tool_name;

/// A longer description is cut: it would fill the model's window.
const LONGEST_DESCRIPTION: usize = 4 * 1024;

/// What a call may take beyond the server's own time, so that the honest error is the server's.
const SLACK: Duration = Duration::from_secs(2);

/// A tool of a server.
#[derive(Debug)]
pub(super) struct McpTool {
    server: Server,
    /// The name the server gives it.
    tool: String,
    spec: ToolSpec,
}

impl McpTool {
    pub(super) fn new(server: Server, tool: &Tool, effect: Effect) -> Self {
        let definition = server.definition();
        let timeout = definition.start_timeout + definition.call_timeout + SLACK;
        let mut schema = (*tool.input_schema).clone();
        // Providers want an object, and servers leave it out for tools without arguments.
        schema.entry("type").or_insert_with(|| "object".into());
        let spec = ToolSpec::new(
            tool_name::of(server.name(), &tool.name),
            description(&server, tool),
            Value::Object(schema),
            effect,
        )
        .with_timeout(timeout)
        .with_disclosure(Disclosure::WhenFound);
        Self { tool: tool.name.to_string(), server, spec }
    }
}

/// What the server says of the tool, and that it is the server who says it.
fn description(server: &Server, tool: &Tool) -> String {
    let said = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
    let mut said: String = said
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect();
    if said.len() > LONGEST_DESCRIPTION {
        said.truncate(said.floor_char_boundary(LONGEST_DESCRIPTION));
        said.push('…');
    }
    format!("{said}\n(a tool of the MCP server \"{}\")", server.name()).trim_start().to_owned()
}

#[async_trait]
impl DynamicTool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let connection = self.server.connect().await.map_err(told)?;
        // Starting it may have shown that the tool is not what was accepted.
        if !self.server.is_offered(&self.tool) {
            return Err(ToolError::model(format!(
                "the MCP server '{}' has changed or removed '{}' since its owner accepted it; it is \
                 withheld until the owner approves it. Go on without it.",
                self.server.name(),
                self.tool
            )));
        }
        let params = CallToolRequestParams::new(self.tool.clone()).with_arguments(arguments);
        let called = connection.call(params, &Caller::tool(context)).await.map_err(told)?;
        content::result(called)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn told(error: super::McpError) -> ToolError {
    ToolError::model(error.to_string())
}
