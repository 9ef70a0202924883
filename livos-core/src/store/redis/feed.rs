//! The feed of all processes that share a Redis.
//!
//! What is shown of an answer lies in a stream (`live:ID`) until an entry makes it void, which the
//! script that appends does and tells; whoever comes in between reads the stream first. Each event has
//! a number, so that what arrives both ways is seen once, and says which entry it follows, so that what
//! arrives after the entry that made it void is not shown any more.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;

use super::RedisStore;
use super::failure::damaged;
use super::listener::News;
use crate::event::AgentEvent;
use crate::feed::EventFeed;
use crate::feed::Partial;
use crate::feed::Shown;
use crate::feed::Watch;
use crate::id::SessionId;
use crate::store::StoreError;

#[async_trait]
impl EventFeed for RedisStore {
    fn show(&self, event: AgentEvent) {
        self.publisher.show(&event);
    }

    fn grown(&self, _: SessionId, _: u64) {
        // The script that wrote the entry down has told of it.
    }

    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError> {
        let messages = self.listener.hear(self.key(&[&"events", &session_id])).await?;
        let mut range = self.command("XRANGE", &[&"live", &session_id]);
        let shown: Vec<(String, Vec<String>)> = self.ask(range.arg("-").arg("+")).await?;
        let mut partial = Partial::default();
        let mut last = 0;
        for (id, fields) in &shown {
            let number = id.strip_suffix("-0").and_then(|number| number.parse().ok());
            last = number.ok_or_else(|| damaged("event", id))?;
            partial.push(&read(fields.get(3).map_or("", String::as_str))?);
        }
        let live = stream::unfold((messages, last), next);
        Ok(Watch { partial: partial.into_pieces(), live: live.boxed() })
    }
}

type Messages = mpsc::Receiver<News>;

/// The next thing to see; what was in the stream already is passed over.
async fn next((mut messages, last): (Messages, u64)) -> Option<(Shown, (Messages, u64))> {
    loop {
        let shown = match messages.recv().await? {
            News::Grown(seq) => Shown::Grown(seq),
            News::Shown(number, event) if number > last => Shown::Event(event),
            News::Shown(..) => continue,
        };
        return Some((shown, (messages, last)));
    }
}

fn read(text: &str) -> Result<AgentEvent, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged("event", &error))
}
