//! LivOS as an MCP server: `/mcp`, for clients that have the key.

mod session_tools;

use std::fmt;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use livos_core::Effect;
use livos_core::ToolRegistry;
use livos_tools::mcp::HostCheck;
use livos_tools::mcp::McpService;

use self::session_tools::SessionTools;
use crate::config::McpExposure;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::openapi::Operation;

pub(crate) use self::session_tools::SessionDesk;

/// What clients are told of the server as a whole.
const INSTRUCTIONS: &str = include_str!("mcp_door/instructions.md");

/// Answers MCP clients. The listener has checked the host, the origin and the key before.
pub(crate) struct McpDoor(Box<Serve>);

type Serve = dyn Fn(hyper::Request<Incoming>) -> futures::future::BoxFuture<'static, crate::http::Response>
    + Send
    + Sync;

impl McpDoor {
    /// The door as the owner set it: sessions always, tools as far as they are exposed.
    pub(crate) fn new(
        exposure: McpExposure,
        tools: &ToolRegistry,
        desk: SessionDesk,
    ) -> Option<Self> {
        let sessions = ToolRegistry::new();
        if let Err(error) = SessionTools::register(&sessions, desk) {
            tracing::error!(%error, "a tool for MCP clients is missing");
        }
        let service = McpService::new("livos", env!("CARGO_PKG_VERSION"))
            .instructions(INSTRUCTIONS.trim_ascii_end())
            .tools(sessions);
        let service = match exposure {
            McpExposure::Off => return None,
            McpExposure::Sessions => service,
            McpExposure::ReadOnly => service.tools_up_to(tools.clone(), Effect::ReadOnly),
            McpExposure::All => service.tools(tools.clone()),
        };
        let service =
            hyper_util::service::TowerToHyperService::new(service.into_http(HostCheck::Elsewhere));
        Some(Self(Box::new(move |request| {
            let answering = hyper::service::Service::call(&service, request);
            Box::pin(async move {
                let Ok(response) = answering.await;
                response.map(BodyExt::boxed_unsync)
            })
        })))
    }
}

impl fmt::Debug for McpDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("McpDoor")
    }
}

/// Passes a request on to the MCP server.
pub(crate) async fn answer(call: Call) -> Answer {
    let app = std::sync::Arc::clone(&call.app);
    let Some(door) = &app.engine().await.mcp_door else {
        let detail = "this server answers no MCP clients; set mcp.expose to sessions or more";
        return Err(Problem::new(ProblemKind::NotFound, detail));
    };
    Ok((door.0)(call.into_request()).await)
}

pub(crate) fn describe_post(operation: Operation) -> Operation {
    describe("mcp_send", "Say something to the MCP server (streamable HTTP).", operation)
        .answers_as(200, "An answer, or a stream of it.", "text/event-stream")
        .answers_as(202, "It was taken in.", "")
        .problem(ProblemKind::UnsupportedMediaType)
        .problem(ProblemKind::PayloadTooLarge)
}

pub(crate) fn describe_get(operation: Operation) -> Operation {
    describe("mcp_listen", "Listen to what the MCP server has to say (streamable HTTP).", operation)
        .answers_as(200, "A stream.", "text/event-stream")
}

pub(crate) fn describe_delete(operation: Operation) -> Operation {
    describe("mcp_end", "End an MCP session (streamable HTTP).", operation).answers_as(
        204,
        "It is over.",
        "",
    )
}

fn describe(id: &str, summary: &str, operation: Operation) -> Operation {
    operation.named(id, summary).problem(ProblemKind::NotFound)
}
