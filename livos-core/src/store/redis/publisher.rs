//! Shows what happens to other processes, without holding up what happens.
//!
//! What is to be shown is collected here and sent by a task, all of it in one script, while the next is
//! collected; the slower Redis is, the more pieces are joined to one. So what waits is at most one answer
//! for each run that is driven here, since an entry that ends an answer takes it back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::breaker::pause;
use super::connection::Connection;
use super::connection::Request;
use super::fields::to_text;
use super::script::Scripts;
use crate::event::AgentEvent;
use crate::event::Position;
use crate::feed::Partial;
use crate::feed::ends_answer;
use crate::feed::is_of_answer;
use crate::id::RunId;
use crate::id::SessionId;
use crate::store::StoreError;

/// How many pieces are kept in Redis for those who come in the middle of an answer; of a longer one they
/// miss the beginning.
const KEPT_EVENTS: usize = 16_384;

/// A task that shows for as long as this lives.
pub(super) struct Publisher {
    task: JoinHandle<()>,
    waiting: Arc<Waiting>,
}

/// What was not shown yet.
#[derive(Default)]
struct Waiting {
    sessions: Mutex<HashMap<SessionId, Partial>>,
    news: Notify,
}

/// What the script is told of all that it shows.
#[derive(Serialize)]
struct Plan {
    kept: usize,
    events: Vec<EventPlan>,
}

#[derive(Serialize)]
struct EventPlan {
    session: SessionId,
    run: RunId,
    after: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    kept: bool,
}

impl Publisher {
    pub(super) fn start(connection: Arc<Connection>, root: String, scripts: Arc<Scripts>) -> Self {
        let waiting = Arc::<Waiting>::default();
        let sender = Sender { waiting: Arc::clone(&waiting), connection, root, scripts };
        Self { task: tokio::spawn(sender.send_always()), waiting }
    }

    /// Shows an event soon, or takes back what it makes void.
    pub(super) fn show(&self, event: &AgentEvent) {
        let mut sessions = self.waiting.sessions();
        match event.position {
            Position::Seq(seq) if ends_answer(&event.kind) => {
                if let Some(waiting) = sessions.get_mut(&event.session_id) {
                    waiting.void(event.run_id, seq);
                }
            }
            // The script that wrote an entry down has told of it.
            Position::Seq(_) => {}
            Position::After(_) => {
                sessions.entry(event.session_id).or_default().push(event);
                drop(sessions);
                self.waiting.news.notify_one();
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Waiting {
    /// All that waits, if anything does.
    fn take(&self) -> Vec<AgentEvent> {
        let sessions = std::mem::take(&mut *self.sessions());
        sessions.into_values().flat_map(Partial::into_pieces).collect()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Partial>> {
        // Nothing panics while it holds the lock.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the task knows.
struct Sender {
    waiting: Arc<Waiting>,
    connection: Arc<Connection>,
    root: String,
    scripts: Arc<Scripts>,
}

impl Sender {
    async fn send_always(self) {
        loop {
            self.waiting.news.notified().await;
            let events = self.waiting.take();
            if events.is_empty() {
                continue;
            }
            match plan(&events) {
                Ok((plan, bodies)) => self.send(&plan, &bodies).await,
                Err(error) => tracing::error!(%error, "what happens in a run cannot be shown"),
            }
        }
    }

    /// Sends until Redis took it: those who watch may not miss a piece of what they read.
    async fn send(&self, plan: &str, bodies: &[String]) {
        let operation = super::operation();
        let invocation = self.scripts.show.invocation(&self.root, &operation, plan, bodies);
        let mut failures = 0;
        loop {
            match self.connection.ask::<String>(Request::Script(&invocation)).await {
                Ok(_) => return,
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "what happens in runs is shown when Redis is back");
                    tokio::time::sleep(pause(failures)).await;
                    failures = failures.saturating_add(1);
                }
                Err(error) => {
                    tracing::warn!(%error, "what happens in runs could not be shown");
                    return;
                }
            }
        }
    }
}

fn plan(events: &[AgentEvent]) -> Result<(String, Vec<String>), StoreError> {
    let mut plan = Plan { kept: KEPT_EVENTS, events: Vec::with_capacity(events.len()) };
    let mut bodies = Vec::with_capacity(events.len());
    for event in events {
        let (Position::Seq(after) | Position::After(after)) = event.position;
        let kept = is_of_answer(&event.kind);
        plan.events.push(EventPlan { session: event.session_id, run: event.run_id, after, kept });
        bodies.push(to_text(event)?);
    }
    Ok((to_text(&plan)?, bodies))
}
