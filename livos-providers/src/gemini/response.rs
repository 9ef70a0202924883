//! Puts an answer together from its frames; a whole answer is one frame.
//!
//! The parts are kept so that sending them back gives the parts that came:
//! parts of one frame are never joined, a text goes on in the next frame only
//! when neither side carries a signature, and a signature stays on the part it
//! came with, be that part empty.

use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::NativeBlock;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::Signature;
use livos_core::StopReason;
use livos_core::Text;
use livos_core::Thinking;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolInput;
use livos_core::ToolName;
use livos_core::Usage;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ISSUER;
use super::wire::Answer;
use super::wire::Blob;
use super::wire::Candidate;
use super::wire::FunctionCall;
use super::wire::Part;
use super::wire::PromptFeedback;
use super::wire::Str;
use super::wire::UsageMetadata;
use crate::catalog;
use crate::failure;

/// News of one part, for those who watch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Delta<'a> {
    Text(&'a str),
    Thinking(&'a str),
    Call(&'a ToolCallId, &'a ToolName, &'a str),
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Assembly {
    provider: ProviderId,
    model: ModelName,
    blocks: Vec<ContentBlock>,
    usage: UsageMetadata,
    finish_reason: Option<String>,
    finish_message: Option<String>,
    citations: Vec<Value>,
}

impl Assembly {
    pub(super) fn new(provider: ProviderId, model: ModelName) -> Self {
        Self {
            provider,
            model,
            blocks: Vec::new(),
            usage: UsageMetadata::default(),
            finish_reason: None,
            finish_message: None,
            citations: Vec::new(),
        }
    }

    /// Adds one frame and tells `watch` what it brought.
    pub(super) fn add_frame(
        &mut self,
        frame: &str,
        watch: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ProviderError> {
        let answer: Answer<'_> =
            serde_json::from_str(frame).map_err(|error| self.unreadable(frame, error))?;
        if let Some(error) = answer.error {
            return Err(failure::from_error_object(&self.provider, &value_of(error)));
        }
        if let Some(usage) = answer.usage_metadata {
            self.usage = usage;
        }
        if let Some(model) = answer.model_version
            && model.as_str() != self.model.as_str()
        {
            self.model = ModelName::from(model.as_str());
        }
        if let Some(refused) = answer.prompt_feedback.and_then(|it| self.blocked(&it)) {
            return Err(refused);
        }
        // We ask for one candidate; others are another answer to the same question.
        for candidate in answer.candidates.into_iter().filter(|candidate| candidate.index == 0) {
            self.add_candidate(candidate, watch);
        }
        Ok(())
    }

    /// The whole answer, after the last frame.
    ///
    /// # Errors
    /// When the service never said why it stopped, or stopped because it could
    /// not write a call down properly.
    pub(super) fn finish(mut self) -> Result<ChatResponse, ProviderError> {
        let Some(reason) = self.finish_reason.take() else {
            let message = "the answer ended without a finish reason";
            return Err(ProviderError::InterruptedStream(self.failure(message)));
        };
        if matches!(
            reason.as_str(),
            "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE"
        ) {
            let detail = self.finish_message.take().unwrap_or_default();
            let message = format!("the model's tool call could not be read ({reason}) {detail}");
            return Err(ProviderError::MalformedResponse(self.failure(message.trim_end())));
        }
        self.attach_citations();
        let message = Message::new(Role::Assistant, self.blocks);
        let stop_reason = stop_reason(&reason, &message);
        let mut response = ChatResponse::new(self.provider, self.model, message);
        response.stop_reason = stop_reason;
        response.usage = usage(self.usage);
        response.cost = catalog::find_model(catalog::Vendor::Gemini, response.model.as_str())
            .and_then(|model| model.cost(response.usage));
        Ok(response)
    }

    fn add_candidate(&mut self, candidate: Candidate<'_>, watch: &mut dyn FnMut(Delta<'_>)) {
        for (place, part) in candidate.content.unwrap_or_default().parts.into_iter().enumerate() {
            let continues = place == 0;
            self.add_part(part, continues, watch);
        }
        if let Some(reason) = candidate.finish_reason {
            self.finish_reason = Some(reason.0.into_owned());
            self.finish_message = candidate.finish_message.map(|message| message.0.into_owned());
        }
        let sources = [
            (candidate.citation_metadata, "citationSources"),
            (candidate.grounding_metadata, "groundingChunks"),
        ];
        for (metadata, key) in sources {
            self.citations.extend(metadata.map(|raw| list_in(raw, key)).unwrap_or_default());
        }
    }

    fn add_part(&mut self, part: Part<'_>, continues: bool, watch: &mut dyn FnMut(Delta<'_>)) {
        let signature = part.thought_signature.map(sign);
        if let Some(call) = part.function_call {
            self.add_call(call, signature, watch);
        } else if let Some(blob) = part.inline_data {
            self.add_blob(blob, part.thought, signature);
        } else if !part.unknown.is_empty() {
            self.add_native(part.unknown, part.text, part.thought, signature);
        } else {
            let text = part.text.unwrap_or_default();
            if part.thought {
                self.add_thought(text, signature, continues, watch);
            } else {
                self.add_text(text, signature, continues, watch);
            }
        }
    }

    fn add_text(
        &mut self,
        text: Str<'_>,
        signature: Option<Signature>,
        continues: bool,
        watch: &mut dyn FnMut(Delta<'_>),
    ) {
        if text.as_str().is_empty() && signature.is_none() {
            return;
        }
        if !text.as_str().is_empty() {
            watch(Delta::Text(text.as_str()));
        }
        match self.blocks.last_mut() {
            Some(ContentBlock::Text(Text { text: before, signature: None, .. }))
                if continues && signature.is_none() =>
            {
                before.push_str(text.as_str());
            }
            _ => self.blocks.push(ContentBlock::Text(Text {
                text: text.0.into_owned(),
                signature,
                citations: Vec::new(),
            })),
        }
    }

    fn add_thought(
        &mut self,
        text: Str<'_>,
        signature: Option<Signature>,
        continues: bool,
        watch: &mut dyn FnMut(Delta<'_>),
    ) {
        if text.as_str().is_empty() && signature.is_none() {
            return;
        }
        if !text.as_str().is_empty() {
            watch(Delta::Thinking(text.as_str()));
        }
        match self.blocks.last_mut() {
            Some(ContentBlock::Thinking(Thinking { text: before, signature: None }))
                if continues && signature.is_none() =>
            {
                before.push_str(text.as_str());
            }
            _ => self
                .blocks
                .push(ContentBlock::Thinking(Thinking { text: text.0.into_owned(), signature })),
        }
    }

    fn add_call(
        &mut self,
        call: FunctionCall<'_>,
        signature: Option<Signature>,
        watch: &mut dyn FnMut(Delta<'_>),
    ) {
        let json = call.args.map(RawValue::get).filter(|json| *json != "null").unwrap_or("{}");
        let id = call.id.filter(|id| !id.as_str().is_empty());
        let call_id = id.map_or_else(ToolCallId::generate, |id| ToolCallId::from(id.as_str()));
        let name = ToolName::from(call.name.as_str());
        watch(Delta::Call(&call_id, &name, ""));
        watch(Delta::Call(&call_id, &name, json));
        let mut call = ToolCall::new(call_id, name, ToolInput::parse(json));
        call.signature = signature;
        self.blocks.push(ContentBlock::ToolUse(call));
    }

    fn add_blob(&mut self, blob: Blob<'_>, thought: bool, signature: Option<Signature>) {
        // A picture that is only a thought is not part of the answer.
        if thought || !blob.mime_type.as_str().starts_with("image/") {
            let data = serde_json::json!({
                "mimeType": blob.mime_type.as_str(),
                "data": blob.data.as_str(),
            });
            self.push_native(Map::from_iter([("inlineData".to_owned(), data)]), thought, signature);
            return;
        }
        self.blocks.push(ContentBlock::Image(Image {
            media_type: blob.mime_type.0.into_owned(),
            source: MediaSource::Base64(blob.data.0.into_owned()),
        }));
        // An image has no place for a signature: the block after it keeps it,
        // and the encoder puts the two together again.
        if signature.is_some() {
            self.push_native(Map::new(), false, signature);
        }
    }

    fn add_native(
        &mut self,
        unknown: Vec<(std::borrow::Cow<'_, str>, &RawValue)>,
        text: Option<Str<'_>>,
        thought: bool,
        signature: Option<Signature>,
    ) {
        let mut object = Map::new();
        if let Some(text) = text {
            object.insert("text".to_owned(), Value::String(text.0.into_owned()));
        }
        for (key, raw) in unknown {
            object.insert(key.into_owned(), value_of(raw));
        }
        self.push_native(object, thought, signature);
    }

    fn push_native(
        &mut self,
        mut object: Map<String, Value>,
        thought: bool,
        signature: Option<Signature>,
    ) {
        if thought {
            object.insert("thought".to_owned(), Value::Bool(true));
        }
        if let Some(signature) = signature {
            object.insert("thoughtSignature".to_owned(), Value::String(signature.value));
        }
        let value = Value::Object(object);
        self.blocks.push(ContentBlock::Native(NativeBlock { issuer: ISSUER.into(), value }));
    }

    fn attach_citations(&mut self) {
        let citations = std::mem::take(&mut self.citations);
        let last = self.blocks.iter_mut().rev().find_map(|block| match block {
            ContentBlock::Text(text) if !text.text.is_empty() => Some(text),
            _ => None,
        });
        if let Some(text) = last {
            text.citations = citations;
        }
    }

    fn blocked(&self, feedback: &PromptFeedback<'_>) -> Option<ProviderError> {
        let reason = feedback.block_reason.as_ref()?.as_str();
        let detail = feedback.block_reason_message.as_ref().map_or("", Str::as_str);
        let message = format!("the service declined the prompt ({reason}) {detail}");
        Some(ProviderError::ContentRefused(self.failure(message.trim_end())))
    }

    fn failure(&self, message: &str) -> ProviderFailure {
        ProviderFailure::new(self.provider.clone(), message)
    }

    /// A frame that is no answer: a failure in its other notation, an array, or not the protocol.
    fn unreadable(&self, frame: &str, cause: serde_json::Error) -> ProviderError {
        let failures: Vec<Map<String, Value>> = serde_json::from_str(frame).unwrap_or_default();
        if let Some(error) = failures.first().and_then(|first| first.get("error")) {
            return failure::from_error_object(&self.provider, error);
        }
        let failure = self.failure("the service sent a frame that is no answer");
        ProviderError::MalformedResponse(failure.with_source(cause))
    }
}

fn value_of(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or(Value::Null)
}

fn sign(value: Str<'_>) -> Signature {
    Signature { issuer: ISSUER.into(), value: value.0.into_owned() }
}

fn list_in(raw: &RawValue, key: &str) -> Vec<Value> {
    match serde_json::from_str::<Map<String, Value>>(raw.get()).map(|mut map| map.remove(key)) {
        Ok(Some(Value::Array(list))) => list,
        _ => Vec::new(),
    }
}

/// Our convention from the service's: cached tokens are no input tokens, thoughts are output,
/// and what its own tools fed to the model is input.
fn usage(counted: UsageMetadata) -> Usage {
    let prompt = counted.prompt.saturating_add(counted.tool_use);
    Usage {
        input_tokens: prompt.saturating_sub(counted.cached),
        output_tokens: counted.candidates.saturating_add(counted.thoughts),
        cache_read_tokens: counted.cached,
        cache_write_tokens: 0,
        reasoning_tokens: counted.thoughts,
    }
}

/// See <https://ai.google.dev/api/generate-content#FinishReason>.
fn stop_reason(reason: &str, message: &Message) -> StopReason {
    match reason {
        // The service has no reason of its own for "waits for tools".
        "STOP" | "FUNCTION_CALL" if message.tool_calls().next().is_some() => StopReason::ToolUse,
        "STOP" => StopReason::EndTurn,
        "MAX_TOKENS" => StopReason::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => StopReason::Refusal,
        other => StopReason::Other(other.to_lowercase()),
    }
}
