//! What is said in a session: send, and read back.

use std::sync::Arc;

use hyper::StatusCode;
use livos_core::AgentEvent;
use livos_core::ContentBlock;
use livos_core::CrashPoint;
use livos_core::Document;
use livos_core::EventKind;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::Origin;
use livos_core::QueueMode;
use livos_core::Role;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::SessionPatch;
use livos_core::ToolResult;
use livos_core::ToolStatus;
use livos_tools::outgoing::AddressGuard;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use super::page;
use super::sessions;
use super::sessions::Checked;
use crate::app::App;
use crate::callback;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Caller;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::openapi::any_object;
use crate::runs::Speaker;
use crate::runs::Submission;

/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 200;
/// How many characters a title has that nobody chose.
const MAX_OWN_TITLE: usize = 60;
/// How many files a message may bring.
const MAX_ATTACHMENTS: usize = 16;
/// How many entries are read back at a time to find messages.
const HISTORY_WINDOW: u64 = 256;

/// A message for a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["text"], "properties": {"text": {"pattern": "\\S"}}},
    {"required": ["attachments"], "properties": {"attachments": {"minItems": 1}}},
]))]
pub(super) struct NewMessage {
    /// What is said. May be empty only when something is attached.
    #[serde(default)]
    text: String,
    /// Pictures and files to go with it.
    #[serde(default)]
    #[schemars(length(max = 16))]
    attachments: Vec<Attachment>,
    /// The model to ask this time, as `provider/model` or a tier.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    model: Option<String>,
    /// The same key again gets the same answer and no second run; at most 200 bytes.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[ -~]+$"))]
    idempotency_key: Option<String>,
    /// What happens when a run is under way.
    #[serde(default)]
    mode: QueueMode,
    /// Where the answer is posted when the run is over, besides being here.
    reply_to: Option<ReplyTo>,
}

/// Where an answer goes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ReplyTo {
    /// To a web address, as a POST of JSON with an `Idempotency-Key`, until it is answered with 2xx.
    Http {
        /// An http or https address; of the public internet, or of a host that is allowed by name.
        #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://"))]
        url: String,
    },
}

/// A picture or file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Attachment {
    /// Its MIME type: `image/png`, `image/jpeg`, `image/webp`, `image/gif`, `application/pdf` or `text/plain`.
    #[schemars(extend("enum" = ["image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf", "text/plain"]))]
    media_type: String,
    /// Its bytes in base64.
    #[schemars(regex(
        pattern = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"
    ))]
    base64: String,
    /// What to call it.
    name: Option<String>,
}

/// A message that is safe.
#[derive(Debug, Serialize, JsonSchema)]
struct AcceptedMessage {
    /// The run that answers it.
    #[schemars(with = "String", extend("format" = "uuid"))]
    run_id: RunId,
    /// Events after this number tell what comes of it.
    seq: u64,
}

/// Part of what was said.
#[derive(Debug, Serialize, JsonSchema)]
struct History {
    /// Oldest first.
    items: Vec<HistoryItem>,
    /// Give this as `before` to get what was said earlier; absent at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<u64>,
}

/// One message as the journal has it.
#[derive(Debug, Serialize, JsonSchema)]
struct HistoryItem {
    /// The number of its journal entry.
    seq: u64,
    /// The run it belongs to.
    #[schemars(with = "String", extend("format" = "uuid"))]
    run_id: RunId,
    /// When, RFC 3339.
    at: String,
    /// `{role, content: [...]}`; the results of tools are messages of the user.
    #[schemars(schema_with = "any_object")]
    message: Arc<Message>,
}

pub(super) async fn send(call: Call) -> Answer {
    let session = sessions::find(&call).await?;
    let app = Arc::clone(&call.app);
    let origin = origin(call.caller);
    let key = header_key(&call)?;
    let new: NewMessage = call.json_with_uploads().await?;
    let mut submission = read(new, origin, key, &app.callback_guard)?;
    submission.model = submission.model.or(session.model);
    let title = match session.title {
        Some(_) => None,
        None => title_of(&submission.message),
    };
    let accepted = app.engine().await.runs.submit(session.id, submission).await?;
    CrashPoint::Admitted.pass();
    if let Some(title) = title {
        let patch = SessionPatch { title: Some(title), ..SessionPatch::default() };
        // The message is safe; a title that could not be kept is no reason to refuse it.
        if let Err(error) = app.store.update_session(session.id, patch).await {
            tracing::warn!(%error, "the session got no title");
        }
    }
    let body = AcceptedMessage { run_id: accepted.run_id, seq: accepted.seq };
    Reply::json(StatusCode::ACCEPTED, &body)
}

pub(super) fn describe_send(operation: Operation) -> Operation {
    let key = json!({"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"});
    operation
        .named("send_message", "Say something; a run answers it.")
        .header("Idempotency-Key", &key, "As `idempotency_key`, which goes before it.")
        .body::<NewMessage>()
        .answers::<AcceptedMessage>(202, "It is safe and will be answered.")
        .problem(ProblemKind::StorageFailed)
}

/// What a session is called until somebody names it: how its first message begins.
fn title_of(message: &Message) -> Option<String> {
    let text = message.text();
    let line = text.trim().lines().next()?.trim();
    let end = line.char_indices().nth(MAX_OWN_TITLE).map_or(line.len(), |(end, _)| end);
    line.get(..end).filter(|title| !title.is_empty()).map(str::to_owned)
}

/// Who speaks.
pub(super) fn origin(caller: Caller) -> Origin {
    Origin::owner(match caller {
        Caller::Console => "console",
        Caller::KeyHolder | Caller::Anonymous => "api",
    })
}

/// The key of the header `Idempotency-Key`.
fn header_key(call: &Call) -> Result<Option<String>, Problem> {
    let Some(value) = call.headers().get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| is_key(key));
    let wrong = || format!("must have 1 to {MAX_KEY} printable ASCII characters");
    match key {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::invalid_field("Idempotency-Key", wrong())),
    }
}

fn read(
    mut new: NewMessage,
    origin: Origin,
    header_key: Option<String>,
    guard: &AddressGuard,
) -> Result<Submission, Problem> {
    let mut checked = Checked::default();
    new.idempotency_key = new.idempotency_key.or(header_key);
    let reply_to = new.reply_to.and_then(|ReplyTo::Http { url }| {
        callback::address(&url, guard)
            .map_err(|problem| checked.fault("reply_to.url", problem))
            .ok()
    });
    let model = checked.model("model", new.model);
    if new.idempotency_key.as_deref().is_some_and(|key| !is_key(key)) {
        checked.fault(
            "idempotency_key",
            format!("must have 1 to {MAX_KEY} printable ASCII characters"),
        );
    }
    if new.text.trim().is_empty() && new.attachments.is_empty() {
        checked.fault("text", "must not be empty");
    }
    if new.attachments.len() > MAX_ATTACHMENTS {
        checked.fault("attachments", format!("may be {MAX_ATTACHMENTS} at most"));
    }
    let files = new.attachments.into_iter().enumerate();
    let mut content: Vec<ContentBlock> =
        files.filter_map(|(index, file)| block(index, file, &mut checked)).collect();
    if !new.text.trim().is_empty() {
        content.push(ContentBlock::text(new.text));
    }
    checked.finish()?;
    Ok(Submission {
        message: Message::new(Role::User, content),
        mode: new.mode,
        model,
        origin,
        idempotency_key: new.idempotency_key,
        reply_to,
        speaker: Speaker::User,
    })
}

fn block(index: usize, file: Attachment, checked: &mut Checked) -> Option<ContentBlock> {
    if !is_base64(&file.base64) {
        checked.fault(&format!("attachments[{index}].base64"), "must be base64 with padding");
        return None;
    }
    let (media_type, source) = (file.media_type, MediaSource::Base64(file.base64));
    match media_type.as_str() {
        "image/png" | "image/jpeg" | "image/webp" | "image/gif" => {
            Some(ContentBlock::Image(Image { media_type, source }))
        }
        "application/pdf" | "text/plain" => {
            Some(ContentBlock::Document(Document { media_type, source, title: file.name }))
        }
        _ => {
            checked.fault(
                &format!("attachments[{index}].media_type"),
                "must be image/png, image/jpeg, image/webp, image/gif, application/pdf or text/plain",
            );
            None
        }
    }
}

pub(super) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_base64(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !body.is_empty() && text.len().is_multiple_of(4) && body.bytes().all(is_digit)
}

pub(super) async fn history(call: Call) -> Answer {
    let session = sessions::find(&call).await?;
    let mut query = call.query();
    let before: Option<u64> = page::entry(&mut query, "before");
    let limit = page::limit(&mut query);
    query.finish()?;
    Reply::ok(&read_back(&call.app, session.id, before, limit).await?)
}

pub(super) fn describe_history(operation: Operation) -> Operation {
    let schema = page::entry_number();
    let text = "Only what was said before this entry; the `next_before` of the answer before.";
    let operation = operation.named("list_messages", "What was said in a session, oldest first.");
    page::describe_limit(operation.query("before", &schema, text))
        .answers::<History>(200, "The newest of it.")
}

/// The newest messages before an entry: the journal is read in windows from there towards its beginning.
async fn read_back(
    app: &App,
    session: SessionId,
    before: Option<u64>,
    limit: usize,
) -> Result<History, Problem> {
    let last = app.store.last_seq(session).await?;
    let mut end = before.map_or(last, |before| before.saturating_sub(1).min(last));
    let mut items = Vec::new();
    while items.len() < limit && end > 0 {
        let start = end.saturating_sub(HISTORY_WINDOW);
        let size = usize::try_from(end - start).unwrap_or(usize::MAX);
        let entries = app.store.read(session, start, size).await?;
        let mut window: Vec<_> = entries.into_iter().filter_map(item).collect();
        window.append(&mut items);
        items = window;
        end = start;
    }
    let surplus = items.len().saturating_sub(limit);
    items.drain(..surplus);
    let has_earlier = surplus > 0 || end > 0;
    let next_before = items.first().map(|item| item.seq).filter(|_| has_earlier);
    Ok(History { items, next_before })
}

fn item(event: AgentEvent) -> Option<HistoryItem> {
    let seq = event.seq()?;
    let message = match event.kind {
        EventKind::RunAdmitted { input, .. } => input,
        EventKind::InputJoined { message, .. } | EventKind::AssistantMessage { message, .. } => {
            message
        }
        EventKind::ToolFinished { call_id, name, status, content, .. } => {
            let result = ToolResult {
                call_id,
                name,
                content: content.to_vec(),
                is_error: status != ToolStatus::Ok,
            };
            Arc::new(Message::new(Role::User, vec![ContentBlock::ToolResult(result)]))
        }
        _ => return None,
    };
    Some(HistoryItem { seq, run_id: event.run_id, at: event.at.to_string(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_called_by_how_it_begins() {
        let title = |text: &str| title_of(&Message::user(text));
        assert_eq!(title("\n  Pack my bag  \nand go").as_deref(), Some("Pack my bag"));
        assert_eq!(title(&"ä".repeat(99)), Some("ä".repeat(MAX_OWN_TITLE)));
        assert_eq!(title(" \n"), None);
    }
}
