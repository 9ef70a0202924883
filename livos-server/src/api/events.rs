//! What happens in a session, as it happens.

use futures::StreamExt;
use futures::future;
use livos_core::AgentEvent;
use livos_core::AtEnd;
use serde_json::json;

use super::page;
use super::sessions;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Frame;
use crate::http::Problem;
use crate::http::event_stream;
use crate::openapi::Operation;

pub(super) async fn follow(call: Call) -> Answer {
    let session = sessions::find(&call).await?;
    let mut query = call.query();
    let after: Option<u64> = page::entry(&mut query, "after");
    let at_end = match query.text("wait").as_deref() {
        None | Some("1") => AtEnd::Wait,
        Some("0") => AtEnd::Stop,
        Some(_) => {
            query.fault("wait", "must be 0 or 1");
            AtEnd::Stop
        }
    };
    query.finish()?;
    // A browser that reconnects knows better where it was than the address it was given at first.
    let after = resumed(&call)?.or(after).unwrap_or(0);
    let counted = call.app.metrics.subscriber();
    let events = call.app.engine().await.runs.follow(session.id, after, at_end).await?;
    let frames = events.filter_map(move |event| {
        let _counted = &counted;
        future::ready(match event {
            Ok(event) => Some(frame(&event)),
            Err(error) => {
                tracing::error!(%error, "an event stream broke off");
                None
            }
        })
    });
    Ok(event_stream(frames, call.app.draining.clone()))
}

pub(super) fn describe_follow(operation: Operation) -> Operation {
    let number = page::entry_number();
    let wait = json!({"type": "string", "enum": ["0", "1"]});
    operation
        .named("follow_session", "Everything that happens in a session, as server-sent events.")
        .query("after", &number, "Only what follows this journal entry; `Last-Event-ID` goes before it.")
        .query("wait", &wait, "0: give what there is and close; 1, the default: go on with what comes.")
        .answers_as(
            200,
            "Events: `id` is the number of a journal entry, `event` its type, `data` the AgentEvent as JSON.",
            "text/event-stream",
        )
}

fn frame(event: &AgentEvent) -> Frame {
    Frame::event(event.seq(), event.kind.name(), event)
}

fn resumed(call: &Call) -> Result<Option<u64>, Problem> {
    let Some(value) = call.headers().get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong =
        |_| Problem::invalid_field("Last-Event-ID", "must be the number of a journal entry");
    text.parse().map(Some).map_err(wrong)
}
