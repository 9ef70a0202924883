//! The object-safe twin of [`Tool`], private to the registry and the executor.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;

use super::DynamicTool;
use super::InvalidArguments;
use super::Tool;
use super::ToolContext;
use super::ToolError;
use super::ToolOutput;
use super::ToolSpec;
use crate::event::ToolStatus;

/// A call whose arguments were accepted; nothing has happened until it is polled.
pub(crate) type PreparedCall = BoxFuture<'static, Result<ToolOutput, CallFailure>>;

/// Why a call gave no output of its own.
pub(crate) enum CallFailure {
    /// The tool failed.
    Tool(ToolError),
    /// Nothing was called: this is how it ended when it was.
    Recorded(RecordedEnd),
}

impl From<ToolError> for CallFailure {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

/// How a call ended in a run that is replayed.
pub(crate) struct RecordedEnd {
    pub(crate) status: ToolStatus,
    pub(crate) output: ToolOutput,
    /// The run could not go on after it.
    pub(crate) fatal: Option<String>,
}

/// A tool of any arguments.
pub(crate) trait ErasedTool: Send + Sync {
    /// Reads the arguments and prepares the call.
    fn prepare(
        self: Arc<Self>,
        arguments: &Map<String, Value>,
        context: ToolContext,
    ) -> Result<PreparedCall, InvalidArguments>;
}

pub(crate) struct Typed<T>(pub(crate) T);

impl<T: Tool> Typed<T> {
    /// The spec of a typed tool: its schema comes from its arguments.
    pub(crate) fn spec(&self) -> ToolSpec {
        let mut schema = SchemaSettings::draft2020_12()
            .with(|settings| settings.meta_schema = None)
            .into_generator()
            .into_root_schema_for::<T::Args>();
        schema.remove("title");
        let spec = ToolSpec::new(
            self.0.name(),
            self.0.description(),
            Value::from(schema),
            self.0.effect(),
        );
        self.0.adjust(spec)
    }
}

impl<T: Tool> ErasedTool for Typed<T> {
    fn prepare(
        self: Arc<Self>,
        arguments: &Map<String, Value>,
        context: ToolContext,
    ) -> Result<PreparedCall, InvalidArguments> {
        let args = super::arguments::parse(arguments)?;
        Ok(async move { Ok(self.0.call(args, &context).await?) }.boxed())
    }
}

pub(crate) struct Dynamic<T>(pub(crate) T);

impl<T: DynamicTool> ErasedTool for Dynamic<T> {
    fn prepare(
        self: Arc<Self>,
        arguments: &Map<String, Value>,
        context: ToolContext,
    ) -> Result<PreparedCall, InvalidArguments> {
        let arguments = arguments.clone();
        Ok(async move { Ok(self.0.call(arguments, &context).await?) }.boxed())
    }
}
