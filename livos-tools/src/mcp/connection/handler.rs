//! What a server may say without being asked.

use std::sync::Arc;

use rmcp::ClientHandler;
use rmcp::RoleClient;
use rmcp::model::ClientCapabilities;
use rmcp::model::ClientConfig;
use rmcp::model::ElicitRequestParams;
use rmcp::model::ElicitResult;
use rmcp::model::ElicitationAction;
use rmcp::model::ElicitationCapability;
use rmcp::model::ErrorData;
use rmcp::model::Implementation;
use rmcp::model::ProgressNotificationParam;
use rmcp::model::ProtocolVersion;
use rmcp::service::NotificationContext;
use rmcp::service::RequestContext;
use serde_json::Map;
use serde_json::Value;
use tokio::sync::mpsc;

use super::calls::Calls;
use crate::mcp::Elicitation;
use crate::mcp::ServerAnswer;
use crate::mcp::ServerName;
use crate::mcp::ServerQuestion;

/// What the owner of a connection has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Signal {
    /// The server has other tools now.
    ToolsChanged,
}

/// Hears what a server says without being asked.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: ServerName,
    pub(super) calls: Arc<Calls>,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) elicitation: Option<Arc<dyn Elicitation>>,
    pub(super) version: ProtocolVersion,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = self.elicitation.as_ref().map(|_| ElicitationCapability::new());
        let client = Implementation::new("livos", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, client).with_protocol_version(self.version.clone())
    }

    async fn on_progress(
        &self,
        progress: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.calls.progressed(&progress);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        // One that waits already says the same.
        let _ = self.signals.try_send(Signal::ToolsChanged);
    }

    async fn create_elicitation(
        &self,
        question: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(elicit(&self.server, self.elicitation.as_deref(), question).await)
    }
}

/// What was left out is what the server said it would be.
fn with_defaults(mut answer: Map<String, Value>, properties: &Value) -> Map<String, Value> {
    for (name, property) in properties.as_object().into_iter().flatten() {
        if let (Some(default), false) = (property.get("default"), answer.contains_key(name)) {
            answer.insert(name.clone(), default.clone());
        }
    }
    answer
}

/// Puts a question of a server before a person, if there is one to be asked.
pub(super) async fn elicit(
    server: &ServerName,
    elicitation: Option<&dyn Elicitation>,
    question: ElicitRequestParams,
) -> ElicitResult {
    let Some(elicitation) = elicitation else {
        tracing::info!(%server, "a server asks a person, and nobody can be asked: declined");
        return ElicitResult::new(ElicitationAction::Decline);
    };
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = question
    else {
        tracing::info!(%server, "a server asks to open an address: declined");
        return ElicitResult::new(ElicitationAction::Decline);
    };
    let schema = serde_json::to_value(requested_schema).unwrap_or_default();
    let defaults = schema.get("properties").cloned().unwrap_or_default();
    let question = ServerQuestion { server: server.clone(), message, schema };
    match elicitation.ask(question).await {
        ServerAnswer::Given(answer) => {
            let answer = with_defaults(answer, &defaults);
            ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(answer))
        }
        ServerAnswer::Declined => ElicitResult::new(ElicitationAction::Decline),
        ServerAnswer::Cancelled => ElicitResult::new(ElicitationAction::Cancel),
    }
}
