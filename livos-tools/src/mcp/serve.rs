//! Tools of ours for others, as an MCP server.

mod bridge;
mod desk;
mod one_call;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::Budget;
use livos_core::ContentBlock;
use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::MediaSource;
use livos_core::Origin;
use livos_core::RunRequest;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::ToolStatus;
use rmcp::RoleServer;
use rmcp::ServerHandler;
use rmcp::model::CallToolRequestParams;
use rmcp::model::CallToolResponse;
use rmcp::model::CallToolResult;
use rmcp::model::ContentBlock as Told;
use rmcp::model::ErrorData;
use rmcp::model::Implementation;
use rmcp::model::ListToolsResult;
use rmcp::model::PaginatedRequestParams;
use rmcp::model::ProgressNotificationParam;
use rmcp::model::ProgressToken;
use rmcp::model::ServerCapabilities;
use rmcp::model::ServerConfig;
use rmcp::model::Tool;
use rmcp::model::ToolAnnotations;
use rmcp::service::Peer;
use rmcp::service::RequestContext;
use rmcp::service::ServerInitializeError;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::Map;
use serde_json::Value;

pub use self::bridge::McpBridge;
pub use self::desk::CallDesk;
pub use self::desk::ClientCall;
pub use self::desk::ClientProgress;
pub use self::desk::ClientResult;

use self::one_call::OneCall;

/// A longer name of a client is cut.
const LONGEST_CLIENT_NAME: usize = 60;

/// Tools of ours for others, as an MCP server. Clones are the same server.
///
/// Every call goes through the agent's own executor: arguments are checked, deadlines and output
/// limits hold, and a tool that panics fails its call. Tools that a model would be told of only on
/// demand, such as those of other MCP servers, are not passed on.
///
/// ```no_run
/// use livos_core::ToolRegistry;
/// use livos_tools::mcp::McpService;
///
/// # async fn example(tools: ToolRegistry) -> Result<(), Box<dyn std::error::Error>> {
/// McpService::new("my-tools", "1.0.0").tools(tools).serve_stdio().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it serves nobody before it is asked to"]
pub struct McpService {
    name: String,
    version: String,
    instructions: Option<String>,
    offers: Vec<Offer>,
}

/// Who looks at the host and the origin of a request, so that no foreign web page can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCheck {
    /// The service: only this machine's own names are answered.
    Loopback,
    /// The server around it.
    Elsewhere,
}

/// Tools up to an effect.
#[derive(Debug, Clone)]
struct Offer {
    tools: ToolRegistry,
    ceiling: Effect,
    desk: Option<Arc<dyn CallDesk>>,
}

impl McpService {
    /// A server without tools, which calls itself so.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), instructions: None, offers: Vec::new() }
    }

    /// What clients are told of the server as a whole.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.instructions = Some(text.into());
        self
    }

    /// Serves these tools, whatever they do.
    pub fn tools(self, tools: ToolRegistry) -> Self {
        self.tools_up_to(tools, Effect::Destructive)
    }

    /// Serves those of these tools that do no more than this to the world.
    pub fn tools_up_to(mut self, tools: ToolRegistry, ceiling: Effect) -> Self {
        self.offers.push(Offer { tools, ceiling, desk: None });
        self
    }

    /// The same, with calls made by somebody else, who may ask people first.
    pub fn tools_by(
        mut self,
        tools: ToolRegistry,
        ceiling: Effect,
        desk: Arc<dyn CallDesk>,
    ) -> Self {
        self.offers.push(Offer { tools, ceiling, desk: Some(desk) });
        self
    }

    /// Serves over standard input and output until the client is gone.
    ///
    /// # Errors
    /// When the client does not shake hands as the protocol wants it.
    pub async fn serve_stdio(self) -> Result<(), McpServeError> {
        let running = rmcp::serve_server(self, rmcp::transport::stdio()).await;
        match running {
            Ok(running) => {
                running.waiting().await.map_err(|error| McpServeError(error.to_string()))?;
                Ok(())
            }
            // One that goes away before it said anything is no mistake.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(McpServeError(error.to_string())),
        }
    }

    /// The same over streamable HTTP, as a tower service. It knows no keys: who may call is for the
    /// server around it to check.
    pub fn into_http(self, hosts: HostCheck) -> StreamableHttpService<Self, LocalSessionManager> {
        let config = StreamableHttpServerConfig::default();
        let config = match hosts {
            HostCheck::Loopback => config.with_allowed_origins([
                "http://localhost:*",
                "http://127.0.0.1:*",
                "http://[::1]:*",
            ]),
            HostCheck::Elsewhere => config.disable_allowed_hosts(),
        };
        StreamableHttpService::new(move || Ok(self.clone()), Arc::default(), config)
    }

    fn served(&self) -> Vec<(ToolSpec, &Offer)> {
        let mut served: Vec<(ToolSpec, &Offer)> = Vec::new();
        for offer in &self.offers {
            for spec in offer.tools.specs().iter() {
                let fits = spec.effect <= offer.ceiling && spec.disclosure == Disclosure::Always;
                let is_taken = served.iter().any(|(other, _)| other.name == spec.name);
                if fits && !is_taken {
                    served.push((spec.clone(), offer));
                }
            }
        }
        served
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let name = request.name.as_ref();
        let served = self.served();
        let Some((spec, offer)) = served.iter().find(|(spec, _)| spec.name.as_str() == name) else {
            return Err(ErrorData::invalid_params(format!("there is no tool '{name}'"), None));
        };
        if let Some(desk) = &offer.desk {
            let arguments = request.arguments.unwrap_or_default();
            return Self::call_at(&**desk, spec.clone(), arguments, &context).await;
        }
        let tools = &offer.tools;
        let model = OneCall::new(spec.name.clone(), request.arguments.unwrap_or_default());
        // The executor's own limits count; a budget would only be a second one.
        let budget =
            Budget::default().with_turns(2).with_wall_clock(spec.timeout.saturating_mul(2));
        let agent = AgentLoop::builder(model).tools(tools.clone()).budget(budget).build();
        let request = RunRequest::new("call").with_origin(Origin::owner("mcp"));
        let mut run = agent.run(request);
        let reporter = Reporter::of(&context);
        let control = run.control();
        let mut result = None;
        let mut is_wanted = true;
        loop {
            let event = tokio::select! {
                event = run.next() => event,
                () = context.ct.cancelled(), if is_wanted => {
                    is_wanted = false;
                    control.cancel();
                    continue;
                }
            };
            match event.map(|event| event.kind) {
                Some(EventKind::ToolProgress { text, .. }) => reporter.tell(text).await,
                Some(EventKind::ToolFinished { status, content, .. }) => {
                    let content = content.iter().map(told).collect();
                    result = Some(match status {
                        ToolStatus::Ok => CallToolResult::success(content),
                        _ => CallToolResult::error(content),
                    });
                }
                Some(_) => {}
                None => break,
            }
        }
        result.ok_or_else(|| ErrorData::internal_error("the call was not made", None))
    }

    /// Has a call made by somebody else, and passes on what it tells meanwhile.
    async fn call_at(
        desk: &dyn CallDesk,
        tool: ToolSpec,
        arguments: Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let client = context.client_info().map(|client| {
            let shown = client.name.chars().filter(|letter| !letter.is_control());
            shown.take(LONGEST_CLIENT_NAME).collect()
        });
        let (progress, mut reports) = ClientProgress::new();
        let called = desk.call(ClientCall { tool, arguments, client, progress });
        let reporter = Reporter::of(context);
        let pass_on = async {
            while let Some(text) = reports.recv().await {
                reporter.tell(text).await;
            }
            std::future::pending().await
        };
        let result = tokio::select! {
            called = called => called,
            () = context.ct.cancelled() => Err("the call was cancelled".to_owned()),
            never = pass_on => never,
        };
        let ClientResult { status, content } =
            result.map_err(|problem| ErrorData::internal_error(problem, None))?;
        let content = content.iter().map(told).collect();
        Ok(match status {
            ToolStatus::Ok => CallToolResult::success(content),
            _ => CallToolResult::error(content),
        })
    }
}

/// Tells a client how far its call is, if it wants to know.
struct Reporter {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    steps: AtomicU32,
}

impl Reporter {
    fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { peer: context.peer.clone(), token, steps: AtomicU32::new(0) }
    }

    async fn tell(&self, text: String) {
        let Some(token) = self.token.clone() else { return };
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let progress = ProgressNotificationParam::new(token, step.into()).with_message(text);
        // A client that does not listen is no reason to stop.
        let _ = self.peer.notify_progress(progress).await;
    }
}

/// Why a server over standard input and output ended badly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the MCP client cannot be served: {0}")]
pub struct McpServeError(String);

impl ServerHandler for McpService {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let mut config = ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(self.name.clone(), self.version.clone()));
        config.instructions.clone_from(&self.instructions);
        config
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.served().iter().map(|(spec, _)| described(spec)).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await.map(CallToolResponse::Complete)
    }
}

fn described(spec: &ToolSpec) -> Tool {
    let schema = spec.input_schema.as_object().cloned().unwrap_or_default();
    let hints = ToolAnnotations::from_raw(
        None,
        Some(spec.effect == Effect::ReadOnly),
        Some(spec.effect == Effect::Destructive),
        Some(spec.effect.is_repeatable()),
        None,
    );
    Tool::new(spec.name.to_string(), spec.description.to_string(), schema).with_annotations(hints)
}

fn told(block: &ContentBlock) -> Told {
    match block {
        ContentBlock::Text(text) => Told::text(text.text.clone()),
        ContentBlock::Image(image) => match &image.source {
            MediaSource::Base64(data) => Told::image(data.clone(), image.media_type.clone()),
            _ => Told::text("[a picture that is not here]"),
        },
        _ => Told::text("[something that is no text]"),
    }
}
