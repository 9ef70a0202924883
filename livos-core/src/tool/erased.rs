//! The object-safe twin of [`Tool`], private to the registry and the executor.

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

pub(crate) type PreparedCall<'a> = BoxFuture<'a, Result<ToolOutput, ToolError>>;

/// A tool of any arguments.
pub(crate) trait ErasedTool: Send + Sync {
    /// Checks the arguments and prepares the call; nothing has happened until it is polled.
    fn prepare<'a>(
        &'a self,
        arguments: &Map<String, Value>,
        context: &'a ToolContext,
    ) -> Result<PreparedCall<'a>, InvalidArguments>;
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
    fn prepare<'a>(
        &'a self,
        arguments: &Map<String, Value>,
        context: &'a ToolContext,
    ) -> Result<PreparedCall<'a>, InvalidArguments> {
        let args = super::arguments::parse(arguments)?;
        Ok(self.0.call(args, context).boxed())
    }
}

pub(crate) struct Dynamic<T>(pub(crate) T);

impl<T: DynamicTool> ErasedTool for Dynamic<T> {
    fn prepare<'a>(
        &'a self,
        arguments: &Map<String, Value>,
        context: &'a ToolContext,
    ) -> Result<PreparedCall<'a>, InvalidArguments> {
        Ok(self.0.call(arguments.clone(), context))
    }
}
