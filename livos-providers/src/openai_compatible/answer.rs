//! Gathers an answer, piece by piece or whole, and makes our response of it.

use std::borrow::Cow;
use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::ModelName;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::Signature;
use livos_core::StopReason;
use livos_core::Text;
use livos_core::Thinking;
use serde_json::Value;

use super::dialect::Dialect;
use super::dialect::ReasoningReplay;
use super::failure;
use super::reasoning::Arrival;
use super::reasoning::Carrier;
use super::reasoning::Details;
use super::tool_calls::ToolCalls;
use super::usage;
use super::wire::Content;
use super::wire::Frame;
use super::wire::ImageUrl;
use super::wire::Part;
use super::wire::WireText;
use super::wire::WireUsage;

/// Who is asked, and what for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) provider: ProviderId,
    pub(super) model: ModelName,
    pub(super) dialect: &'static Dialect,
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    asked: Asked,
    arrival: Arrival,
    text: String,
    is_refusal: bool,
    reasoning: String,
    carrier: Carrier,
    details: Details,
    calls: ToolCalls,
    citations: Vec<Value>,
    images: Vec<Image>,
    model: Option<ModelName>,
    usage: WireUsage,
    finish_reason: Option<StopReason>,
}

impl Answer {
    pub(super) fn new(asked: Asked, arrival: Arrival) -> Self {
        Self {
            asked,
            arrival,
            text: String::new(),
            is_refusal: false,
            reasoning: String::new(),
            carrier: Carrier::Reasoning,
            details: Details::default(),
            calls: ToolCalls::default(),
            citations: Vec::new(),
            images: Vec::new(),
            model: None,
            usage: WireUsage::default(),
            finish_reason: None,
        }
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Whether the model said that it is done.
    pub(super) fn has_finish_reason(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// Takes a frame, or a whole answer, whose JSON is `json`, and tells what is new.
    ///
    /// # Errors
    /// When it says that the answer failed.
    pub(super) fn take_frame(
        &mut self,
        frame: Frame<'_>,
        json: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        if let Some(error) = frame.error {
            return Err(failure::in_band(&self.asked, error.get()));
        }
        // vLLM reports failures as a frame of their own kind.
        if frame.object.is_some_and(|object| object.0 == "error") {
            return Err(failure::in_band(&self.asked, json));
        }
        if self.model.is_none() {
            let named = frame.model.filter(|name| !name.0.is_empty());
            self.model = named.map(|name| ModelName::from(&*name.0));
        }
        // The last counts count; some services send them with every frame.
        let mut usage = frame.usage.or_else(|| frame.x_groq.and_then(|extras| extras.usage));
        if let Some(choice) = frame.choices.0 {
            if let Some(error) = choice.error {
                return Err(failure::in_band(&self.asked, error.get()));
            }
            usage = usage.or(choice.usage);
            if let Some(part) = choice.delta.or(choice.message) {
                self.take(*part, out);
            }
            if let Some(reason) = choice.finish_reason {
                self.take_finish_reason(&reason.0)?;
            }
        }
        self.usage = usage.map_or(self.usage, |usage| *usage);
        Ok(())
    }

    fn take_finish_reason(&mut self, reason: &str) -> Result<(), ProviderError> {
        if let Some(error) = failure::broken_off(&self.asked, reason) {
            return Err(error);
        }
        self.finish_reason = Some(match reason {
            "" => return Ok(()),
            "stop" | "eos" | "end_turn" | "tool_calls" | "function_call" => StopReason::EndTurn,
            "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
            "content_filter" | "refusal" => StopReason::Refusal,
            other => StopReason::Other(other.to_owned()),
        });
        Ok(())
    }

    fn take(&mut self, part: Part<'_>, out: &mut VecDeque<ChatChunk>) {
        self.take_reasoning(part.reasoning_content, part.reasoning, part.reasoning_details, out);
        match part.content {
            Content::Absent => {}
            Content::Text(text) => self.take_text(text, out),
            Content::Parts(parts) => {
                for part in parts {
                    self.take_thinking_part(part.thinking, out);
                    self.take_refusal(part.refusal, out);
                    self.take_image(part.image_url);
                    if let Some(text) = part.text {
                        self.take_text(text.0, out);
                    }
                }
            }
        }
        self.take_refusal(part.refusal, out);
        for fragment in part.tool_calls.into_iter().flatten() {
            self.calls.take(fragment, out);
        }
        if let Some(function) = part.function_call {
            self.calls.take_function(*function, out);
        }
        self.citations.extend(part.annotations.into_iter().flatten());
        for image in part.images.into_iter().flatten() {
            self.take_image(image.image_url);
        }
    }

    fn take_text(&mut self, text: Cow<'_, str>, out: &mut VecDeque<ChatChunk>) {
        if !text.is_empty() {
            self.text.push_str(&text);
            out.push_back(ChatChunk::Text(text.into_owned()));
        }
    }

    /// A refusal is what the model has to say, so it is shown as text.
    fn take_refusal(&mut self, refusal: Option<WireText<'_>>, out: &mut VecDeque<ChatChunk>) {
        if let Some(refusal) = refusal.filter(|refusal| !refusal.0.is_empty()) {
            self.is_refusal = true;
            self.take_text(refusal.0, out);
        }
    }

    /// Takes reasoning. Servers that changed the field's name send it under both.
    fn take_reasoning(
        &mut self,
        reasoning_content: Option<WireText<'_>>,
        reasoning: Option<WireText<'_>>,
        details: Option<Vec<&serde_json::value::RawValue>>,
        out: &mut VecDeque<ChatChunk>,
    ) {
        let is_told = |text: &WireText<'_>| !text.0.is_empty();
        let (carrier, text) = match (reasoning_content.filter(is_told), reasoning.filter(is_told)) {
            (Some(text), _) => (Carrier::ReasoningContent, Some(text)),
            (None, text) => (Carrier::Reasoning, text),
        };
        let has_text = text.is_some();
        if let Some(text) = text {
            self.take_thought(carrier, text.0, out);
        }
        for detail in details.into_iter().flatten() {
            self.details.take(detail, self.arrival, |text| {
                if !has_text && !text.is_empty() {
                    out.push_back(ChatChunk::Thinking(text.to_owned()));
                }
            });
        }
    }

    fn take_thinking_part(&mut self, thinking: Content<'_>, out: &mut VecDeque<ChatChunk>) {
        match thinking {
            Content::Absent => {}
            Content::Text(text) => self.take_thought(Carrier::ContentPart, text, out),
            Content::Parts(parts) => {
                for text in parts.into_iter().filter_map(|part| part.text) {
                    self.take_thought(Carrier::ContentPart, text.0, out);
                }
            }
        }
    }

    fn take_thought(
        &mut self,
        carrier: Carrier,
        text: Cow<'_, str>,
        out: &mut VecDeque<ChatChunk>,
    ) {
        if !text.is_empty() {
            self.carrier = carrier;
            self.reasoning.push_str(&text);
            out.push_back(ChatChunk::Thinking(text.into_owned()));
        }
    }

    /// Takes a picture the model made.
    fn take_image(&mut self, image: Option<ImageUrl<'_>>) {
        let Some(url) = image.and_then(|image| image.url) else { return };
        let inline = url.0.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
        self.images.push(match inline {
            Some((media_type, base64)) => Image {
                media_type: media_type.to_owned(),
                source: MediaSource::Base64(base64.to_owned()),
            },
            None => Image {
                media_type: String::from("image/*"),
                source: MediaSource::Url(url.0.into_owned()),
            },
        });
    }

    /// The whole response. Reasoning leads, then text, then calls: the wire tells no finer order.
    pub(super) fn into_response(self) -> ChatResponse {
        let cost = usage::cost(&self.asked, self.model.as_ref(), &self.usage);
        let stop_reason = self.stop_reason();
        let mut content = Vec::with_capacity(3);
        push_thinking(&mut content, self.reasoning, self.carrier, self.details, self.asked.dialect);
        if !self.text.is_empty() {
            let text = Text { text: self.text, signature: None, citations: self.citations };
            content.push(ContentBlock::Text(text));
        }
        content.extend(self.images.into_iter().map(ContentBlock::Image));
        content.extend(self.calls.into_blocks(self.asked.dialect));
        let model = self.model.unwrap_or(self.asked.model);
        let message = Message::new(Role::Assistant, content);
        let mut response = ChatResponse::new(self.asked.provider, model, message);
        response.stop_reason = stop_reason;
        response.usage = usage::usage(&self.usage);
        response.cost = cost;
        response
    }

    /// Servers disagree on the reason given with tool calls, so the calls themselves decide.
    fn stop_reason(&self) -> StopReason {
        match &self.finish_reason {
            None | Some(StopReason::EndTurn) if !self.calls.is_empty() => StopReason::ToolUse,
            None | Some(StopReason::EndTurn) if self.is_refusal => StopReason::Refusal,
            None => StopReason::EndTurn,
            Some(reason) => reason.clone(),
        }
    }
}

fn push_thinking(
    content: &mut Vec<ContentBlock>,
    text: String,
    carrier: Carrier,
    details: Details,
    dialect: &Dialect,
) {
    let issuer = ProviderId::from(dialect.name);
    if !text.is_empty() && !details.has_text() {
        // Where there are details, they are what goes back.
        let goes_back = dialect.reasoning_replay != ReasoningReplay::Never && details.is_empty();
        let signature =
            goes_back.then(|| Signature { issuer: issuer.clone(), value: carrier.name().into() });
        content.push(ContentBlock::Thinking(Thinking { text, signature }));
    }
    content.extend(details.into_blocks(&issuer));
}
