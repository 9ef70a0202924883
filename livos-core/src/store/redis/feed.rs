//! The feed of all processes that share a Redis.
//!
//! What is shown lies in a stream (`live:ID`) until the journal grows, which the script
//! that appends does and tells; whoever comes in between reads the stream first. Each event has
//! a number, so that what arrives both ways is seen once.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use serde_json::json;
use tokio::sync::mpsc;

use super::RedisStore;
use super::failure::damaged;
use super::fields::to_text;
use crate::event::AgentEvent;
use crate::feed::EventFeed;
use crate::feed::KEPT_EVENTS;
use crate::feed::Shown;
use crate::feed::Watch;
use crate::id::SessionId;
use crate::store::StoreError;

#[async_trait]
impl EventFeed for RedisStore {
    async fn show(&self, event: AgentEvent) -> Result<(), StoreError> {
        // The script that wrote an entry down has told of it.
        if event.kind.is_durable() {
            return Ok(());
        }
        let plan = json!({ "session": event.session_id, "kept": KEPT_EVENTS });
        let body = [to_text(&event)?];
        self.execute(&self.scripts.show, &super::operation(), &plan, &body).await?;
        Ok(())
    }

    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError> {
        let messages = self.listener.hear(self.key(&[&"events", &session_id])).await?;
        let mut range = self.command("XRANGE", &[&"live", &session_id]);
        let shown: Vec<(String, Vec<String>)> = self.ask(range.arg("-").arg("+")).await?;
        let mut partial = Vec::with_capacity(shown.len());
        let mut last = 0;
        for (id, fields) in &shown {
            let number = id.strip_suffix("-0").and_then(|number| number.parse().ok());
            last = number.ok_or_else(|| damaged("event", id))?;
            partial.push(read(fields.get(1).map_or("", String::as_str))?);
        }
        let live = stream::unfold((messages, last), next);
        Ok(Watch { partial, live: live.boxed() })
    }
}

type Messages = mpsc::Receiver<Vec<u8>>;

/// The next thing to see; what was in the stream already is passed over.
async fn next((mut messages, last): (Messages, u64)) -> Option<(Shown, (Messages, u64))> {
    loop {
        let message = messages.recv().await?;
        if message.is_empty() {
            return Some((Shown::Grown, (messages, last)));
        }
        let (number, event) = std::str::from_utf8(&message).ok()?.split_once(' ')?;
        if number.parse::<u64>().ok()? > last {
            return Some((Shown::Event(read(event).ok()?.into()), (messages, last)));
        }
    }
}

fn read(text: &str) -> Result<AgentEvent, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged("event", &error))
}
