//! Recorded traffic, where `LIVOS_CASSETTES` names its folder: what we read equals a plain reading
//! of the JSON, and what we send back is what the next recorded request shows.

use livos_core::AIProvider;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Conversation;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::Role;
use livos_core::StopReason;
use livos_core::ToolCall;
use livos_core::ToolResult;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::any;

use crate::cassettes::Exchange;
use crate::cassettes::recorded;
use crate::gemini::provider;

fn cassettes() -> Vec<(String, Vec<Exchange>)> {
    let methods = [":streamGenerateContent", ":generateContent"];
    recorded("gemini", |path| methods.iter().any(|method| path.contains(method)))
}

/// What is particular to this wire.
trait Recorded {
    fn streams(&self) -> bool;
    fn model(&self) -> &str;
    fn frames(&self) -> Vec<Value>;
    fn parts(&self) -> Vec<Value>;
}

impl Recorded for Exchange {
    fn streams(&self) -> bool {
        self.path.contains(":streamGenerateContent")
    }

    fn model(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split(':').next().unwrap_or_default()
    }

    fn frames(&self) -> Vec<Value> {
        if !self.streams() {
            return vec![serde_json::from_str(&self.response).expect("JSON")];
        }
        let data = self.response.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
    }

    /// The parts of the first candidate, in order.
    fn parts(&self) -> Vec<Value> {
        let candidates = self
            .frames()
            .into_iter()
            .flat_map(|frame| frame["candidates"].as_array().cloned().unwrap_or_default());
        let first = candidates.filter(|it| it["index"].as_u64().unwrap_or(0) == 0);
        first
            .flat_map(|it| it["content"]["parts"].as_array().cloned().unwrap_or_default())
            .collect()
    }
}

async fn replay(exchange: &Exchange) -> Result<ChatResponse, ProviderError> {
    let server = MockServer::start().await;
    let kind = if exchange.streams() { "text/event-stream" } else { "application/json" };
    let answer =
        ResponseTemplate::new(exchange.status).set_body_raw(exchange.response.clone(), kind);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let request = ChatRequest::new(exchange.model(), [Message::user("recorded")]);
    let provider = provider(&server);
    if exchange.streams() {
        let mut pieces = provider.chat_stream(request).await?;
        while let Some(piece) = futures::StreamExt::next(&mut pieces).await {
            if let livos_core::ChatChunk::Finished(response) = piece? {
                return Ok(*response);
            }
        }
        panic!("the stream ended without an end");
    }
    provider.chat(request).await
}

/// What we send for a conversation.
async fn sent(conversation: Conversation, model: &str) -> Value {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let _ = provider(&server).chat(ChatRequest::of(model, conversation)).await;
    let requests = server.received_requests().await.expect("recorded");
    requests.first().expect("one request").body_json().expect("JSON")
}

fn joined_text(parts: &[Value], thought: bool) -> String {
    let wanted = parts.iter().filter(|part| (part["thought"] == json!(true)) == thought);
    wanted.filter_map(|part| part["text"].as_str()).collect()
}

fn calls(parts: &[Value]) -> Vec<(Value, Value)> {
    let calls = parts.iter().filter_map(|part| part.get("functionCall"));
    calls.map(|call| (call["name"].clone(), call["args"].clone())).collect()
}

fn signatures(parts: &[Value]) -> BTreeSet<String> {
    let signatures = parts.iter().filter_map(|part| part["thoughtSignature"].as_str());
    signatures.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn every_answer_equals_a_plain_reading() {
    for (name, exchanges) in cassettes() {
        for exchange in exchanges {
            let answer = match replay(&exchange).await {
                Ok(answer) => answer,
                Err(error) => {
                    assert_eq!((exchange.status, error.kind()), (404, "unknown_model"), "{name}");
                    continue;
                }
            };
            check_content(&name, &exchange, &answer);
            check_end(&name, &exchange, &answer);
        }
    }
}

fn check_content(name: &str, exchange: &Exchange, answer: &ChatResponse) {
    let parts = exchange.parts();
    assert_eq!(answer.message.text(), joined_text(&parts, false), "{name}");
    let mut thinking = String::new();
    let mut native = 0;
    for block in &answer.message.content {
        match block {
            ContentBlock::Thinking(block) => thinking.push_str(&block.text),
            ContentBlock::Native(_) => native += 1,
            _ => {}
        }
    }
    assert_eq!(thinking, joined_text(&parts, true), "{name}");
    let got: Vec<_> = answer
        .message
        .tool_calls()
        .map(|call| (json!(call.name), serde_json::to_value(&call.input).expect("JSON")))
        .collect();
    assert_eq!(got, calls(&parts), "{name}");
    let ids = answer.message.tool_calls().filter(|call| !call.call_id.is_generated());
    let ids: Vec<_> = ids.map(|call| call.call_id.as_str().to_owned()).collect();
    let recorded = parts.iter().filter_map(|part| part["functionCall"]["id"].as_str());
    assert_eq!(ids, recorded.map(ToOwned::to_owned).collect::<Vec<_>>(), "{name}");
    let known = ["text", "functionCall", "inlineData"];
    let other = parts.iter().filter(|part| known.iter().all(|key| part.get(key).is_none()));
    assert_eq!(native, other.count(), "{name}: nothing is dropped");
}

fn check_end(name: &str, exchange: &Exchange, answer: &ChatResponse) {
    let frames = exchange.frames();
    let last_reason =
        frames.iter().rev().find_map(|it| it["candidates"][0]["finishReason"].as_str());
    let expected = match last_reason {
        Some("STOP") if !calls(&exchange.parts()).is_empty() => StopReason::ToolUse,
        Some("STOP") => StopReason::EndTurn,
        Some("MAX_TOKENS") => StopReason::MaxTokens,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(answer.stop_reason, expected, "{name}");
    let counted = |key: &str| {
        frames.last().and_then(|frame| frame["usageMetadata"][key].as_u64()).unwrap_or(0)
    };
    let usage = answer.usage;
    assert_eq!(usage.total_tokens(), counted("totalTokenCount"), "{name}");
    assert_eq!(usage.cache_read_tokens, counted("cachedContentTokenCount"), "{name}");
    assert_eq!(usage.reasoning_tokens, counted("thoughtsTokenCount"), "{name}");
    let output = counted("candidatesTokenCount") + counted("thoughtsTokenCount");
    assert_eq!(usage.output_tokens, output, "{name}");
}

#[tokio::test]
async fn a_continued_conversation_is_sent_as_it_was_recorded() {
    let mut compared = 0;
    let recordings = cassettes();
    for (name, exchanges) in &recordings {
        for pair in exchanges.windows(2) {
            let [before, after] = pair else { continue };
            compared += usize::from(check_continuation(name, before, after).await);
        }
    }
    assert!(recordings.is_empty() || compared > 0, "no continuation was compared");
}

/// Compares the model's turn and the tools' answers, where `after` continues `before`.
async fn check_continuation(name: &str, before: &Exchange, after: &Exchange) -> bool {
    let asked = before.request["contents"].as_array().cloned().unwrap_or_default();
    let continued = after.request["contents"].as_array().cloned().unwrap_or_default();
    let new = match continued.strip_prefix(asked.as_slice()) {
        Some([first, rest @ ..]) if first["role"] == "model" => (first, rest),
        _ => return false,
    };
    let Ok(answer) = replay(before).await else { return false };
    // Some recordings change or drop what the model said, on purpose.
    let recorded = new.0["parts"].as_array().cloned().unwrap_or_default();
    if calls(&recorded) != calls(&before.parts()) {
        return false;
    }
    let results = results(&answer, new.1);
    let mut conversation = Conversation::from_iter([answer.message]);
    let has_results = !results.is_empty();
    if has_results {
        conversation.push(Message::new(Role::User, results));
    }
    let body = sent(conversation, before.model()).await;
    let parts = body["contents"][0]["parts"].as_array().cloned().unwrap_or_default();
    let call_parts = |parts: &[Value]| -> Vec<Value> {
        let parts = parts.iter().filter(|part| part.get("functionCall").is_some());
        parts.map(plain).collect()
    };
    assert_eq!(call_parts(&parts), call_parts(&recorded), "{name}");
    for thought in [false, true] {
        assert_eq!(joined_text(&parts, thought), joined_text(&recorded, thought), "{name}");
    }
    assert!(signatures(&parts).is_superset(&signatures(&recorded)), "{name}");
    assert_eq!(signatures(&parts), signatures(&before.parts()), "{name}: all come back");
    if has_results {
        let ours = body["contents"][1]["parts"].as_array().cloned().unwrap_or_default();
        let pairing = |part: &Value| {
            let response = &part["functionResponse"];
            (response["name"].clone(), response["id"].clone(), response["parts"].clone())
        };
        let theirs: Vec<_> = recorded_responses(new.1).iter().map(pairing).collect();
        assert_eq!(ours.iter().map(pairing).collect::<Vec<_>>(), theirs, "{name}");
    }
    true
}

fn recorded_responses(contents: &[Value]) -> Vec<Value> {
    let parts = contents.iter().flat_map(|it| it["parts"].as_array().cloned().unwrap_or_default());
    parts.filter(|part| part.get("functionResponse").is_some()).collect()
}

/// The recorded results as ours, in their order, each for the call of its id or else of its name.
fn results(answer: &ChatResponse, contents: &[Value]) -> Vec<ContentBlock> {
    let mut open: Vec<&ToolCall> = answer.message.tool_calls().collect();
    let mut results = Vec::new();
    for part in recorded_responses(contents) {
        let response = &part["functionResponse"];
        let is_meant = |call: &&ToolCall| {
            response["id"] == json!(call.call_id)
                || (response["id"].is_null() && response["name"] == json!(call.name))
        };
        let Some(place) = open.iter().position(is_meant) else { continue };
        let call = open.remove(place);
        let mut content = vec![ContentBlock::text(response["response"].to_string())];
        let images = response["parts"].as_array().cloned().unwrap_or_default();
        content.extend(images.iter().map(|part| {
            let text = |key: &str| part["inlineData"][key].as_str().unwrap_or_default().to_owned();
            ContentBlock::Image(livos_core::Image {
                media_type: text("mimeType"),
                source: livos_core::MediaSource::Base64(text("data")),
            })
        }));
        results.push(ContentBlock::ToolResult(ToolResult {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            content,
            is_error: false,
        }));
    }
    results
}

/// Without the keys that say nothing.
fn plain(part: &Value) -> Value {
    let mut part = part.clone();
    if let Some(object) = part.as_object_mut() {
        object.retain(|_, value| !value.is_null() && value != &json!(false));
    }
    part
}
