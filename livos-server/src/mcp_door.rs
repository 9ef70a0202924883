//! LivOS as an MCP server: `/mcp`, for clients that have the key.

mod approval_tools;
mod client_calls;
mod client_model;
mod session_tools;

use std::fmt;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use livos_core::Effect;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::ToolRegistry;
use livos_tools::mcp::CallDesk;
use livos_tools::mcp::HostCheck;
use livos_tools::mcp::McpService;

use self::session_tools::SessionTools;
use crate::config::McpExposure;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::openapi::Operation;
use crate::runs::Runs;

pub(crate) use self::client_calls::ClientCalls;
pub(crate) use self::client_calls::ClientSessions;
pub(crate) use self::client_model::WithClientModel;
pub(crate) use self::session_tools::SessionDesk;

/// Where the runs of MCP clients come from, for policies and the audit.
const CHANNEL: &str = "mcp";

/// What clients are told of the server as a whole.
const INSTRUCTIONS: &str = include_str!("mcp_door/instructions.md");

/// Answers MCP clients. The listener has checked the host, the origin and the key before.
pub(crate) struct McpDoor(Box<Serve>);

type Serve = dyn Fn(hyper::Request<Incoming>) -> futures::future::BoxFuture<'static, crate::http::Response>
    + Send
    + Sync;

impl McpDoor {
    /// The door as the owner set it: sessions always, tools as far as they are exposed.
    pub(crate) fn new(exposure: McpExposure, calls: ClientCalls) -> Option<Self> {
        let sessions = ToolRegistry::new();
        let (desk, approvals) = (calls.desk.clone(), calls.approvals.clone());
        let mut registered = vec![
            SessionTools::register(&sessions, desk.clone()),
            approval_tools::register_list(&sessions, approvals.clone()),
        ];
        if exposure == McpExposure::All {
            registered.push(approval_tools::register_decide(&sessions, approvals, desk));
        }
        for error in registered.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "a tool for MCP clients is missing");
        }
        let tools = calls.tools.clone();
        let calls: Arc<dyn CallDesk> = Arc::new(calls);
        let service = McpService::new("livos", env!("CARGO_PKG_VERSION"))
            .instructions(INSTRUCTIONS.trim_ascii_end())
            .tools(sessions);
        let service = match exposure {
            McpExposure::Off => return None,
            McpExposure::Sessions => service,
            McpExposure::ReadOnly => service.tools_by(tools, Effect::ReadOnly, calls),
            McpExposure::All => service.tools_by(tools, Effect::Destructive, calls),
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

/// Cancels a run when nobody waits for its answer any more.
struct Stop {
    runs: Runs,
    session: SessionId,
    run: Option<RunId>,
}

impl Stop {
    fn not_needed(mut self) {
        self.run = None;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let (runs, session) = (self.runs.clone(), self.session);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = runs.cancel(session, run).await {
                tracing::warn!(%error, %run, "a run that nobody waits for could not be stopped");
            }
        });
    }
}

impl fmt::Debug for McpDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("McpDoor")
    }
}

/// Passes a request on to the MCP server.
pub(crate) async fn answer(call: Call) -> Answer {
    let app = Arc::clone(&call.app);
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
