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
use rmcp::model::FormElicitationCapability;
use rmcp::model::Implementation;
use rmcp::model::ProgressNotificationParam;
use rmcp::model::ProtocolVersion;
use rmcp::model::UrlElicitationCapability;
use rmcp::service::NotificationContext;
use rmcp::service::RequestContext;
use tokio::sync::mpsc;

use super::calls::Calls;
use super::calls::Unclear;
use super::question;
use crate::mcp::ServerName;

/// What the owner of a connection has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Signal {
    /// The server has other tools now.
    ToolsChanged,
}

/// Whether there are people behind the calls of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum People {
    /// Agents make them, and questions go to whoever their runs act for.
    Asked,
    /// They are passed on, and nobody is asked.
    Absent,
}

/// Hears what a server says without being asked.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: ServerName,
    pub(super) calls: Arc<Calls>,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) people: People,
    pub(super) version: ProtocolVersion,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = (self.people == People::Asked).then(|| {
            ElicitationCapability::new()
                .with_form(FormElicitationCapability::default())
                .with_url(UrlElicitationCapability::default())
        });
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
        params: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let call = match self.calls.asking(context.extensions.get()) {
            Ok(call) => call,
            // Questions are part of a call: what comes without one is for nobody.
            Err(Unclear::NoCall) => {
                tracing::info!(server = %self.server, "a question outside of calls is declined");
                return Ok(ElicitResult::new(ElicitationAction::Decline));
            }
            Err(unclear @ Unclear::SeveralCalls) => {
                tracing::warn!(server = %self.server, %unclear, "a question is not asked");
                let message = format!("{unclear}; make the call again when it is the only one");
                return Err(ErrorData::invalid_request(message, None));
            }
        };
        tokio::select! {
            answer = question::put(&self.server, &call.caller, params) => answer,
            () = call.over.cancelled() => Ok(ElicitResult::new(ElicitationAction::Cancel)),
            // The server does not want to know any more.
            () = context.ct.cancelled() => Ok(ElicitResult::new(ElicitationAction::Cancel)),
        }
    }
}
