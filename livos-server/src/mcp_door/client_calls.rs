//! Calls of MCP clients, under the approvals of this server.
//!
//! What only reads and needs nobody's leave is done at once and leaves no trace. Everything else is a run
//! in a session of the client: asked about as the policy says, in the inbox where the agent's own calls
//! wait, and kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::ApprovalManager;
use livos_core::AtEnd;
use livos_core::Budget;
use livos_core::CallInQuestion;
use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::Origin;
use livos_core::QueueMode;
use livos_core::Redactor;
use livos_core::RunId;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::SessionRecord;
use livos_core::StoreError;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::Verdict;
use livos_core::verdict;
use livos_tools::mcp::CallDesk;
use livos_tools::mcp::ClientCall;
use livos_tools::mcp::ClientProgress;
use livos_tools::mcp::ClientResult;
use tokio::sync::Mutex;

use super::CHANNEL;
use super::Stop;
use super::client_model;
use super::client_model::ClientModel;
use super::session_tools::SessionDesk;
use crate::runs::Speaker;
use crate::runs::Submission;

/// How long a client waits for its call, and for a person before it.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How often a client is told that its call still waits, so that it does not give up.
const STILL_WAITING: Duration = Duration::from_secs(10);

/// Makes the calls of clients.
#[derive(Debug)]
pub(crate) struct ClientCalls {
    pub(crate) desk: SessionDesk,
    pub(crate) tools: ToolRegistry,
    pub(crate) approvals: ApprovalManager,
    pub(crate) redactor: Redactor,
    pub(crate) workspace: Arc<Path>,
    pub(crate) sessions: ClientSessions,
}

/// The sessions where the calls of clients are kept, by what the clients call themselves.
#[derive(Debug, Default)]
pub(crate) struct ClientSessions(Mutex<BTreeMap<String, SessionId>>);

/// More names are not remembered: the next calls go to new sessions.
const MOST_CLIENTS: usize = 64;

/// What is to be done with a call.
enum Way {
    AtOnce,
    AsRun,
    Refused(String),
}

#[async_trait]
impl CallDesk for ClientCalls {
    async fn call(&self, call: ClientCall) -> Result<ClientResult, String> {
        match self.way(&call).await? {
            Way::Refused(reason) => Ok(ClientResult {
                status: ToolStatus::Denied,
                content: vec![ContentBlock::text(reason)],
            }),
            Way::AtOnce => Ok(self.at_once(&call).await),
            Way::AsRun => {
                let waiting = self.as_run(&call);
                match tokio::time::timeout(LONGEST_WAIT, waiting).await {
                    Ok(called) => called,
                    Err(_) => Err(format!(
                        "nobody decided about the call in {} minutes, so it was withdrawn; make it \
                         again when somebody is there",
                        LONGEST_WAIT.as_secs() / 60
                    )),
                }
            }
        }
    }
}

impl ClientCalls {
    /// The executor decides for itself; this says where the decision is to be kept.
    async fn way(&self, call: &ClientCall) -> Result<Way, String> {
        let rules = self.approvals.rules().await.map_err(|error| error.to_string())?;
        let origin = Origin::owner(CHANNEL);
        let known = self.sessions.0.lock().await.get(name_of(call)).copied();
        let in_question = CallInQuestion {
            tool: call.tool.name.as_str(),
            effect: call.tool.effect,
            arguments: &call.arguments,
            origin: &origin,
            session_id: known.unwrap_or_else(SessionId::generate),
            run_id: RunId::generate(),
        };
        Ok(match verdict(self.approvals.policies(), &rules, &in_question) {
            Verdict::Deny(reason) => Way::Refused(format!("the call was not allowed: {reason}")),
            // Its question needs a place where somebody can answer it.
            Verdict::Allow if call.tool.name.as_str() == livos_tools::ask_user::NAME => Way::AsRun,
            Verdict::Allow if call.tool.effect == Effect::ReadOnly => Way::AtOnce,
            Verdict::Allow | Verdict::Ask(_) => Way::AsRun,
        })
    }

    async fn at_once(&self, call: &ClientCall) -> ClientResult {
        // The executor's own limits count; a budget would only be a second one.
        let time = call.tool.timeout.saturating_mul(2);
        let agent = AgentLoop::builder(ClientModel::new())
            .model(client_model::MODEL)
            .tools(self.tools.clone())
            .workspace(Arc::clone(&self.workspace))
            .redactor(self.redactor.clone())
            .clock(Arc::clone(&self.desk.clock))
            .budget(Budget::default().with_turns(2).with_wall_clock(time))
            .build();
        let input = client_model::input(&call.tool.name, &call.arguments);
        let mut run = agent.run(RunRequest::new(input).with_origin(Origin::owner(CHANNEL)));
        let mut result = None;
        while let Some(event) = run.next().await {
            match event.kind {
                EventKind::ToolProgress { text, .. } => call.progress.report(text),
                EventKind::ToolFinished { status, content, .. } => {
                    result = Some(ClientResult { status, content: content.to_vec() });
                }
                _ => {}
            }
        }
        result.unwrap_or_else(|| not_made("the call was not made"))
    }

    /// Makes the call a run of the client's session, and waits for its result.
    async fn as_run(&self, call: &ClientCall) -> Result<ClientResult, String> {
        let told = |error: &dyn std::error::Error| error.to_string();
        let session = self.session_of(name_of(call)).await.map_err(|error| told(&error))?;
        let input = client_model::input(&call.tool.name, &call.arguments);
        let submission = Submission {
            message: Message::user(input),
            mode: QueueMode::Queue,
            model: Some(ModelName::from(client_model::MODEL)),
            origin: Origin::owner(CHANNEL),
            idempotency_key: None,
            reply_to: None,
            speaker: Speaker::Program,
        };
        let runs = &self.desk.runs;
        let accepted = runs.submit(session, submission).await.map_err(|error| told(&error))?;
        let run_id = accepted.run_id;
        let stop = Stop { runs: runs.clone(), session, run: Some(run_id) };
        let events = runs.follow(session, accepted.seq, AtEnd::Wait).await;
        let mut events = std::pin::pin!(events.map_err(|error| told(&error))?);
        let mut waits = Waits { progress: &call.progress, for_what: None };
        let mut result = None;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(STILL_WAITING) => {
                    waits.tell();
                    continue;
                }
            };
            let Some(event) = event else { return Err("the run was lost sight of".to_owned()) };
            let event = event.map_err(|error| told(&error))?;
            if event.run_id != run_id {
                continue;
            }
            match event.kind {
                EventKind::ApprovalRequested(request) => waits.begin(match request.question {
                    Some(_) => format!("waits for the answer to question {}", request.approval_id),
                    None => format!("waits for approval {}", request.approval_id),
                }),
                EventKind::ApprovalResolved(_) => waits.for_what = None,
                EventKind::ToolProgress { text, .. } => call.progress.report(text),
                EventKind::ToolFinished { status, content, .. } => {
                    result = Some(ClientResult { status, content: content.to_vec() });
                }
                EventKind::RunFinished { error, .. } => {
                    stop.not_needed();
                    let why =
                        error.map_or_else(|| "the run was stopped".to_owned(), |it| it.message);
                    return Ok(result.unwrap_or_else(|| not_made(&why)));
                }
                _ => {}
            }
        }
    }

    /// The session of a client; made anew when it was deleted.
    async fn session_of(&self, client: &str) -> Result<SessionId, StoreError> {
        let mut sessions = self.sessions.0.lock().await;
        if let Some(id) = sessions.get(client)
            && self.desk.store.session(*id).await?.is_some()
        {
            return Ok(*id);
        }
        let mut session = SessionRecord::new(SessionId::generate(), self.desk.clock.now());
        session.title = Some(format!("MCP client {}", self.redactor.clean(client)));
        let id = session.id;
        self.desk.store.create_session(session).await?;
        if sessions.len() >= MOST_CLIENTS {
            sessions.clear();
        }
        sessions.insert(client.to_owned(), id);
        Ok(id)
    }
}

fn name_of(call: &ClientCall) -> &str {
    call.client.as_deref().unwrap_or("without a name")
}

fn not_made(why: &str) -> ClientResult {
    ClientResult { status: ToolStatus::Error, content: vec![ContentBlock::text(why)] }
}

/// What a call waits for, told again and again.
struct Waits<'a> {
    progress: &'a ClientProgress,
    for_what: Option<String>,
}

impl Waits<'_> {
    fn begin(&mut self, what: String) {
        self.for_what = Some(what);
        self.tell();
    }

    fn tell(&self) {
        self.progress.report(self.for_what.as_deref().unwrap_or("is under way"));
    }
}
