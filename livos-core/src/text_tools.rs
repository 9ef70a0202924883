//! Tools for models that have no tool calls: as JSON in text.
//!
//! Everything above sees ordinary tool calls and results; everything below
//! sees text. The tools are described in the system text, calls and results of
//! the past are written as text into a conversation that is derived once and
//! only grows, and the answer is read back. Where the model's service can hold
//! an answer to a schema, it is held to one call or one answer, so that even
//! the smallest models make well-formed calls.

mod parse;
mod prompt;
mod schema;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use self::parse::AnswerReader;
use self::parse::Ending;
use self::parse::ReadAnswer;
use self::prompt::Form;
use crate::context::TokenCounter;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::message::ContentBlock;
use crate::message::ToolCall;
use crate::provider::AIProvider;
use crate::provider::Capabilities;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;
use crate::provider::ChatResponse;
use crate::provider::ChatStream;
use crate::provider::ModelInfo;
use crate::provider::ModelLookup;
use crate::provider::ProviderError;
use crate::provider::StopReason;
use crate::provider::ToolSupport;
use crate::tool::ToolSpec;

/// How long an answer may be that is held to a schema, where the request does not say: small
/// models do not always find the end of a text by themselves.
const HELD_OUTPUT_TOKENS: u32 = 4_096;

/// Of a window that is known, such an answer may have at most this part.
const ANSWER_PART: u64 = 3;

/// A provider with tools as JSON in text around one without tool calls.
///
/// An answer's text streams while it arrives; a call appears when it is whole.
/// A call that broke off is given as [`ToolInput::Malformed`](crate::ToolInput::Malformed)
/// and never mended. Calls get ids of ours.
#[derive(Debug, Clone)]
pub struct TextTools {
    inner: Arc<dyn AIProvider>,
}

impl TextTools {
    /// Wraps a provider.
    pub fn new(inner: Arc<dyn AIProvider>) -> Self {
        Self { inner }
    }

    fn form(&self, request: &ChatRequest) -> Form {
        if request.tools.is_empty() {
            Form::Plain
        } else if self.inner.capabilities(&request.model).structured_output {
            Form::Held
        } else {
            Form::Asked
        }
    }

    /// Some services refuse a request whose prompt and answer would not fit the window together.
    fn held_output_tokens(&self, model: &ModelName) -> u32 {
        let window = self.inner.capabilities(model).context_window;
        let part = window.map(|window| u32::try_from(window / ANSWER_PART).unwrap_or(u32::MAX));
        part.map_or(HELD_OUTPUT_TOKENS, |part| part.clamp(1, HELD_OUTPUT_TOKENS))
    }

    fn derive(&self, request: &ChatRequest) -> (ChatRequest, Form) {
        let form = self.form(request);
        let mut derived = prompt::derive(request, form);
        if form == Form::Held {
            derived
                .max_output_tokens
                .get_or_insert_with(|| self.held_output_tokens(&request.model));
        }
        (derived, form)
    }
}

#[async_trait]
impl AIProvider for TextTools {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let (derived, form) = self.derive(&request);
        let pieces = self.inner.chat_stream(derived).await?;
        if form == Form::Plain {
            return Ok(pieces);
        }
        let listener = Listener::new(request.tools);
        let stream =
            futures::stream::unfold((pieces, listener), |(mut pieces, mut listener)| async {
                loop {
                    if let Some(chunk) = listener.ready.pop_front() {
                        return Some((Ok(chunk), (pieces, listener)));
                    }
                    match pieces.next().await? {
                        Ok(chunk) => listener.hear(chunk),
                        Err(error) => return Some((Err(error), (pieces, listener))),
                    }
                }
            });
        Ok(stream.boxed())
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, ProviderError> {
        let (derived, form) = self.derive(&request);
        let response = self.inner.chat(derived).await?;
        if form == Form::Plain {
            return Ok(response);
        }
        let mut reader = AnswerReader::new(request.tools);
        reader.feed(&response.message.text());
        let ending = reader.end();
        Ok(understood(response, reader.into_answer(ending)))
    }

    async fn verify(&self) -> Result<(), ProviderError> {
        self.inner.verify().await
    }

    async fn is_available(&self) -> bool {
        self.inner.is_available().await
    }

    /// What the model can do, with tools.
    fn capabilities(&self, model: &ModelName) -> Capabilities {
        let mut capabilities = self.inner.capabilities(model);
        capabilities.tools = ToolSupport::Native;
        capabilities
    }

    fn model_lookup(&self) -> Option<&dyn ModelLookup> {
        self.inner.model_lookup()
    }

    fn token_counter(&self, model: &ModelName) -> Option<Arc<dyn TokenCounter>> {
        self.inner.token_counter(model)
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        self.inner.models().await
    }
}

/// Turns the pieces of a text into pieces of what it means.
struct Listener {
    tools: Arc<[ToolSpec]>,
    reader: AnswerReader,
    /// How many bytes of the answer's text were heard.
    heard: usize,
    ready: VecDeque<ChatChunk>,
}

impl Listener {
    fn new(tools: Arc<[ToolSpec]>) -> Self {
        let reader = AnswerReader::new(Arc::clone(&tools));
        Self { tools, reader, heard: 0, ready: VecDeque::new() }
    }

    fn hear(&mut self, chunk: ChatChunk) {
        match chunk {
            ChatChunk::Text(text) => {
                self.heard += text.len();
                self.reader.feed(&text);
                self.tell();
            }
            ChatChunk::Switched { from, to, reason, .. } => {
                let discarded_chars = self.reader.shown_chars();
                self.reader = AnswerReader::new(Arc::clone(&self.tools));
                self.heard = 0;
                self.ready.push_back(ChatChunk::Switched { from, to, reason, discarded_chars });
            }
            ChatChunk::Finished(response) => self.finish(*response),
            other => self.ready.push_back(other),
        }
    }

    fn finish(&mut self, response: ChatResponse) {
        // A provider need not have streamed what it gives in the end.
        let text = response.message.text();
        self.reader.feed(text.get(self.heard..).unwrap_or_default());
        let ending = self.reader.end();
        self.tell();
        let next = AnswerReader::new(Arc::clone(&self.tools));
        let answer = std::mem::replace(&mut self.reader, next).into_answer(ending);
        self.ready.push_back(ChatChunk::Finished(Box::new(understood(response, answer))));
    }

    fn tell(&mut self) {
        let news = self.reader.news();
        if !news.text.is_empty() {
            self.ready.push_back(ChatChunk::Text(news.text));
        }
        self.ready.extend(news.calls.iter().flat_map(announce));
    }
}

/// A call as it streams: announced, then its arguments.
fn announce(call: &ToolCall) -> [ChatChunk; 2] {
    [String::new(), call.input.to_json()].map(|partial_json| ChatChunk::ToolCall {
        call_id: call.call_id.clone(),
        name: call.name.clone(),
        partial_json,
    })
}

/// The response with what its text means in the place of the text.
fn understood(mut response: ChatResponse, answer: ReadAnswer) -> ChatResponse {
    let ran_out = response.stop_reason == StopReason::MaxTokens;
    let is_cut = ran_out && answer.ending == Ending::CutInCall;
    if !is_cut && !answer.calls.is_empty() {
        response.stop_reason = StopReason::ToolUse;
    }
    let content = &mut response.message.content;
    content.retain(|block| !matches!(block, ContentBlock::Text(_)));
    if !answer.text.is_empty() {
        content.push(ContentBlock::text(answer.text));
    }
    content.extend(answer.calls.into_iter().map(ContentBlock::ToolUse));
    response
}

/// Reads bytes as an answer, in two pieces and whole, for fuzzing.
///
/// # Panics
/// When the two readings differ.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn fuzz_text_tools(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let whole = parse::read_whole(&text, Arc::default());
    let mut reader = AnswerReader::new(Arc::default());
    let mut shown = String::new();
    for c in text.chars() {
        reader.feed(c.encode_utf8(&mut [0; 4]));
        shown.push_str(&reader.news().text);
    }
    let ending = reader.end();
    shown.push_str(&reader.news().text);
    let pieces = reader.into_answer(ending);
    assert_eq!(shown, pieces.text, "what was shown is what was said");
    assert_eq!(pieces.text, whole.text, "the cut of the pieces does not matter");
    assert_eq!(pieces.calls.len(), whole.calls.len(), "the cut of the pieces does not matter");
}

#[cfg(test)]
mod tests;
