//! The store for several machines.
//!
//! Every key of a store begins with its prefix in braces, a hash tag, so that in a
//! cluster they share one slot. Whatever changes more than one key is one Lua script
//! (`redis/scripts`), and so happens wholly or not at all: admission, append with its
//! fencing token, claim, the end of a run with the replies it owes.
//!
//! | Key below the root | What |
//! |---|---|
//! | `session:ID`, `sessions` | a session; all by their last activity (sorted text) |
//! | `journal:ID`, `said:ID` | its entries, a stream with ids `SEQ-0`; the words of its messages |
//! | `run:ID`, `runs`, `runs:session:ID`, `runs:state:STATE` | a run; the lists it is in |
//! | `queued:ID`, `inputs:ID`, `replies:ID`, `waiting:SESSION` | a run that is not over; those of a session in order |
//! | `ready`, `leased` | the runs that may be claimed, by age; those that are driven, by the end of their lease |
//! | `keys`, `keys:ages` | idempotency keys |
//! | `delivery:ID`, `deliveries…`, `due`, `flying` | replies owed |
//! | `approval:ID`, `approvals…`, `approvals:open:RUN` | what people are asked; what a run waits for |
//! | `approval-rules`, `approval-audit` | the rules; what was decided, sorted text |
//! | `schedule:ID`, `schedules…`, `scheduled` | a schedule; the lists it is in; those due some time, by that time |
//! | `firings:ID`, `firings:slots:ID` | what came of its newest slots, by slot |
//! | `fact:USER:ID`, `facts:all:USER`, `facts:keys:USER` | what is remembered; a user's, sorted text; the current ones by key |
//! | `facts:changed:USER`, `facts:revisions` | a user's facts, removed ones too, by the revision that changed them; the newest of each |
//! | `usage`, `spent`, `spent:hours` | model calls in order of time; what they cost by the hour |
//! | `live:ID` | what was shown of the answer that is being given in a session |
//! | `settings`, `counters`, `format` | values; the newest place and token; the version of all this |
//! | `probe` | that Redis takes something, for a second |
//! | `done:OPERATION` | the answer of an operation, for a few seconds |

mod answer;
mod approvals;
mod breaker;
mod config;
mod connection;
mod entry;
mod facts;
mod failure;
mod feed;
mod fields;
mod journal;
mod listener;
mod outbox;
mod publisher;
mod queue;
mod runs;
mod schedules;
mod script;
mod sessions;
mod settings;
mod setup;
mod usage;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::Serialize;
use uuid::Uuid;

use self::answer::Answer;
use self::connection::Connection;
use self::connection::Request;
use self::listener::Listener;
use self::publisher::Publisher;
use self::script::Script;
use self::script::Scripts;
use super::StoreError;
use super::StoreHealth;
use super::WorkSignal;
use super::WorkSignals;
use super::signals::Signals;

pub use self::config::RedisConfig;

/// The store for several machines: a Redis (6.2 or newer) that they share.
///
/// What survives the death of Redis is Redis's to say: turn `appendonly` on, with
/// `appendfsync always` where even the machine may lose its power. Its `maxmemory-policy`
/// must be `noeviction`; any other drops what is owed.
///
/// While Redis is away every call fails at once with [`StoreError::Unavailable`], and the
/// store finds back by itself. A call whose connection is cut is repeated under the same name,
/// which Redis remembers for 20 seconds, so that nothing is done twice; when no answer comes in
/// time, the error says that the outcome is unknown.
///
/// A search looks at the 10,000 sessions that were used last, and in each at the beginnings
/// (2,000 bytes) of its 1,000 newest messages.
pub struct RedisStore {
    root: String,
    connection: Arc<Connection>,
    scripts: Arc<Scripts>,
    signals: Arc<Signals>,
    listener: Listener,
    publisher: Publisher,
}

impl RedisStore {
    /// Connects to a Redis, and makes it a store if it is none yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer, is too old or the URL is not usable,
    /// [`StoreError::NewerFormat`] when a newer version wrote it.
    pub async fn connect(config: RedisConfig) -> Result<Self, StoreError> {
        let root = config.root();
        let connection = Arc::new(Connection::new(&config)?);
        let scripts = Arc::new(Scripts::new());
        setup::prepare(&connection, &root, &scripts).await?;
        let signals = Arc::new(Signals::default());
        let channel = format!("{root}:signals");
        let listener =
            Listener::start(Arc::clone(&connection), channel, Arc::clone(&signals)).await?;
        let publisher =
            Publisher::start(Arc::clone(&connection), root.clone(), Arc::clone(&scripts));
        Ok(Self { root, connection, scripts, signals, listener, publisher })
    }

    /// Where Redis is, without user and password.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    fn key(&self, parts: &[&(dyn fmt::Display + Sync)]) -> String {
        let mut key = self.root.clone();
        for part in parts {
            key.push(':');
            key.push_str(&part.to_string());
        }
        key
    }

    fn command(&self, name: &str, key: &[&(dyn fmt::Display + Sync)]) -> redis::Cmd {
        let mut command = redis::cmd(name);
        command.arg(self.key(key));
        command
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        self.connection.ask(Request::Command(command)).await
    }

    async fn ask_all<T: redis::FromRedisValue>(
        &self,
        commands: &redis::Pipeline,
    ) -> Result<T, StoreError> {
        self.connection.ask(Request::Pipeline(commands)).await
    }

    /// Runs a script whose effect must not happen twice.
    async fn once(&self, script: &Script, plan: &impl Serialize) -> Result<Answer, StoreError> {
        self.execute(script, &operation(), plan, &[]).await
    }

    /// Runs a script that may be repeated.
    async fn freely(&self, script: &Script, plan: &impl Serialize) -> Result<Answer, StoreError> {
        self.execute(script, "", plan, &[]).await
    }

    async fn execute(
        &self,
        script: &Script,
        operation: &str,
        plan: &impl Serialize,
        bodies: &[String],
    ) -> Result<Answer, StoreError> {
        let plan = fields::to_text(plan)?;
        let invocation = script.invocation(&self.root, operation, &plan, bodies);
        let text: String = self.connection.ask(Request::Script(&invocation)).await?;
        Answer::read(&text)
    }
}

/// A new name for an operation.
fn operation() -> String {
    Uuid::now_v7().simple().to_string()
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("root", &self.root)
            .field("address", &self.connection.address())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl StoreHealth for RedisStore {
    async fn check_health(&self) -> Result<(), StoreError> {
        // A Redis that is full, a replica or unable to save answers questions, but takes nothing.
        let mut probe = self.command("SET", &[&"probe"]);
        self.ask(probe.arg("").arg("PX").arg(1000)).await
    }
}

impl WorkSignals for RedisStore {
    fn signals(&self) -> BoxStream<'static, WorkSignal> {
        self.signals.stream()
    }
}
