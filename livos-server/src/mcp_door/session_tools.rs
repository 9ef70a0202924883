//! Sessions as tools: send a message and get the answer, list, read back.

use std::fmt::Write;
use std::sync::Arc;

use futures::StreamExt;
use livos_core::AtEnd;
use livos_core::Clock;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Message;
use livos_core::Origin;
use livos_core::QueueMode;
use livos_core::RegisterToolError;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::SessionPatch;
use livos_core::SessionQuery;
use livos_core::SessionRecord;
use livos_core::Store;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::CHANNEL;
use super::Stop;
use super::client_calls::LONGEST_WAIT;
use crate::runs::Runs;
use crate::runs::Speaker;
use crate::runs::Submission;

/// How many entries of a journal are looked through for a history.
const HISTORY_WINDOW: u64 = 500;

/// How much of one message a history shows.
const SHOWN: usize = 4_000;

/// How many sessions or messages are listed at most.
const MOST_LISTED: usize = 100;

/// Where sessions are found and messages handed in.
#[derive(Debug, Clone)]
pub(crate) struct SessionDesk {
    pub(crate) runs: Runs,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Sessions as tools.
pub(super) struct SessionTools;

impl SessionTools {
    /// Adds them.
    pub(super) fn register(
        tools: &ToolRegistry,
        desk: SessionDesk,
    ) -> Result<(), RegisterToolError> {
        tools.register(Send(desk.clone()))?;
        tools.register(List(desk.clone()))?;
        tools.register(History(desk))
    }
}

pub(super) fn failed(error: &dyn std::error::Error) -> ToolError {
    ToolError::model(error.to_string())
}

struct Send(SessionDesk);

/// A message and the conversation it is for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendArgs {
    /// What to say.
    text: String,
    /// The session to go on with; a new one where absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    session_id: Option<SessionId>,
}

#[expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]
impl Tool for Send {
    type Args = SendArgs;

    fn name(&self) -> &str {
        "sessions_send"
    }

    fn description(&self) -> &str {
        "Sends a message to the LivOS agent, waits until it is done and gives its answer. Without a \
         session_id it begins a new conversation; the answer names its id, to go on with it."
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(LONGEST_WAIT).concurrency_safe()
    }

    async fn call(&self, args: SendArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        if args.text.trim().is_empty() {
            return Err(ToolError::model("text is empty"));
        }
        let SessionDesk { runs, store, clock } = &self.0;
        let session = match args.session_id {
            Some(id) => {
                let known = store.session(id).await.map_err(|error| failed(&error))?;
                known.ok_or_else(|| ToolError::model(format!("there is no session '{id}'")))?
            }
            None => {
                let session = SessionRecord::new(SessionId::generate(), clock.now());
                let made = store.create_session(session.clone()).await;
                made.map_err(|error| failed(&error))?;
                session
            }
        };
        let submission = Submission {
            message: Message::user(args.text.clone()),
            mode: QueueMode::default(),
            model: session.model,
            origin: Origin::owner(CHANNEL),
            idempotency_key: None,
            reply_to: None,
            speaker: Speaker::Program,
        };
        let accepted = runs.submit(session.id, submission).await.map_err(|error| failed(&error))?;
        if session.title.is_none() {
            let title: String = args.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let title = Some(title.chars().take(60).collect());
            let patch = SessionPatch { title, ..SessionPatch::default() };
            if let Err(error) = store.update_session(session.id, patch).await {
                tracing::warn!(%error, "the session got no title");
            }
        }
        let stop = Stop { runs: runs.clone(), session: session.id, run: Some(accepted.run_id) };
        let events = runs.follow(session.id, accepted.seq, AtEnd::Wait).await;
        let mut events = std::pin::pin!(events.map_err(|error| failed(&error))?);
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| failed(&error))?;
            if event.run_id != accepted.run_id {
                continue;
            }
            match event.kind {
                EventKind::ToolStarted { name, .. } => context.report_progress(format!("{name}…")),
                EventKind::ApprovalRequested(request) => {
                    let id = request.approval_id;
                    context.report_progress(format!("{} waits for approval {id}", request.tool));
                }
                EventKind::RunFinished { status, text, error, .. } => {
                    stop.not_needed();
                    return answer(session.id, status, &text, error.map(|it| it.message));
                }
                _ => {}
            }
        }
        Err(ToolError::model(format!(
            "the answer could not be waited for; look for it with sessions_history of {}",
            session.id
        )))
    }
}

fn answer(
    session: SessionId,
    status: RunStatus,
    text: &str,
    error: Option<String>,
) -> Result<ToolOutput, ToolError> {
    let error = error.unwrap_or_default();
    match status {
        RunStatus::Completed => Ok(format!("{text}\n\n[session_id: {session}]").into()),
        _ => Err(ToolError::model(format!(
            "the run ended without a full answer ({error})\n{text}\n\n[session_id: {session}]"
        ))),
    }
}

struct List(SessionDesk);

/// Which sessions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListArgs {
    /// Only those whose title or messages have words that begin like these.
    #[serde(default)]
    text: Option<String>,
    /// How many at most: 1 to 100, usually 20.
    #[serde(default)]
    limit: Option<usize>,
}

#[expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]
impl Tool for List {
    type Args = ListArgs;

    fn name(&self) -> &str {
        "sessions_list"
    }

    fn description(&self) -> &str {
        "Lists the conversations of the LivOS agent, the last used first: id, last change, title."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: ListArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let limit = args.limit.unwrap_or(20).clamp(1, MOST_LISTED);
        let text = args.text.filter(|text| !text.trim().is_empty());
        let query = SessionQuery { text, ..SessionQuery::default() };
        let page = self.0.store.sessions(query, limit).await.map_err(|error| failed(&error))?;
        let mut lines = String::new();
        for session in page.items {
            let title = session.title.as_deref().unwrap_or("(no title)");
            // Writing to a text does not fail.
            let _ = writeln!(lines, "{}  {}  {title}", session.id, session.updated_at);
        }
        Ok(if lines.is_empty() { "there are none".into() } else { lines.into() })
    }
}

struct History(SessionDesk);

/// Which session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryArgs {
    /// The session.
    #[schemars(with = "String")]
    session_id: SessionId,
    /// How many messages at most, the newest: 1 to 100, usually 20.
    #[serde(default)]
    limit: Option<usize>,
}

#[expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]
impl Tool for History {
    type Args = HistoryArgs;

    fn name(&self) -> &str {
        "sessions_history"
    }

    fn description(&self) -> &str {
        "Shows what was said last in a conversation of the LivOS agent, oldest first."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: HistoryArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let store = &self.0.store;
        let session = store.session(args.session_id).await.map_err(|error| failed(&error))?;
        if session.is_none() {
            return Err(ToolError::model(format!("there is no session '{}'", args.session_id)));
        }
        let last = store.last_seq(args.session_id).await.map_err(|error| failed(&error))?;
        let after = last.saturating_sub(HISTORY_WINDOW);
        let size = usize::try_from(HISTORY_WINDOW).unwrap_or(usize::MAX);
        let entries = store.read(args.session_id, after, size).await;
        let said = entries.map_err(|error| failed(&error))?.into_iter().filter_map(|entry| {
            let (who, message) = match entry.kind {
                EventKind::RunAdmitted { input, .. } => ("user", input),
                EventKind::InputJoined { message, .. } => ("user", message),
                EventKind::AssistantMessage { message, .. } => ("assistant", message),
                _ => return None,
            };
            let text = message.text();
            (!text.is_empty()).then_some((who, text))
        });
        let said: Vec<(&str, String)> = said.collect();
        let limit = args.limit.unwrap_or(20).clamp(1, MOST_LISTED);
        let mut lines = String::new();
        for (who, text) in said.iter().skip(said.len().saturating_sub(limit)) {
            let text: String = text.chars().take(SHOWN).collect();
            // Writing to a text does not fail.
            let _ = writeln!(lines, "{who}: {text}\n");
        }
        Ok(if lines.is_empty() { "nothing was said yet".into() } else { lines.into() })
    }
}
