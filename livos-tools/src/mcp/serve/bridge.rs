//! An MCP server elsewhere, passed on over standard input and output.

use std::sync::Arc;

use livos_core::NoSecrets;
use rmcp::RoleServer;
use rmcp::ServerHandler;
use rmcp::model::CallToolRequestParams;
use rmcp::model::CallToolResponse;
use rmcp::model::ErrorData;
use rmcp::model::Implementation;
use rmcp::model::ListToolsResult;
use rmcp::model::PaginatedRequestParams;
use rmcp::model::ServerCapabilities;
use rmcp::model::ServerConfig;
use rmcp::service::RequestContext;
use rmcp::service::ServerInitializeError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::McpServeError;
use super::Reporter;
use crate::mcp::McpError;
use crate::mcp::ServerDefinition;
use crate::mcp::ServerName;
use crate::mcp::connection::Caller;
use crate::mcp::connection::Connection;
use crate::mcp::connection::Opening;
use crate::mcp::connection::People;

/// More reports of progress than these wait for a slow client are dropped.
const MOST_REPORTS: usize = 32;

/// Passes the tools of a server elsewhere on to a client at standard input and output, for clients
/// that can only start programs.
#[derive(Debug)]
pub struct McpBridge {
    definition: ServerDefinition,
}

impl McpBridge {
    /// A bridge to this server.
    pub fn to(definition: ServerDefinition) -> Self {
        Self { definition }
    }

    /// Serves until the client is gone.
    ///
    /// # Errors
    /// When the server cannot be reached, or the client does not shake hands.
    pub async fn serve_stdio(self) -> Result<(), McpServeError> {
        let failed = |error: &dyn std::error::Error| McpServeError(error.to_string());
        let name = ServerName::new("livos").map_err(|error| failed(&error))?;
        let opening = Opening {
            name: &name,
            definition: &self.definition,
            secrets: &NoSecrets,
            people: People::Absent,
            stopping: &CancellationToken::new(),
        };
        let opened = opening.open().await.map_err(|error| failed(&error))?;
        let passing = Passing { connection: Arc::clone(&opened.connection) };
        let ended = match Box::pin(rmcp::serve_server(passing, rmcp::transport::stdio())).await {
            Ok(running) => running.waiting().await.map(drop).map_err(|error| failed(&error)),
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(failed(&error)),
        };
        opened.close().await;
        ended
    }
}

struct Passing {
    connection: Arc<Connection>,
}

impl ServerHandler for Passing {
    fn get_info(&self) -> ServerConfig {
        let told = self.connection.peer().peer_info();
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let mut config = ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("livos", env!("CARGO_PKG_VERSION")));
        config.instructions = told.and_then(|told| told.instructions.clone());
        config
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let asked = self.connection.peer().list_tools(page);
        self.connection.within_time(None, asked).await.map_err(|error| refusal(&error))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (sender, mut reports) = mpsc::channel(MOST_REPORTS);
        let params = CallToolRequestParams::new(request.name)
            .with_arguments(request.arguments.unwrap_or_default());
        let caller = Caller::elsewhere(move |text| {
            let _ = sender.try_send(text);
        });
        let call = self.connection.call(params, &caller);
        let reporter = Reporter::of(&context);
        let pass_on = async {
            while let Some(text) = reports.recv().await {
                reporter.tell(text).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            called = call => {
                called.map(CallToolResponse::Complete).map_err(|error| refusal(&error))
            }
            () = context.ct.cancelled() => {
                Err(ErrorData::internal_error("the call was cancelled", None))
            }
            never = pass_on => never,
        }
    }
}

fn refusal(error: &McpError) -> ErrorData {
    match error {
        McpError::Refused { message, .. } => ErrorData::invalid_params(message.clone(), None),
        error => ErrorData::internal_error(error.to_string(), None),
    }
}
