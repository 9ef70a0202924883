//! Tools: what an agent can do.
//!
//! Write a tool by implementing [`Tool`] (its arguments are a type of yours),
//! or [`DynamicTool`] where the schema is known only at run time (an MCP
//! server's tools). Put them in a [`ToolRegistry`].

mod arguments;
mod context;
mod erased;
mod error;
mod line;
mod output;
mod registry;
mod spec;
mod untrusted;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;

pub use self::context::ProgressSink;
pub use self::context::ToolContext;
pub use self::context::ToolContextParts;
pub use self::error::ToolError;
pub use self::output::Spent;
pub use self::output::ToolOutput;
pub use self::registry::RegisterToolError;
pub use self::registry::ToolRegistry;
pub use self::spec::Concurrency;
pub use self::spec::Effect;
pub use self::spec::Right;
pub use self::spec::ToolSpec;

pub(crate) use self::arguments::ArgumentSchema;
pub(crate) use self::arguments::InvalidArguments;
pub(crate) use self::erased::CallFailure;
pub(crate) use self::erased::ErasedTool;
pub(crate) use self::erased::PreparedCall;
pub(crate) use self::erased::RecordedEnd;
pub(crate) use self::line::Line;
pub(crate) use self::line::Word;
pub(crate) use self::registry::Registered;

/// A tool with typed arguments.
///
/// The doc comments of `Args` and its fields become the schema's descriptions,
/// so write them for the model.
///
/// # For implementors
/// - `call` may be dropped at any await point (deadline, cancel): leave nothing
///   half-done that a later call cannot see.
/// - Work that outlives the future (a child process) must end when
///   [`ToolContext::cancelled`] does or the future is dropped.
/// - Do not block the thread; use `tokio::task::spawn_blocking`.
///
/// ```
/// use livos_core::{Effect, Tool, ToolContext, ToolError, ToolOutput};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// /// Adds two numbers.
/// struct Add;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct AddArgs {
///     /// The first number.
///     a: i64,
///     /// The second number.
///     b: i64,
/// }
///
/// impl Tool for Add {
///     type Args = AddArgs;
///
///     fn name(&self) -> &str {
///         "add"
///     }
///
///     fn description(&self) -> &str {
///         "Adds two whole numbers."
///     }
///
///     fn effect(&self) -> Effect {
///         Effect::ReadOnly
///     }
///
///     async fn call(&self, args: AddArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
///         Ok(ToolOutput::text((args.a + args.b).to_string()))
///     }
/// }
/// ```
pub trait Tool: Send + Sync + 'static {
    /// The arguments. Use `#[serde(deny_unknown_fields)]` to refuse what you do not know.
    type Args: DeserializeOwned + JsonSchema + Send;

    /// The name a model calls it by: letters, digits, `_` and `-`, at most 64 bytes.
    fn name(&self) -> &str;

    /// What it does, when to use it and what comes back, for the model.
    fn description(&self) -> &str;

    /// What it does to the world. Return the stronger one if in doubt.
    fn effect(&self) -> Effect;

    /// Does it.
    ///
    /// # Errors
    /// [`ToolError::Model`] tells the model, which may try something else;
    /// [`ToolError::Fatal`] ends the run.
    fn call(
        &self,
        args: Self::Args,
        context: &ToolContext,
    ) -> impl Future<Output = Result<ToolOutput, ToolError>> + Send;

    /// Deadline, output limit and concurrency, where the defaults do not fit.
    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec
    }
}

/// A tool whose name and schema are known only at run time.
#[async_trait]
pub trait DynamicTool: Send + Sync + 'static {
    /// What the model is told about it.
    fn spec(&self) -> ToolSpec;

    /// Does it. The arguments were checked against the schema before, if the
    /// feature `validate` is on; without it, check them yourself.
    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError>;
}
