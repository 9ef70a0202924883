//! Tools that give what they gave, without being called.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::Map;
use serde_json::Value;

use super::stage::SharedStage;
use crate::tool::CallFailure;
use crate::tool::ErasedTool;
use crate::tool::InvalidArguments;
use crate::tool::PreparedCall;
use crate::tool::RegisterToolError;
use crate::tool::Registered;
use crate::tool::ToolContext;
use crate::tool::ToolRegistry;

/// Longer than any replay: when a call ends is in the script.
const NO_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// What is known of the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// They are there, and read their arguments themselves.
    Tools,
    /// Only what the model was told; which arguments they refused is in the recording.
    Descriptions,
}

/// The same tools as a model sees them, with their recorded results.
pub(super) fn recorded(
    tools: &ToolRegistry,
    stage: &SharedStage,
    known: Known,
) -> Result<ToolRegistry, RegisterToolError> {
    let recorded = ToolRegistry::new();
    for spec in tools.specs().iter() {
        let Some(real) = tools.find(spec.name.as_str()) else { continue };
        // What is recorded was cut already.
        let spec = spec.clone().with_timeout(NO_DEADLINE).with_output_limit(usize::MAX);
        // Schemas that were registered are good ones.
        let tool = Arc::new(RecordedTool { real, known, stage: Arc::clone(stage) });
        recorded.insert(Registered::of_type(spec, tool))?;
    }
    Ok(recorded)
}

struct RecordedTool {
    real: Arc<Registered>,
    known: Known,
    stage: SharedStage,
}

impl ErasedTool for RecordedTool {
    fn prepare(
        self: Arc<Self>,
        arguments: &Map<String, Value>,
        context: ToolContext,
    ) -> Result<PreparedCall, InvalidArguments> {
        let call_id = context.call_id().clone();
        // Only reads the arguments: nothing happens until a prepared call is polled, and this one is dropped.
        drop(self.real.prepare(arguments, context)?);
        if self.known == Known::Descriptions
            && let Some(refusal) = self.stage.refusal(&call_id)
        {
            return Err(InvalidArguments::told(&refusal));
        }
        let ended =
            async move { Err(CallFailure::Recorded(self.stage.end_of_call(&call_id).await)) };
        Ok(ended.boxed())
    }
}
