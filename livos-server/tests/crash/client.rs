//! One who talks in one session after the other, and repeats each message until it is acknowledged.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::chance::Chance;
use crate::ledger::Acknowledged;
use crate::ledger::Conduct;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::preference;
use crate::watcher::watch;

/// The longest that one thinks before the next message, in milliseconds.
const LONGEST_THOUGHT: u64 = 120;
/// The longest that one waits for an answer before saying more.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) chance: Chance,
    pub(crate) api: Api,
    pub(crate) ledger: Ledger,
    pub(crate) sink_url: String,
    /// No session is begun after this.
    pub(crate) enough: CancellationToken,
    /// Those who watch its sessions.
    pub(crate) watchers: TaskTracker,
    /// Nobody watches after this.
    pub(crate) over: CancellationToken,
}

impl Client {
    /// Talks until it is enough.
    pub(crate) async fn run(mut self) {
        let mut count = 0;
        while !self.enough.is_cancelled() {
            let name = format!("s{}-{count}", self.number);
            count += 1;
            if let Some(id) = self.begin(&name).await {
                let conduct = self.conduct();
                self.ledger.began(&name, &id, conduct);
                let watched =
                    watch(self.ledger.clone(), name.clone(), id.clone(), self.api.clone());
                self.watchers.spawn(self.over.clone().run_until_cancelled_owned(watched));
                self.talk(&name, &id, conduct).await;
                self.ledger.over(&name);
                // Else kills would leave more work behind than servers do between them.
                self.ledger.settled(&name).await;
            }
        }
    }

    async fn begin(&self, name: &str) -> Option<String> {
        match self.api.post("/api/sessions", &json!({"title": name})).await {
            Ok(session) => session["id"].as_str().map(str::to_owned),
            Err(refused) => {
                self.ledger.violated(None, refused);
                None
            }
        }
    }

    fn conduct(&mut self) -> Conduct {
        self.chance.pick(&[Conduct::Queue, Conduct::Steer, Conduct::Unruly])
    }

    async fn talk(&mut self, name: &str, id: &str, conduct: Conduct) {
        for number in 0..self.chance.between(3, 7) {
            let message = format!("{name}-m{number}");
            let plan = Plan::draw(message.clone(), &mut self.chance);
            let tells = self.chance.percent(preference::percent_of(number));
            let body = json!({
                "text": if tells { plan.telling_text() } else { plan.text() },
                "idempotency_key": message,
                "mode": self.mode(conduct),
                "reply_to": {"kind": "http", "url": format!("{}/reply/{name}", self.sink_url)},
            });
            let Some(run) = self.send(name, id, &message, body).await else { return };
            if conduct == Conduct::Unruly && self.chance.percent(20) {
                let cancelled = self.api.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
                // A run that was joined and became another one need not exist; only lost messages count.
                drop(cancelled);
            }
            match self.chance.percent(50) {
                true => {
                    let answered = self.ledger.answered(name, &message);
                    // Whether it ever is answered is found out at the end.
                    drop(tokio::time::timeout(PATIENCE, answered).await);
                }
                false => {
                    let thought = Duration::from_millis(self.chance.below(LONGEST_THOUGHT));
                    tokio::time::sleep(thought).await;
                }
            }
        }
    }

    fn mode(&mut self, conduct: Conduct) -> &'static str {
        match conduct {
            Conduct::Queue => "queue",
            Conduct::Steer => "steer",
            Conduct::Unruly => self.chance.pick(&["queue", "steer", "interrupt"]),
        }
    }

    /// Sends a message until it is acknowledged, and gives its run.
    async fn send(&self, name: &str, id: &str, message: &str, body: Value) -> Option<String> {
        let path = format!("/api/sessions/{id}/messages");
        match self.api.post(&path, &body).await {
            Ok(answer) => {
                let acknowledged = Acknowledged { message: message.to_owned(), body };
                self.ledger.acknowledged(name, acknowledged);
                answer["run_id"].as_str().map(str::to_owned)
            }
            Err(refused) => {
                self.ledger.violated(Some(name), refused);
                None
            }
        }
    }
}
