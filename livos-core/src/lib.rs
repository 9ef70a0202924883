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
//! - **People**: an [`ApprovalManager`] asks them before calls are made, as [`ApprovalPolicies`] say, and takes
//!   their answers; a tool asks with [`ToolContext::ask`].
//! - **Agents and tasks**: a [`SubagentManager`] lets runs start others and keeps named agents
//!   ([`AgentDefinition`], [`AgentProfile`]); a [`TaskManager`] takes in work for the background; [`Lane`] and
//!   [`Priority`] say how many go at a time and who goes first.
//! - **Schedules**: a [`ScheduleManager`] admits runs at their time, each once.
//! - **Memory**: a [`Memory`] keeps what is known of users, and finds it by words and, with an [`Embedder`], by
//!   what it means.
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
//! - `scheduler`: cron expressions and time zones; without it schedules have intervals and single times.
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
mod approval;
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
mod memory;
mod message;
mod origin;
mod pause;
mod profile;
mod provider;
mod redaction;
pub mod replay;
mod schedule;
mod secret;
mod store;
mod subagent;
mod task;
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
pub use self::approval::{
    APPROVAL_EXPIRY, Answer, Answerer, ApprovalDecision, ApprovalError, ApprovalManager,
    ApprovalManagerBuilder, ApprovalPolicies, ApprovalPolicy, ApprovalRequest, ApprovalResolution,
    ApprovalRule, ApprovalScope, ApprovalSurface, Approve, ArgumentsFingerprint, AskError,
    CallFingerprint, CallInQuestion, MAX_RULES, PatternError, Question, QuestionReply, RuleAction,
    RulePattern, RuleScope, Verdict, verdict,
};
pub use self::budget::{Budget, BudgetLimit, BudgetMeter, PausedBudget};
pub use self::cancel::CancelSignal;
pub use self::clock::{Clock, ParseTimestampError, SystemClock, Timestamp};
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
    Position, RecalledFact, RecalledMemories, RunError, RunStatus, ToolStatus,
};
pub use self::feed::{AtEnd, EventFeed, LocalFeed, Shown, Watch, follow};
pub use self::id::{
    AgentName, ApprovalId, AuditId, DeliveryId, FactId, ModelName, ParseIdError, ProviderId,
    RuleId, RunId, ScheduleId, SessionId, ToolCallId, ToolName, UserId, WorkerId,
};
pub use self::memory::{
    AgeGroup, EmbedError, Embedder, EmbeddingFault, EmbeddingPurpose, Embeddings,
    ExtractionSettings, FactHit, FactImport, FactQuery, FactUpdate, FoundFacts, GroupRecall,
    MAX_DIMENSIONS, MAX_FACT_BYTES, MAX_FACTS, MAX_HITS, MAX_QUERY_BYTES, Memory, MemoryBuilder,
    MemoryError, MemoryExtraction, MemoryFault, MemoryReport, MemorySettings, NewFact, Recall,
    RecallSettings, Remembered, SearchMethod,
};
pub use self::message::{
    ContentBlock, Conversation, Document, EncodingSlot, Image, MediaSource, Message, MicroUsd,
    NativeBlock, Role, Signature, Text, Thinking, ToolCall, ToolInput, ToolResult, Usage,
};
pub use self::origin::{Origin, Trigger, Trust};
pub use self::profile::{AgentProfile, Duty, SharedBudget, Spawning};
pub use self::provider::{
    AIProvider, Capabilities, ChatChunk, ChatRequest, ChatResponse, ChatStream, CircuitState,
    Delivery, ModelInfo, ModelLookup, OutputFormat, ProviderError, ProviderFailure, ProviderHealth,
    ProviderManager, ProviderManagerBuilder, RetryPolicy, StopReason, ThinkingEffort, Tiers,
    ToolChoice, ToolSupport,
};
pub use self::redaction::{RedactedPieces, Redactor};
pub use self::schedule::{
    Condition, HealthProbe, HealthProblem, MIN_INTERVAL, Misfire, NEXT_TIMES, NewSchedule, Overlap,
    PAUSE_AFTER, Recurrence, ScheduleError, ScheduleFault, ScheduleManager, SchedulePlan,
    ScheduleSettings, ScheduleUpdate, ScheduleWorker, Switch, Tick,
};
pub use self::secret::{
    NoSecrets, ParseSecretNameError, Secret, SecretName, SecretSource, SecretSourceError,
};
pub use self::store::{
    Admission, Alarm, Append, ApprovalFilter, ApprovalRecord, ApprovalState, ApprovalStore,
    AuditAction, AuditEntry, CallStatus, CancelRequest, Cancellation, ChangedFact, Claim,
    ClaimRequest, ClaimScope, Claimed, ClaimedDelivery, DaySpending, DeliveryClaim, DeliveryFilter,
    DeliveryOutcome, DeliveryRecord, DeliveryState, DueDeliveries, DueSchedules, Embedding,
    ExpectedVersion, FIRINGS_KEPT, FactChange, FactFilter, FactKind, FactRecord, FactSource,
    FactStore, FactVersions, FactsWritten, FiringReason, FiringRecord, FiringStatus, Fork,
    IdempotencyKey, ImportedSession, Journal, KEY_RETENTION, Lane, Lease, LeaseToken, MAX_AUDIT,
    MAX_LEASE, MAX_WAITING, MemoryStore, NewEntry, NewRun, OpenFiring, Outbox, Page,
    ParseCursorError, PendingInput, Priority, QueueMode, RenewRequest, Renewal, Reply,
    ReplyAddress, ResolveApproval, ResolvedApproval, RunFilter, RunLeases, RunQueue, RunRecord,
    RunState, RunStore, ScheduleChange, ScheduleFilter, ScheduleProgress, ScheduleRecord,
    ScheduleSession, ScheduleStatus, ScheduleStore, SessionCursor, SessionPatch, SessionQuery,
    SessionRecord, SessionStore, SessionTransfer, Setting, SettingChange, Settings, Settlement,
    Store, StoreError, StoreHealth, UsageGroup, UsageLog, UsagePurpose, UsageQuery, UsageRow,
    UsageTotal, WorkSignal, WorkSignals,
};
#[cfg(feature = "sqlite")]
pub use self::store::{Durability, SqliteStore, StoreCheck};
#[cfg(feature = "redis")]
pub use self::store::{RedisConfig, RedisStore};
pub use self::subagent::{
    AgentDefinition, AgentVersion, Child, Reporting, ResultSink, Said, Spawned, SubagentError,
    SubagentLimits, SubagentManager, SubagentOutcome, SubagentTask,
};
pub use self::task::{NewTask, StartedTask, TaskError, TaskFilter, TaskManager, TaskProgress};
pub use self::text_tools::TextTools;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::text_tools::fuzz_text_tools;
pub use self::tool::{
    Concurrency, Disclosure, DynamicTool, Effect, ProgressSink, RegisterToolError, Right, Spent,
    Tool, ToolContext, ToolContextParts, ToolError, ToolOutput, ToolRegistry, ToolSearch, ToolSpec,
};
pub use self::worker::{
    DEFAULT_CONCURRENT_RUNS, DEFAULT_LEASE, MAX_ASIDE, Overloaded, ResourceGate, RunObserver,
    TakeOver, Worker, WorkerSettings,
};
