//! What the test was told by servers that died since: who was acknowledged, which entries were shown.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use serde_json::Value;
use tokio::sync::watch;

use crate::plan::message_in;

/// How messages of a session are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Each gets a run of its own, in order.
    Queue,
    /// They join what runs.
    Steer,
    /// Whatever comes, and runs are interrupted and cancelled.
    Unruly,
}

/// A message that a server took.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) message: String,
    pub(crate) body: Value,
}

/// What is known of a session.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) conduct: Conduct,
    /// In the order they were sent.
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Entries by their number, as they were first shown.
    pub(crate) shown: BTreeMap<u64, Value>,
    /// Whether nothing more will be said in it.
    is_over: bool,
    run_of: HashMap<String, String>,
    ended: HashSet<String>,
    /// Runs that an agent's result began.
    begun_by_results: HashSet<String>,
}

impl Known {
    /// An agent that it started. Nobody watches it, and it is stopped with the run that asked for it.
    pub(crate) fn agent(&self, name: String, id: String) -> Self {
        let conduct = Conduct::Unruly;
        let (acknowledged, shown) = (Vec::new(), BTreeMap::new());
        Self { name, id, conduct, acknowledged, shown, ..self.clone() }
    }

    fn is_settled(&self) -> bool {
        self.is_over && self.acknowledged.iter().all(|sent| self.is_answered(&sent.message))
    }

    fn is_answered(&self, message: &str) -> bool {
        self.run_of.get(message).is_some_and(|run| self.ended.contains(run))
    }
}

/// Something that was promised and not kept.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) session: Option<String>,
    pub(crate) what: String,
    /// When it was noticed.
    pub(crate) during: String,
}

/// What the test was told. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    facts: Mutex<Facts>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Facts {
    sessions: BTreeMap<String, Known>,
    violations: Vec<Violation>,
    during: String,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let (facts, changes) = (Mutex::default(), watch::Sender::new(0));
        Self(Arc::new(Shared { facts, changes }))
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap()
    }

    /// Says what is being done to the server, for violations to name.
    pub(crate) fn now(&self, during: String) {
        self.facts().during = during;
    }

    pub(crate) fn violated(&self, session: Option<&str>, what: impl Into<String>) {
        let mut facts = self.facts();
        let (session, during) = (session.map(str::to_owned), facts.during.clone());
        facts.violations.push(Violation { session, what: what.into(), during });
        drop(facts);
        self.0.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.facts().violations.clone()
    }

    pub(crate) fn began(&self, name: &str, id: &str, conduct: Conduct) {
        let known = Known {
            name: name.to_owned(),
            id: id.to_owned(),
            conduct,
            acknowledged: Vec::new(),
            shown: BTreeMap::new(),
            is_over: false,
            run_of: HashMap::new(),
            ended: HashSet::new(),
            begun_by_results: HashSet::new(),
        };
        self.facts().sessions.insert(name.to_owned(), known);
    }

    pub(crate) fn acknowledged(&self, session: &str, acknowledged: Acknowledged) {
        if let Some(known) = self.facts().sessions.get_mut(session) {
            known.acknowledged.push(acknowledged);
        }
    }

    /// Takes note of an entry that a server showed.
    pub(crate) fn shown(&self, session: &str, seq: u64, entry: Value) {
        let changed =
            self.facts().sessions.get_mut(session).and_then(|known| known.show(seq, entry));
        if let Some(what) = changed {
            self.violated(Some(session), what);
        }
        self.0.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn sessions(&self) -> Vec<Known> {
        self.facts().sessions.values().cloned().collect()
    }

    /// Says that nothing more will be said in a session.
    pub(crate) fn over(&self, session: &str) {
        if let Some(known) = self.facts().sessions.get_mut(session) {
            known.is_over = true;
        }
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// Waits until a message is answered.
    pub(crate) async fn answered(&self, session: &str, message: &str) {
        self.until(session, |known| known.is_answered(message)).await;
    }

    /// Waits until a session is over and everything said in it is answered.
    pub(crate) async fn settled(&self, session: &str) {
        self.until(session, Known::is_settled).await;
    }

    async fn until(&self, session: &str, is_so: impl Fn(&Known) -> bool) {
        let mut changes = self.0.changes.subscribe();
        loop {
            let is_reached = self.facts().sessions.get(session).is_none_or(&is_so);
            if is_reached || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// The runs that ended and owe somebody a reply.
    pub(crate) fn ended(&self) -> Vec<String> {
        let facts = self.facts();
        let owing = |known: &Known| -> Vec<String> {
            known.ended.iter().filter(|run| known.owes(run)).cloned().collect()
        };
        facts.sessions.values().flat_map(owing).collect()
    }

    /// The sessions in which an acknowledged message has no answer yet.
    pub(crate) fn unanswered(&self) -> Vec<String> {
        let facts = self.facts();
        let open = facts.sessions.values().filter(|known| {
            known.acknowledged.iter().any(|message| !known.is_answered(&message.message))
        });
        open.map(|known| known.name.clone()).collect()
    }
}

impl Known {
    /// Whether a run answers a message: one that a result began does only if a message joined it.
    fn owes(&self, run: &str) -> bool {
        !self.begun_by_results.contains(run) || self.run_of.values().any(|of| of == run)
    }

    /// What is wrong with an entry, compared to what was shown under its number before.
    fn show(&mut self, seq: u64, entry: Value) -> Option<String> {
        let run = entry["run_id"].as_str().unwrap_or_default().to_owned();
        if let Some(message) = said(&entry).and_then(message_in) {
            self.run_of.insert(message.to_owned(), run.clone());
        }
        if entry["type"] == "run_admitted" && entry["trigger"] == "subagent" {
            self.begun_by_results.insert(run.clone());
        }
        if entry["type"] == "run_finished" {
            self.ended.insert(run);
        }
        match self.shown.get(&seq) {
            Some(before) if *before != entry => {
                Some(format!("number {seq} was shown as {before}, and then as {entry}"))
            }
            Some(_) => None,
            None => {
                self.shown.insert(seq, entry);
                None
            }
        }
    }
}

/// What a person said with an entry.
pub(crate) fn said(entry: &Value) -> Option<&str> {
    let message = match entry["type"].as_str()? {
        "run_admitted" => &entry["input"],
        "input_joined" => &entry["message"],
        _ => return None,
    };
    message["content"].as_array()?.iter().find_map(|block| block["text"].as_str())
}
