//! Embeddable agent runtime: the agent loop, its tools, providers, journal and events,
//! with no network of its own.
//!
//! ```
//! use futures::StreamExt;
//! use livos_core::testing::{Script, ScriptedProvider};
//! use livos_core::{AgentLoop, Effect, EventKind, Tool, ToolContext, ToolError, ToolOutput, ToolRegistry};
//!
//! struct Weather;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct WeatherArgs {
//!     /// The city to look up.
//!     city: String,
//! }
//!
//! impl Tool for Weather {
//!     type Args = WeatherArgs;
//!     fn name(&self) -> &str { "weather" }
//!     fn description(&self) -> &str { "Tells the weather in a city." }
//!     fn effect(&self) -> Effect { Effect::ReadOnly }
//!     async fn call(&self, args: WeatherArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
//!         Ok(format!("It is sunny in {}.", args.city).into())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tools = ToolRegistry::new();
//! tools.register(Weather)?;
//!
//! // Any `AIProvider` fits here; `livos-providers` has those of the vendors.
//! let model = ScriptedProvider::new("scripted", [
//!     Script::tool("call-1", "weather", serde_json::json!({ "city": "Lisbon" })),
//!     Script::text("Take your sunglasses."),
//! ]);
//! let agent = AgentLoop::builder(model).tools(tools).build();
//!
//! let mut run = agent.run("Do I need an umbrella in Lisbon?");
//! while let Some(event) = run.next().await {
//!     if let EventKind::TextDelta { text } = event.kind {
//!         print!("{text}");
//!     }
//! }
//! assert_eq!(run.await.into_text()?, "Take your sunglasses.");
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! - **Conversation**: [`Message`], [`ContentBlock`], [`ToolCall`], [`ToolResult`], [`Conversation`], [`Usage`].
//! - **Providers**: implement [`AIProvider`]; [`ProviderManager`] makes several into one, with retry,
//!   fallback at any moment and health; [`TextTools`] lends tool calls to models that have none.
//! - **Tools**: implement [`Tool`] or [`DynamicTool`]; a [`ToolRegistry`] holds them; [`Effect`] says what
//!   they do to the world.
//! - **Agent**: [`AgentLoop`] drives, [`AgentRun`] decides (without IO, serialisable), [`RunHandle`] is what
//!   one holds of a run, [`AgentEvent`] what one sees of it, [`Budget`] what it may spend.
//! - **Durable runs**: admit a [`NewRun`] to a [`RunQueue`]; a [`Worker`] drives it and a [`DeliveryWorker`]
//!   takes the reply to a [`ReplySink`].
//! - **Context**: a [`TokenCounter`] measures, a [`CompactionPolicy`] says when older messages become a summary.
//! - **Stores**: [`Journal`] keeps everything that happens; [`MemoryStore`], `SqliteStore` with the
//!   feature `sqlite`, `RedisStore` for several machines with the feature `redis`.
//! - **Watching**: an [`EventFeed`] carries what happens to observers, in this process ([`LocalFeed`]) or in all
//!   that share a Redis.
//! - **Replay**: a [`Recording`](replay::Recording) keeps one run as a file, and [`replay`] runs it again offline.
//! - **Testing** (feature `testing`): scripted models, a manual clock, conformance suites.
//!
//! # Features
//!
//! None is on by default; the plain crate has no TLS, HTTP or SQL in its tree.
//!
//! - `redis`: the store that several machines share; needs Redis 6.2 or newer.
//! - `sqlite`: the embedded store, with SQLite bundled.
//! - `validate`: arguments are checked against the whole JSON Schema of the tool. Without it, typed tools
//!   are checked by their types and dynamic ones check for themselves.
//! - `testing`: what tests are made of.
//!
//! # Cancellation
//!
//! Dropping a future or a [`RunHandle`] stops it where it is, and loses nothing that the journal has.
//! [`RunHandle::cancel`] ends a run properly: its model call and tools are dropped, and that is written down.
#![cfg_attr(
    not(feature = "testing"),
    allow(rustdoc::broken_intra_doc_links, reason = "testing is documented only where it exists")
)]

mod agent;
mod budget;
mod cancel;
mod clock;
mod compaction;
mod context;
mod crash_point;
mod delivery;
mod event;
mod feed;
mod id;
mod message;
mod origin;
mod pause;
mod provider;
pub mod replay;
mod secret;
mod secret_source;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod text_tools;
mod tool;
mod worker;

pub use self::agent::{
    AgentLoop, AgentLoopBuilder, AgentRun, CallProgress, CompactError, CompactionReport,
    CompactionRequest, EndRecord, Ending, PendingCall, RunControl, RunHandle, RunOutcome,
    RunRequest, Steered, Step, ToolAccess, ToolMode, Transcript,
};
pub use self::budget::{Budget, BudgetLimit, BudgetMeter};
pub use self::cancel::CancelSignal;
pub use self::clock::{Clock, SystemClock, Timestamp};
pub use self::compaction::{CompactionPolicy, SummaryError};
pub use self::context::{
    ContextError, ContextReport, EstimatedTokens, TokenCounter, message_tokens,
};
#[doc(hidden)]
pub use self::crash_point::CrashPoint;
#[cfg(feature = "crash-points")]
#[doc(hidden)]
pub use self::crash_point::arm as arm_crash_point;
pub use self::delivery::{
    ATTEMPT_TIMEOUT, DeliveryAttempt, DeliverySettings, DeliveryWorker, MAX_AGE, MAX_ATTEMPTS,
    Repetition, ReplySink, SinkAnswer,
};
pub use self::event::{
    AgentEvent, CompactedView, CompactionCall, CompactionMethod, CompactionReason, EventKind,
    Position, RunError, RunStatus, ToolStatus,
};
pub use self::feed::{EventFeed, LocalFeed, Shown, Watch};
pub use self::id::{
    DeliveryId, ModelName, ParseIdError, ProviderId, RunId, SessionId, ToolCallId, ToolName,
    UserId, WorkerId,
};
pub use self::message::{
    ContentBlock, Conversation, Document, EncodingSlot, Image, MediaSource, Message, MicroUsd,
    NativeBlock, Role, Signature, Text, Thinking, ToolCall, ToolInput, ToolResult, Usage,
};
pub use self::origin::{Origin, Trigger, Trust};
pub use self::provider::{
    AIProvider, Capabilities, ChatChunk, ChatRequest, ChatResponse, ChatStream, CircuitState,
    Delivery, ModelInfo, OutputFormat, ProviderError, ProviderFailure, ProviderHealth,
    ProviderManager, ProviderManagerBuilder, RetryPolicy, StopReason, ThinkingEffort, Tiers,
    ToolChoice, ToolSupport,
};
pub use self::secret::Secret;
pub use self::secret_source::{NoSecrets, SecretSource, SecretSourceError};
pub use self::store::{
    Admission, Append, CallStatus, CancelRequest, Cancellation, Claim, ClaimRequest, Claimed,
    ClaimedDelivery, DeliveryClaim, DeliveryFilter, DeliveryOutcome, DeliveryRecord, DeliveryState,
    DueDeliveries, ExpectedVersion, Fork, IdempotencyKey, ImportedSession, Journal, KEY_RETENTION,
    Lease, LeaseToken, MAX_LEASE, MAX_WAITING, MemoryStore, NewEntry, NewRun, Outbox, Page,
    ParseCursorError, PendingInput, QueueMode, RenewRequest, Renewal, Reply, ReplyAddress,
    RunFilter, RunLeases, RunQueue, RunRecord, RunState, RunStore, SessionCursor, SessionPatch,
    SessionQuery, SessionRecord, SessionStore, SessionTransfer, Setting, SettingChange, Settings,
    Settlement, Store, StoreError, UsageGroup, UsageLog, UsagePurpose, UsageQuery, UsageRow,
    UsageTotal, WorkSignal, WorkSignals,
};
#[cfg(feature = "sqlite")]
pub use self::store::{Durability, SqliteStore, StoreCheck};
#[cfg(feature = "redis")]
pub use self::store::{RedisConfig, RedisStore};
pub use self::text_tools::TextTools;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::text_tools::fuzz_text_tools;
pub use self::tool::{
    Concurrency, Disclosure, DynamicTool, Effect, ProgressSink, RegisterToolError, Tool,
    ToolContext, ToolContextParts, ToolError, ToolOutput, ToolRegistry, ToolSearch, ToolSpec,
};
pub use self::worker::{
    DEFAULT_CONCURRENT_RUNS, DEFAULT_LEASE, RunObserver, TakeOver, Worker, WorkerSettings,
};
