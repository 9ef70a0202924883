//! Hears what other processes tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use redis::Msg;
use redis::aio::PubSub;
use redis::aio::PubSubSink;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::breaker::pause;
use super::connection::Connection;
use super::failure::store_error;
use crate::event::AgentEvent;
use crate::feed::WATCHER_BUFFER;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::store::signals::Signals;

/// How often the connection is tried, and channels that nobody watches are left.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// How long Redis has to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many who want to watch may wait for that.
const BACKLOG: usize = 64;

/// A task that hears for as long as this lives.
pub(super) struct Listener {
    task: JoinHandle<()>,
    wishes: mpsc::Sender<Wish>,
}

/// What is told of a session; read once for all who watch it.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// The journal has entries up to this number.
    Grown(u64),
    /// Something is shown, under its number among all that is shown.
    Shown(u64, Arc<AgentEvent>),
}

impl News {
    fn read(payload: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok()?;
        match text.split_once(' ') {
            None => text.parse().ok().map(Self::Grown),
            Some((number, event)) => {
                let event: AgentEvent = serde_json::from_str(event).ok()?;
                Some(Self::Shown(number.parse().ok()?, event.into()))
            }
        }
    }
}

/// Somebody wants to hear the news of a session.
struct Wish {
    channel: String,
    hears: oneshot::Sender<mpsc::Receiver<News>>,
}

impl Listener {
    /// Begins to hear: from when this returns on, no signal is missed without [`WorkSignal::Missed`].
    pub(super) async fn start(
        connection: Arc<Connection>,
        channel: String,
        signals: Arc<Signals>,
    ) -> Result<Self, StoreError> {
        let first = connection.listen(&channel).await.map_err(store_error)?;
        let (wishes, wished) = mpsc::channel(BACKLOG);
        let ear = Ear { channel, signals, watchers: HashMap::new(), wished };
        Ok(Self { task: tokio::spawn(ear.hear_always(connection, first)), wishes })
    }

    /// What is told in the channel of a session, from when this returns on.
    pub(super) async fn hear(&self, channel: String) -> Result<mpsc::Receiver<News>, StoreError> {
        let (hears, heard) = oneshot::channel();
        let deaf =
            || StoreError::unavailable("Redis does not answer; what it publishes is not heard");
        let wish = self.wishes.send(Wish { channel, hears });
        let answered = tokio::time::timeout(2 * PATIENCE, async {
            wish.await.ok()?;
            heard.await.ok()
        });
        answered.await.ok().flatten().ok_or_else(deaf)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task knows.
struct Ear {
    /// The channel of the signals.
    channel: String,
    signals: Arc<Signals>,
    /// Who watches which channel.
    watchers: HashMap<String, Vec<mpsc::Sender<News>>>,
    wished: mpsc::Receiver<Wish>,
}

impl Ear {
    async fn hear_always(mut self, connection: Arc<Connection>, first: PubSub) {
        self.hear(first).await;
        loop {
            // Whoever watched may have missed something, and is to begin anew.
            self.watchers.clear();
            let again = reconnect(&connection, &self.channel).await;
            connection.is_back();
            self.signals.send(WorkSignal::Missed);
            self.hear(again).await;
        }
    }

    /// Passes on what is published until the connection is cut.
    async fn hear(&mut self, listening: PubSub) {
        let (mut sink, mut messages) = listening.split();
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_well = tokio::select! {
                message = messages.next() => message.is_some_and(|message| self.pass_on(&message)),
                Some(wish) = self.wished.recv() => self.fulfil(wish, &mut sink).await,
                _ = check.tick() => self.check(&mut sink).await,
            };
            if !is_well {
                return;
            }
        }
    }

    fn pass_on(&mut self, message: &Msg) -> bool {
        let (channel, payload) = (message.get_channel_name(), message.get_payload_bytes());
        if channel == self.channel {
            if let Some(signal) = signal(payload) {
                self.signals.send(signal);
            }
        } else if let Some(watchers) = self.watchers.get_mut(channel) {
            if let Some(news) = News::read(payload) {
                watchers.retain(|watcher| watcher.try_send(news.clone()).is_ok());
            } else {
                tracing::error!(channel, "what is told of a session cannot be read");
                watchers.clear();
            }
        }
        true
    }

    async fn fulfil(&mut self, wish: Wish, sink: &mut PubSubSink) -> bool {
        let Wish { channel, hears } = wish;
        if !self.watchers.contains_key(&channel) {
            let subscribed = tokio::time::timeout(PATIENCE, sink.subscribe(&channel)).await;
            if !matches!(subscribed, Ok(Ok(()))) {
                return false;
            }
        }
        let (watcher, heard) = mpsc::channel(WATCHER_BUFFER);
        self.watchers.entry(channel).or_default().push(watcher);
        // Whoever does not wait any more is noticed at the next check.
        hears.send(heard).ok();
        true
    }

    async fn check(&mut self, sink: &mut PubSubSink) -> bool {
        let answer = tokio::time::timeout(PATIENCE, async {
            sink.ping::<redis::Value>().await?;
            let channels = self.watchers.extract_if(|_, watchers| {
                watchers.retain(|watcher| !watcher.is_closed());
                watchers.is_empty()
            });
            for channel in channels.map(|(channel, _)| channel).collect::<Vec<_>>() {
                sink.unsubscribe(channel).await?;
            }
            Ok::<(), redis::RedisError>(())
        });
        matches!(answer.await, Ok(Ok(())))
    }
}

async fn reconnect(connection: &Connection, channel: &str) -> PubSub {
    let mut failures = 0;
    loop {
        match connection.listen(channel).await {
            Ok(listening) => return listening,
            Err(_) => {
                tokio::time::sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// What the scripts publish.
fn signal(message: &[u8]) -> Option<WorkSignal> {
    let message = std::str::from_utf8(message).ok()?;
    match message.split_once(':') {
        None if message == "ready" => Some(WorkSignal::RunReady),
        None if message == "due" => Some(WorkSignal::DeliveryDue),
        None if message == "schedule" => Some(WorkSignal::ScheduleChanged),
        Some(("input", run)) => run.parse().ok().map(WorkSignal::InputArrived),
        Some(("approval", run)) => run.parse().ok().map(WorkSignal::ApprovalResolved),
        Some(("cancel", run)) => run.parse().ok().map(WorkSignal::CancelRequested),
        Some(("ended", run)) => ended(run),
        _ => None,
    }
}

fn ended(text: &str) -> Option<WorkSignal> {
    let (trigger, run) = text.split_once(':')?;
    let trigger = serde_json::from_value(trigger.into()).ok()?;
    Some(WorkSignal::RunEnded(run.parse().ok()?, trigger))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;
    use crate::origin::Trigger;

    #[test]
    fn signals_are_read() {
        let run = RunId::generate();
        assert_eq!(signal(b"ready"), Some(WorkSignal::RunReady));
        assert_eq!(signal(b"due"), Some(WorkSignal::DeliveryDue));
        assert_eq!(signal(format!("input:{run}").as_bytes()), Some(WorkSignal::InputArrived(run)));
        let cancel = Some(WorkSignal::CancelRequested(run));
        assert_eq!(signal(format!("cancel:{run}").as_bytes()), cancel);
        let ended = Some(WorkSignal::RunEnded(run, Trigger::Subagent));
        assert_eq!(signal(format!("ended:subagent:{run}").as_bytes()), ended);
        let decided = Some(WorkSignal::ApprovalResolved(run));
        assert_eq!(signal(format!("approval:{run}").as_bytes()), decided);
        assert_eq!(signal(b"schedule"), Some(WorkSignal::ScheduleChanged));
        for nothing in ["", "input:", "later:1", "input:x"] {
            assert_eq!(signal(nothing.as_bytes()), None, "{nothing}");
        }
    }
}
