//! Embeddable agent runtime.
#![warn(missing_docs)]

mod budget;
mod cancel;
mod clock;
mod event;
mod id;
mod message;
mod origin;
mod provider;
mod secret;
mod tool;

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
pub use self::tool::{
    Concurrency, DynamicTool, Effect, ProgressSink, RegisterToolError, Tool, ToolContext,
    ToolContextParts, ToolError, ToolOutput, ToolRegistry, ToolSpec,
};
