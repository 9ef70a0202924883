//! Embeddable agent runtime.
#![warn(missing_docs)]

mod agent;
mod budget;
mod cancel;
mod clock;
mod event;
mod id;
mod message;
mod origin;
mod provider;
mod secret;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod text_tools;
mod tool;

pub use self::agent::{
    AgentLoop, AgentLoopBuilder, AgentRun, CallProgress, Ending, PendingCall, RunControl,
    RunHandle, RunOutcome, RunRequest, Steered, Step, ToolAccess, ToolMode, Transcript,
};
pub use self::budget::{Budget, BudgetLimit, BudgetMeter};
pub use self::cancel::CancelSignal;
pub use self::clock::{Clock, SystemClock, Timestamp};
pub use self::event::{AgentEvent, EventKind, Position, RunError, RunStatus, ToolStatus};
pub use self::id::{
    ModelName, ParseIdError, ProviderId, RunId, SessionId, ToolCallId, ToolName, UserId,
};
pub use self::message::{
    ContentBlock, Conversation, Document, EncodingSlot, Image, MediaSource, Message, MicroUsd,
    NativeBlock, Role, Signature, Text, Thinking, ToolCall, ToolInput, ToolResult, Usage,
};
pub use self::origin::{Origin, Trigger, Trust};
pub use self::provider::{
    AIProvider, Capabilities, ChatChunk, ChatRequest, ChatResponse, ChatStream, ModelInfo,
    OutputFormat, ProviderError, ProviderFailure, StopReason, ThinkingEffort, ToolChoice,
    ToolSupport,
};
pub use self::secret::Secret;
#[cfg(feature = "sqlite")]
pub use self::store::{Durability, SqliteStore};
pub use self::store::{
    Journal, MemoryStore, NewEntry, Page, RunFilter, RunRecord, RunState, RunStore, SessionPatch,
    SessionRecord, SessionStore, Store, StoreError,
};
pub use self::text_tools::TextTools;
pub use self::tool::{
    Concurrency, DynamicTool, Effect, ProgressSink, RegisterToolError, Tool, ToolContext,
    ToolContextParts, ToolError, ToolOutput, ToolRegistry, ToolSpec,
};
