//! Recorded traffic, where `LIVOS_CASSETTES` names its folder: what we read equals a plain reading
//! of the JSON, and what we send back is what the next recorded request shows.

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Conversation;
use livos_core::Document;
use livos_core::MediaSource;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::Role;
use livos_core::StopReason;
use livos_core::ToolResult;
use serde_json::Value;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::any;

use crate::anthropic::provider;
use crate::cassettes::Exchange;
use crate::cassettes::recorded;

fn cassettes() -> Vec<(String, Vec<Exchange>)> {
    recorded("anthropic", |path| path.ends_with("/messages"))
}

/// What is particular to this wire.
trait Recorded {
    fn streams(&self) -> bool;
    fn events(&self) -> Vec<Value>;
    fn plain(&self) -> Value;
}

impl Recorded for Exchange {
    fn streams(&self) -> bool {
        self.content_type.starts_with("text/event-stream")
    }

    fn events(&self) -> Vec<Value> {
        let data = self.response.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// The message as a plain reading of the JSON gives it.
    fn plain(&self) -> Value {
        if !self.streams() {
            return serde_json::from_str(&self.response).expect("JSON");
        }
        let mut message = Value::Null;
        for event in self.events() {
            let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).expect("small");
            match event["type"].as_str().unwrap_or_default() {
                "message_start" => message = event["message"].clone(),
                "content_block_start" => {
                    message["content"]
                        .as_array_mut()
                        .expect("a list")
                        .push(event["content_block"].clone());
                }
                "content_block_delta" => grow(&mut message["content"][index], &event["delta"]),
                "message_delta" => {
                    message["stop_reason"] = event["delta"]["stop_reason"].clone();
                    for (name, value) in event["usage"].as_object().into_iter().flatten() {
                        message["usage"][name] = value.clone();
                    }
                }
                _ => {}
            }
        }
        for block in message["content"].as_array_mut().into_iter().flatten() {
            if let Some(Value::String(json)) = block.get("partial").cloned() {
                block["input"] = serde_json::from_str(&json).expect("arguments");
            }
        }
        message
    }
}

fn grow(block: &mut Value, delta: &Value) {
    let append = |block: &mut Value, name: &str, more: &Value| {
        let text = block[name].as_str().unwrap_or_default().to_owned();
        block[name] = Value::from(text + more.as_str().unwrap_or_default());
    };
    match delta["type"].as_str().unwrap_or_default() {
        "text_delta" => append(block, "text", &delta["text"]),
        "thinking_delta" => append(block, "thinking", &delta["thinking"]),
        "signature_delta" => append(block, "signature", &delta["signature"]),
        "input_json_delta" if delta["partial_json"] != "" => {
            append(block, "partial", &delta["partial_json"]);
        }
        "input_json_delta" => {}
        "citations_delta" => {
            if block["citations"].is_null() {
                block["citations"] = json!([]);
            }
            block["citations"].as_array_mut().expect("a list").push(delta["citation"].clone());
        }
        other => panic!("{other}"),
    }
}

async fn replay(exchange: &Exchange) -> Result<ChatResponse, ProviderError> {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(exchange.status)
        .set_body_raw(exchange.response.clone(), &exchange.content_type);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let model = exchange.request["model"].as_str().unwrap_or_default();
    let request = ChatRequest::new(model, [Message::user("recorded")]);
    let provider = provider(&server.uri());
    if exchange.request["stream"] != true {
        return provider.chat(request).await;
    }
    let mut pieces = provider.chat_stream(request).await?;
    let (mut text, mut thinking) = (String::new(), String::new());
    while let Some(piece) = pieces.next().await {
        match piece? {
            ChatChunk::Text(more) => text.push_str(&more),
            ChatChunk::Thinking(more) => thinking.push_str(&more),
            ChatChunk::Finished(response) => {
                assert_eq!(text, response.message.text(), "the pieces are the whole");
                assert_eq!(thinking, thoughts(&response.message), "the pieces are the whole");
                return Ok(*response);
            }
            _ => {}
        }
    }
    panic!("the stream ended without an end");
}

fn thoughts(message: &Message) -> String {
    let thoughts = message.content.iter().filter_map(|block| match block {
        ContentBlock::Thinking(thinking) => Some(thinking.text.as_str()),
        _ => None,
    });
    thoughts.collect()
}

/// A block as the wire has it, without what is of no consequence.
fn essential(block: &Value) -> Value {
    let mut block = block.clone();
    if let Some(object) = block.as_object_mut() {
        for name in ["caller", "partial", "cache_control"] {
            object.remove(name);
        }
        object.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    block
}

/// A block that we read, as the wire has it.
fn wire(block: &ContentBlock) -> Value {
    match block {
        ContentBlock::Text(text) => {
            essential(&json!({"type": "text", "text": text.text, "citations": text.citations}))
        }
        ContentBlock::Thinking(thinking) => json!({
            "type": "thinking",
            "thinking": thinking.text,
            "signature": thinking.signature.as_ref().map_or("", |it| it.value.as_str()),
        }),
        ContentBlock::ToolUse(call) => {
            json!({"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.input})
        }
        ContentBlock::Native(native) => essential(&native.value),
        other => panic!("{other:?}"),
    }
}

fn plain_stop(word: &Value) -> StopReason {
    match word.as_str().expect("a reason") {
        "end_turn" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refusal,
        other => panic!("{other}"),
    }
}

fn assert_same(name: &str, response: &ChatResponse, plain: &Value) {
    let ours: Vec<Value> = response.message.content.iter().map(wire).collect();
    let blocks = plain["content"].as_array().cloned().unwrap_or_default();
    let theirs: Vec<Value> = blocks.iter().map(essential).filter(|it| it["text"] != "").collect();
    assert_eq!(ours, theirs, "{name}");
    assert_eq!(response.stop_reason, plain_stop(&plain["stop_reason"]), "{name}");
    assert_eq!(response.model.as_str(), plain["model"], "{name}");
    let count = |name: &str| plain["usage"][name].as_u64().unwrap_or(0);
    let usage = response.usage;
    assert_eq!(usage.input_tokens, count("input_tokens"), "{name}");
    assert_eq!(usage.output_tokens, count("output_tokens"), "{name}");
    assert_eq!(usage.cache_read_tokens, count("cache_read_input_tokens"), "{name}");
    assert_eq!(usage.cache_write_tokens, count("cache_creation_input_tokens"), "{name}");
    let reasoning = plain["usage"]["output_tokens_details"]["thinking_tokens"].as_u64();
    assert_eq!(usage.reasoning_tokens, reasoning.unwrap_or(0), "{name}");
}

#[tokio::test]
async fn recorded_answers_are_read_as_they_are() {
    for (name, exchanges) in cassettes() {
        for exchange in exchanges {
            match replay(&exchange).await {
                Ok(response) => assert_same(&name, &response, &exchange.plain()),
                Err(error) => {
                    let body: Value = serde_json::from_str(&exchange.response).expect("JSON");
                    let kind = match body["error"]["type"].as_str().unwrap_or_default() {
                        "authentication_error" => "authentication",
                        "not_found_error" => "unknown_model",
                        "invalid_request_error" => "invalid_request",
                        other => panic!("{name}: {other}: {error}"),
                    };
                    assert_eq!(
                        (error.kind(), error.status()),
                        (kind, Some(exchange.status)),
                        "{name}"
                    );
                }
            }
        }
    }
}

/// A user's block of a recorded request as ours.
fn ours(block: &Value) -> ContentBlock {
    let text = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
    match block["type"].as_str().unwrap_or_default() {
        "text" => ContentBlock::text(text("text")),
        "tool_result" => ContentBlock::ToolResult(ToolResult {
            call_id: text("tool_use_id").into(),
            name: "tool".into(),
            content: block["content"].as_array().into_iter().flatten().map(ours).collect(),
            is_error: block["is_error"] == true,
        }),
        "document" => {
            use base64::Engine;
            let source = &block["source"];
            let (media_type, source) = match source["type"].as_str().unwrap_or_default() {
                "text" => {
                    let data = source["data"].as_str().unwrap_or_default();
                    let data = base64::engine::general_purpose::STANDARD.encode(data);
                    ("text/plain", MediaSource::Base64(data))
                }
                "url" => (
                    "application/pdf",
                    MediaSource::Url(source["url"].as_str().unwrap_or_default().into()),
                ),
                "file" => (
                    "application/pdf",
                    MediaSource::FileId(source["file_id"].as_str().unwrap_or_default().into()),
                ),
                other => panic!("{other}"),
            };
            let title = block["title"].as_str().map(str::to_owned);
            ContentBlock::Document(Document { media_type: media_type.into(), source, title })
        }
        other => panic!("{other}"),
    }
}

/// Messages with neighbours of one role merged, as the service does, and without cache marks.
fn merged(messages: &Value) -> Vec<(String, Vec<Value>)> {
    let mut merged: Vec<(String, Vec<Value>)> = Vec::new();
    for message in messages.as_array().into_iter().flatten() {
        let role = message["role"].as_str().unwrap_or_default().to_owned();
        let blocks = message["content"].as_array().into_iter().flatten().map(essential);
        let blocks = blocks.filter(|block| block["text"] != "");
        match merged.last_mut() {
            Some((last, content)) if *last == role => content.extend(blocks),
            _ => merged.push((role, blocks.collect())),
        }
    }
    merged.retain(|(_, blocks)| !blocks.is_empty());
    merged
}

async fn sent(model: &str, conversation: Conversation) -> Value {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(400)).mount(&server).await;
    drop(provider(&server.uri()).chat(ChatRequest::of(model, conversation)).await);
    let requests = server.received_requests().await.expect("recorded");
    requests.first().expect("one request").body_json().expect("JSON")
}

#[tokio::test]
async fn conversations_go_back_as_they_were_recorded() {
    let mut continued = 0;
    for (name, exchanges) in cassettes() {
        let mut answers = Vec::new();
        for exchange in &exchanges {
            let messages = exchange.request["messages"].as_array().cloned().unwrap_or_default();
            let conversation = messages.iter().map(|message| {
                let blocks = message["content"].as_array().into_iter().flatten();
                match message["role"].as_str() {
                    Some("assistant") => {
                        continued += 1;
                        recorded_answer(&answers, &blocks.cloned().collect::<Vec<_>>())
                    }
                    Some("system") => Message::new(Role::System, blocks.map(ours).collect()),
                    _ => Message::new(Role::User, blocks.map(ours).collect()),
                }
            });
            let model = exchange.request["model"].as_str().unwrap_or_default();
            let body = sent(model, conversation.collect()).await;
            assert_eq!(merged(&body["messages"]), merged(&exchange.request["messages"]), "{name}");
            if let Ok(answer) = replay(exchange).await {
                answers.push(answer.message);
            }
        }
    }
    if std::env::var_os("LIVOS_CASSETTES").is_some() {
        assert!(continued > 20, "only {continued} recorded answers were sent back");
    }
}

/// The answer that we read before and that these recorded blocks send back; where none of the
/// recording's answers is meant, the blocks themselves.
fn recorded_answer(answers: &[Message], blocks: &[Value]) -> Message {
    let identity = |block: &Value| {
        ["id", "signature", "text"].map(|name| block[name].as_str().unwrap_or_default().to_owned())
    };
    let wanted: Vec<_> = blocks.iter().map(identity).collect();
    let found = answers.iter().find(|answer| {
        answer.content.iter().map(|block| identity(&wire(block))).collect::<Vec<_>>() == wanted
    });
    found.cloned().unwrap_or_else(|| {
        let content = blocks.iter().map(|block| match block["type"].as_str() {
            Some("tool_use") => ContentBlock::ToolUse(livos_core::ToolCall::new(
                block["id"].as_str().unwrap_or_default(),
                block["name"].as_str().unwrap_or_default(),
                block["input"].clone(),
            )),
            _ => ours(block),
        });
        Message::new(Role::Assistant, content.collect())
    })
}
