//! A model that answers what it answered, if it is asked what it was asked.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;

use super::Recording;
use super::compare;
use super::script::CallEnding;
use super::settings::RecordedAgent;
use super::stage::SharedStage;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::provider::AIProvider;
use crate::provider::Capabilities;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatStream;
use crate::provider::OutputFormat;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;
use crate::tool::Disclosure;
use crate::tool::ToolSpec;

/// Answers what was answered.
#[derive(Debug)]
pub(super) struct RecordedModel {
    stage: SharedStage,
    recorded: RecordedAgent,
}

impl RecordedModel {
    pub(super) fn new(stage: SharedStage, recording: &Recording) -> Self {
        Self { stage, recorded: recording.agent.clone() }
    }

    /// Notes if this is not what the model was asked.
    fn check(&self, request: &ChatRequest) {
        if let Some((expected, found)) = self.settings_differ(request) {
            self.stage.differ_in_question(&expected, &found);
        }
        self.stage.check_conversation(request.conversation.iter().map(|message| &**message));
    }

    fn settings_differ(&self, request: &ChatRequest) -> Option<(String, String)> {
        let then = &self.recorded;
        if then.system_prompt != request.system {
            let (then, now) = (then.system_prompt.as_deref(), request.system.as_deref());
            let (then, now) = compare::texts(then.unwrap_or_default(), now.unwrap_or_default());
            return Some((format!("the instructions {then}"), now));
        }
        if let Some(difference) = tools_differ(&then.tools, &request.tools) {
            return Some(difference);
        }
        // A run with a duty of its own brings its own limits.
        if request.output != OutputFormat::Text {
            return None;
        }
        let settings = [
            ("thinking", format!("{:?}", then.thinking), format!("{:?}", request.thinking)),
            (
                "max_output_tokens",
                format!("{:?}", then.max_output_tokens),
                format!("{:?}", request.max_output_tokens),
            ),
            (
                "temperature",
                format!("{:?}", then.temperature),
                format!("{:?}", request.temperature),
            ),
        ];
        let (name, then, now) = settings.into_iter().find(|(_, then, now)| then != now)?;
        Some((format!("`{name}` {then}"), now))
    }
}

fn tools_differ(then: &[ToolSpec], now: &[ToolSpec]) -> Option<(String, String)> {
    let find = |tools: &'_ [ToolSpec], name: &str| {
        tools.iter().position(|tool| tool.name.as_str() == name)
    };
    // Which of the others the model was told about follows from what it found.
    let mut always = then.iter().filter(|tool| tool.disclosure == Disclosure::Always);
    if let Some(gone) = always.find(|tool| find(now, tool.name.as_str()).is_none()) {
        return Some((format!("the tool `{}`", gone.name), "no such tool".to_owned()));
    }
    if let Some(new) = now.iter().find(|tool| find(then, tool.name.as_str()).is_none()) {
        return Some((format!("no tool `{}`", new.name), "one".to_owned()));
    }
    now.iter().find_map(|now| {
        let then = then.iter().find(|then| then.name == now.name)?;
        let name = &then.name;
        let is_finder = then.disclosure == Disclosure::ToFind;
        if then.description != now.description && !is_finder {
            let (then, now) = compare::texts(&then.description, &now.description);
            return Some((format!("the tool `{name}` described as {then}"), now));
        }
        if then.input_schema != now.input_schema {
            let (then, now) =
                compare::texts(&then.input_schema.to_string(), &now.input_schema.to_string());
            return Some((format!("the arguments of tool `{name}` to be {then}"), now));
        }
        None
    })
}

#[async_trait]
impl AIProvider for RecordedModel {
    fn id(&self) -> &ProviderId {
        &self.recorded.provider
    }

    fn capabilities(&self, _: &ModelName) -> Capabilities {
        self.recorded.capabilities.clone()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        self.check(&request);
        if self.stage.has_difference() {
            let failure = ProviderFailure::new(self.id().clone(), "the question is another one");
            return Err(ProviderError::InvalidRequest(failure));
        }
        let (chunks, ending) = self.stage.model_call();
        let chunks = stream::iter(chunks.into_iter().map(Ok));
        Ok(match ending {
            CallEnding::Answer(response) => {
                chunks.chain(stream::iter([Ok(ChatChunk::Finished(response))])).boxed()
            }
            CallEnding::Failure(error) => chunks.chain(stream::iter([Err(error)])).boxed(),
            CallEnding::Silence => chunks.chain(stream::pending()).boxed(),
        })
    }
}
