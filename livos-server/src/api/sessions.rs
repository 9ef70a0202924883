//! Sessions: create, list, rename, delete.

use hyper::StatusCode;
use livos_core::Fork;
use livos_core::ModelName;
use livos_core::SessionCursor;
use livos_core::SessionId;
use livos_core::SessionPatch;
use livos_core::SessionQuery;
use livos_core::SessionRecord;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use super::page;
use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::FieldError;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;

/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// The longest search, in bytes.
const MAX_SEARCH: usize = 200;
/// The longest model name, in bytes.
const MAX_MODEL: usize = 200;

/// A conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Session {
    /// Its id.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: SessionId,
    /// What people call it.
    title: Option<String>,
    /// The model its runs ask unless a message says otherwise.
    model: Option<String>,
    /// The session that started it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// When it was created, RFC 3339.
    created_at: String,
    /// When its journal or title last changed, RFC 3339.
    updated_at: String,
}

impl From<SessionRecord> for Session {
    fn from(record: SessionRecord) -> Self {
        Self {
            id: record.id,
            title: record.title,
            model: record.model.map(|model| model.to_string()),
            parent: record.parent.map(|parent| parent.to_string()),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
        }
    }
}

/// What a new session shall be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSession {
    /// What to call it; 1 to 200 characters.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    title: Option<String>,
    /// The model to ask, as `provider/model` or a tier.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
}

/// A change to a session; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionChange {
    /// A new title; 1 to 200 characters.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    title: Option<String>,
    /// A new model, as `provider/model` or a tier.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
}

pub(super) async fn create(call: Call) -> Answer {
    let app = std::sync::Arc::clone(&call.app);
    let new: NewSession = call.json().await?;
    let mut checked = Checked::default();
    let mut session = SessionRecord::new(SessionId::generate(), app.clock.now());
    session.title = app.redactor.cleaned(checked.title(new.title));
    session.model = checked.model("model", new.model);
    checked.finish()?;
    app.store.create_session(session.clone()).await?;
    Reply::json(StatusCode::CREATED, &Session::from(session))
}

pub(super) fn describe_create(operation: Operation) -> Operation {
    operation
        .named("create_session", "Create a session.")
        .body::<NewSession>()
        .answers::<Session>(201, "It is created.")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query();
    let (after, limit) = (page::cursor(&mut query), page::limit(&mut query));
    let text = query.text("q").filter(|text| !text.trim().is_empty());
    if text.as_ref().is_some_and(|text| text.len() > MAX_SEARCH) {
        query.fault("q", format!("may have {MAX_SEARCH} bytes at most"));
    }
    let parent = query.value("parent", "the id of a session");
    query.finish()?;
    let sessions = SessionQuery { text, parent, after };
    let page = call.app.store.sessions(sessions, limit).await?;
    let last = page.items.last().map(|session| SessionCursor::from(session).to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Session::from).collect(), next_cursor })
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let text = json!({"type": "string", "maxLength": MAX_SEARCH});
    let wanted =
        "Only sessions whose title or one of whose messages has words that begin like these.";
    page::describe_paging(
        operation
            .named("list_sessions", "List the sessions, the last used first.")
            .query("q", &text, wanted),
    )
    .answers::<List<Session>>(200, "Some of them.")
}

pub(super) async fn show(call: Call) -> Answer {
    Reply::ok(&Session::from(find(&call).await?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation.named("get_session", "One session.").answers::<Session>(200, "It.")
}

pub(super) async fn change(call: Call) -> Answer {
    let app = std::sync::Arc::clone(&call.app);
    let id: SessionId = call.id("session")?;
    let change: SessionChange = call.json().await?;
    let mut checked = Checked::default();
    let title = app.redactor.cleaned(checked.title(change.title));
    let model = checked.model("model", change.model);
    checked.finish()?;
    let patch = SessionPatch { title, model, at: Some(app.clock.now()) };
    Reply::ok(&Session::from(app.store.update_session(id, patch).await?))
}

pub(super) fn describe_change(operation: Operation) -> Operation {
    operation
        .named("change_session", "Rename a session or choose its model.")
        .body::<SessionChange>()
        .answers::<Session>(200, "As it is now.")
        .problem(ProblemKind::StorageFailed)
}

/// Where a new session shall begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFork {
    /// The last journal entry to take over; the newest where absent.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    seq: Option<u64>,
    /// What to call it instead; 1 to 200 characters.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    title: Option<String>,
}

pub(super) async fn fork(call: Call) -> Answer {
    let session = find(&call).await?;
    let app = std::sync::Arc::clone(&call.app);
    let new: NewFork = call.json().await?;
    let mut checked = Checked::default();
    let mut into = SessionRecord::new(SessionId::generate(), app.clock.now());
    into.title = app.redactor.cleaned(checked.title(new.title));
    checked.finish()?;
    let last = app.store.last_seq(session.id).await?;
    let up_to = new.seq.unwrap_or(last);
    if up_to > last {
        return Err(Problem::invalid_field("seq", format!("must be {last} at most")));
    }
    let forked = app.store.fork(Fork { from: session.id, up_to, into }).await?;
    Reply::json(StatusCode::CREATED, &Session::from(forked))
}

pub(super) fn describe_fork(operation: Operation) -> Operation {
    operation
        .named("fork_session", "Make a session that begins like another.")
        .body::<NewFork>()
        .answers::<Session>(201, "The new session.")
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    let session = find(&call).await?;
    // A run that goes on would write the journal anew.
    let engine = call.app.engine().await;
    engine.runs.close(session.id).await?;
    if let Some(shell) = &engine.shell {
        shell.end_session(session.id).await;
    }
    call.app.store.delete_session(session.id).await?;
    Ok(Reply::no_content())
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("delete_session", "Stop what runs in a session and delete it with its journal.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

/// The session a path names.
pub(super) async fn find(call: &Call) -> Result<SessionRecord, Problem> {
    let id: SessionId = call.id("session")?;
    call.app.store.session(id).await?.ok_or_else(|| Problem::not_found("session", id))
}

/// Input that is being checked, with its faults.
#[derive(Debug, Default)]
pub(super) struct Checked {
    errors: Vec<FieldError>,
}

impl Checked {
    fn title(&mut self, title: Option<String>) -> Option<String> {
        let title = title?.trim().to_owned();
        if title.is_empty() || title.chars().count() > MAX_TITLE {
            self.fault("title", format!("must have 1 to {MAX_TITLE} characters"));
        }
        Some(title)
    }

    /// A model's name; whether there is such a model is found out by asking it.
    pub(super) fn model(&mut self, field: &str, model: Option<String>) -> Option<ModelName> {
        let model = model?.trim().to_owned();
        let is_name = (1..=MAX_MODEL).contains(&model.len())
            && model.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            self.fault(
                field,
                "must be provider/model, such as demo/demo, or fast, balanced or best",
            );
        }
        Some(ModelName::from(model))
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    /// Fails with all faults, if there are any.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}
