//! Finds in what a user said what is worth remembering, after their run ended.
//!
//! Nothing of it is in memory. A message that may have something in it names this as a place that is told of its run's end
//! ([`NewRun::also_tell`]); so the end of the run and the duty to look at it are one transaction, and the outbox
//! brings it here until there is a receipt. [`ExtractionDue`](due::ExtractionDue) takes the user's own words out
//! of the journal, lets the rules look at them, and admits a run, once for each run whose words it looks at.
//! That run asks a model, like any run; its answer comes back the same way, to
//! [`FactsFound`](found::FactsFound), which checks it and remembers.

mod answer;
mod due;
mod found;
mod grounds;
mod own_words;

use std::slice;
use std::sync::Arc;

use serde_json::Value;

use self::due::ExtractionDue;
use self::found::FactsFound;
use self::own_words::sentences;
use super::Memory;
use super::worth::judge;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::delivery::ReplySink;
use crate::id::ModelName;
use crate::message::Message;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::origin::Trust;
use crate::store::NewRun;
use crate::store::ReplyAddress;
use crate::store::Store;

pub(crate) use self::answer::ask_for_facts;

/// The kind of address of a run whose user's words are to be looked through.
const DUE: &str = "memory-extraction";
/// The kind of address of what was found in them.
const FOUND: &str = "memory-facts";

/// How much a user's words are looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtractionSettings {
    /// The model that is asked; the agent's where absent. A small one will do.
    pub model: Option<ModelName>,
    /// How many times a day, in UTC, a model is asked for one user; 200 unless told otherwise.
    pub daily: u64,
    /// How many tokens one extraction may take; 8,000 unless told otherwise.
    pub tokens: u64,
}

impl Default for ExtractionSettings {
    fn default() -> Self {
        Self { model: None, daily: 200, tokens: 8_000 }
    }
}

impl ExtractionSettings {
    /// Asks this model instead of the agent's.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets how many times a day a model is asked for one user.
    #[must_use]
    pub fn with_daily(mut self, times: u64) -> Self {
        self.daily = times;
        self
    }
}

/// Finds in what users said what is worth remembering, in the background, after their runs.
///
/// Only a run whose message was [followed](Self::follow) is looked at, and no model is asked unless the rules find
/// something in the user's own words that may be worth it. Clones are the same.
///
/// ```
/// # use std::sync::Arc;
/// # use livos_core::{ExtractionSettings, Memory, MemoryExtraction, MemoryStore, Message, NewRun};
/// # use livos_core::{SessionId, Store, Timestamp};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let memory = Memory::builder(Arc::clone(&store) as _).build();
/// let extraction = MemoryExtraction::new(Arc::clone(&store), memory, ExtractionSettings::default());
/// let message = Message::user("I am allergic to peanuts.");
/// let run = NewRun::new(SessionId::generate(), message, Timestamp::from_unix_micros(0));
/// let run = extraction.follow(run);
/// assert!(run.also_tell.is_some());
/// let sinks = extraction.sinks();  // for the delivery worker of the store
/// # assert_eq!(sinks.len(), 2);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryExtraction(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Arc<dyn Store>,
    memory: Memory,
    clock: Arc<dyn Clock>,
    settings: ExtractionSettings,
}

impl MemoryExtraction {
    /// Looks through runs of this store, and remembers in this memory.
    pub fn new(store: Arc<dyn Store>, memory: Memory, settings: ExtractionSettings) -> Self {
        Self(Arc::new(Parts { store, memory, clock: Arc::new(SystemClock), settings }))
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let Parts { store, memory, settings, .. } = &*self.0;
        let (store, memory, settings) = (Arc::clone(store), memory.clone(), settings.clone());
        Self(Arc::new(Parts { store, memory, clock, settings }))
    }

    /// Has the user's words looked through when the run ended. One in which the rules find nothing that may be
    /// worth remembering, that nobody trusted said, or that is no message, is left as it is.
    #[must_use]
    pub fn follow(&self, mut run: NewRun) -> NewRun {
        let is_said = run.trigger == Trigger::Message && is_trusted(&run.origin);
        if is_said && self.may_be_worth_it(&run.input) {
            let user = Value::from(run.origin.user.as_str());
            let address = serde_json::json!({ "user": user });
            run.also_tell = Some(ReplyAddress { kind: DUE.into(), address });
        }
        run
    }

    fn may_be_worth_it(&self, message: &Arc<Message>) -> bool {
        let redactor = &self.0.memory.0.redactor;
        let sentences = sentences(slice::from_ref(message));
        sentences.iter().any(|sentence| judge(sentence, redactor).is_ok())
    }

    /// What the delivery worker of the store needs to bring runs here.
    pub fn sinks(&self) -> Vec<Arc<dyn ReplySink>> {
        vec![
            Arc::new(ExtractionDue(Arc::clone(&self.0))),
            Arc::new(FactsFound(Arc::clone(&self.0))),
        ]
    }
}

/// Whether what somebody says is theirs alone, and to be remembered.
fn is_trusted(origin: &Origin) -> bool {
    origin.trust > Trust::Group
}
