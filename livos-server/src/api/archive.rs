//! Sessions as files: JSON Lines out and in.
//!
//! The first line tells what follows; then comes a journal entry a line, exactly as
//! observers see it. The number of entries is told first, so that a file that was cut is noticed.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header;
use hyper::header::HeaderValue;
use livos_core::AgentEvent;
use livos_core::ImportedSession;
use livos_core::NewEntry;
use livos_core::SessionId;
use livos_core::SessionRecord;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use super::sessions;
use super::sessions::Session;
use crate::app::App;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::http::Response;
use crate::openapi::Operation;

/// The media type of JSON Lines.
const MEDIA_TYPE: &str = "application/x-ndjson";
/// What the first line says.
const FORMAT: &str = "livos-session";
/// The newest version of the format that is understood.
const VERSION: u32 = 1;
/// How many entries are read from the journal at once.
const READ_BATCH: usize = 256;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
    session: SessionRecord,
    /// How many lines follow.
    entries: u64,
}

pub(super) async fn export(call: Call) -> Answer {
    let session = sessions::find(&call).await?;
    let entries = call.app.store.last_seq(session.id).await?;
    let id = session.id;
    let head = Head { format: FORMAT.to_owned(), version: VERSION, session, entries };
    let head = line(&head).map_err(|error| Problem::internal(&error))?;
    let app = std::sync::Arc::clone(&call.app);
    let batches = stream::unfold((app, 0), move |(app, after)| async move {
        if after >= entries {
            return None;
        }
        let read = read(&app, id, after, entries).await?;
        Some((read.0, (app, read.1)))
    });
    let pieces = stream::iter([head]).chain(batches);
    let body = StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece))));
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    let name = format!("attachment; filename=\"session-{id}.jsonl\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The next entries as lines, and the number of the last. When the store fails the file ends, visibly short.
async fn read(app: &App, id: SessionId, after: u64, end: u64) -> Option<(Bytes, u64)> {
    let limit = usize::try_from(end - after).unwrap_or(READ_BATCH).min(READ_BATCH);
    let entries = match app.store.read(id, after, limit).await {
        Ok(entries) => entries,
        Err(error) => {
            tracing::error!(%error, session_id = %id, "an export broke off");
            return None;
        }
    };
    let last = entries.last().and_then(AgentEvent::seq)?;
    let mut lines = Vec::new();
    for entry in entries {
        // A secret may be known only since it was said.
        lines.extend_from_slice(&line(&app.redactor.cleaned(entry)).ok()?);
    }
    Some((lines.into(), last))
}

fn line(value: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line.into())
}

pub(super) fn describe_export(operation: Operation) -> Operation {
    operation.named("export_session", "A session as a file: JSON Lines of its journal.").answers_as(
        200,
        "A line that tells what follows, then an AgentEvent a line.",
        MEDIA_TYPE,
    )
}

pub(super) async fn import(call: Call) -> Answer {
    let app = std::sync::Arc::clone(&call.app);
    let mut query = call.query();
    let is_copy = match query.text("as").as_deref() {
        None => false,
        Some("new") => true,
        Some(_) => {
            query.fault("as", "must be new, or absent");
            false
        }
    };
    query.finish()?;
    let text = call.text_with_uploads(MEDIA_TYPE).await?;
    let mut imported = parse(&text)?;
    imported.session.parent = None;
    imported.session.title = imported.session.title.map(|title| app.redactor.cleaned(title));
    for entry in &mut imported.entries {
        entry.kind = app.redactor.cleaned(entry.kind.clone());
    }
    if is_copy {
        imported.session.id = SessionId::generate();
    }
    let session = imported.session.clone();
    app.store.import(imported).await?;
    Reply::json(StatusCode::CREATED, &Session::from(session))
}

pub(super) fn describe_import(operation: Operation) -> Operation {
    let new = json!({"type": "string", "enum": ["new"]});
    operation
        .named("import_session", "Take over a session that was exported, here or elsewhere.")
        .query("as", &new, "`new`: under an id of its own, as a copy.")
        .body_as(MEDIA_TYPE)
        .answers::<Session>(201, "It is here.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

fn parse(text: &[u8]) -> Result<ImportedSession, Problem> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = (1_u64..).zip(lines).filter(|(_, line)| !line.is_empty());
    let fault = |line: u64, text: String| Problem::invalid_field(format!("line {line}"), text);
    let (_, first) = lines.next().ok_or_else(|| fault(1, "is missing".to_owned()))?;
    let head: Head = serde_json::from_slice(first)
        .map_err(|error| fault(1, format!("is not the head of an exported session: {error}")))?;
    if head.format != FORMAT || head.version > VERSION {
        let problem = format!("must say format {FORMAT} and a version up to {VERSION}");
        return Err(fault(1, problem));
    }
    let mut entries = Vec::new();
    for (number, line) in lines {
        let event: AgentEvent =
            serde_json::from_slice(line).map_err(|error| fault(number, error.to_string()))?;
        let expected = entries.len() as u64 + 1;
        if event.seq() != Some(expected) {
            return Err(fault(number, format!("must be the entry of number {expected}")));
        }
        entries.push(NewEntry { run_id: event.run_id, at: event.at, kind: event.kind });
    }
    if entries.len() as u64 != head.entries {
        let found = entries.len();
        let problem = format!("{found} entries follow and not {}: the file was cut", head.entries);
        return Err(fault(1, problem));
    }
    Ok(ImportedSession { session: head.session, entries })
}
