//! Recorded traffic, where `LIVOS_CASSETTES` names its folder: what we read equals a plain reading
//! of the JSON, and what we send back is what the next recorded request shows.

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::Role;
use livos_core::Signature;
use livos_core::StopReason;
use livos_core::ToolCall;
use livos_core::ToolInput;
use livos_core::ToolResult;
use livos_providers::openai_compatible::Dialect;
use serde_json::Value;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::any;

use crate::cassettes::Exchange;
use crate::cassettes::recorded;
use crate::openai::provider;

const FOLDERS: [(&str, &Dialect); 6] = [
    ("openai", &Dialect::OPENAI),
    ("openrouter", &Dialect::OPENROUTER),
    ("deepseek", &Dialect::DEEPSEEK),
    ("mistral", &Dialect::MISTRAL),
    ("groq", &Dialect::GROQ),
    ("llamacpp", &Dialect::LLAMA_CPP),
];

const IS_CHAT: fn(&str) -> bool = |path| path.ends_with("/chat/completions");

/// What is particular to this wire.
trait Recorded {
    fn streams(&self) -> bool;
    fn messages(&self) -> &[Value];
    fn frames(&self) -> Vec<Value>;
}

impl Recorded for Exchange {
    fn streams(&self) -> bool {
        self.request["stream"] == true
    }

    fn messages(&self) -> &[Value] {
        self.request["messages"].as_array().expect("messages")
    }

    fn frames(&self) -> Vec<Value> {
        if !self.streams() {
            return vec![serde_json::from_str(&self.response).expect("JSON")];
        }
        let data = self.response.lines().filter_map(|line| line.strip_prefix("data:"));
        let frames = data.map(str::trim).filter(|data| *data != "[DONE]");
        frames.map(|data| serde_json::from_str(data).expect("JSON")).collect()
    }
}

/// A plain reading of a recorded answer.
#[derive(Debug, Default)]
struct Plain {
    text: String,
    thoughts: String,
    /// Id, name and arguments by index.
    calls: Vec<(String, String, String)>,
    reason: String,
    usage: Value,
}

impl Plain {
    fn of(exchange: &Exchange) -> Self {
        let mut plain = Self::default();
        for frame in exchange.frames() {
            for usage in [&frame["usage"], &frame["x_groq"]["usage"]] {
                if usage.is_object() {
                    plain.usage = usage.clone();
                    break;
                }
            }
            for choice in frame["choices"].as_array().expect("choices") {
                if choice["index"] == 0 {
                    plain.add(choice);
                }
            }
        }
        plain
    }

    fn add(&mut self, choice: &Value) {
        let part = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        self.text.push_str(&words(&part["content"]));
        self.text.push_str(&words(&part["refusal"]));
        let thoughts = [&part["reasoning_content"], &part["reasoning"]].map(words);
        self.thoughts.push_str(thoughts.iter().find(|it| !it.is_empty()).map_or("", |it| it));
        for (place, call) in part["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let index = call["index"].as_u64().map_or(place, |it| it.try_into().expect("small"));
            self.calls.resize_with(self.calls.len().max(index + 1), Default::default);
            let (id, name, arguments) = &mut self.calls[index];
            id.push_str(&words(&call["id"]));
            name.push_str(&words(&call["function"]["name"]));
            arguments.push_str(&words(&call["function"]["arguments"]));
        }
        if choice["finish_reason"].is_string() {
            self.reason = words(&choice["finish_reason"]);
        }
    }

    fn stop_reason(&self) -> StopReason {
        match self.reason.as_str() {
            "length" => StopReason::MaxTokens,
            "content_filter" => StopReason::Refusal,
            "stop" | "tool_calls" if !self.calls.is_empty() => StopReason::ToolUse,
            "stop" => StopReason::EndTurn,
            other => panic!("{other}"),
        }
    }
}

/// A string, or the texts of a list of parts.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|part| words(&part["text"])).collect(),
        _ => String::new(),
    }
}

async fn replay(
    dialect: &'static Dialect,
    exchange: &Exchange,
) -> Result<ChatResponse, ProviderError> {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(exchange.status)
        .set_body_raw(exchange.response.clone(), &exchange.content_type);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = provider(dialect, &server.uri());
    let model = exchange.request["model"].as_str().expect("a model");
    let request = ChatRequest::new(model, [Message::user("as recorded")]);
    if !exchange.streams() {
        return provider.chat(request).await;
    }
    let mut pieces = provider.chat_stream(request).await?;
    let (mut text, mut thoughts) = (String::new(), String::new());
    while let Some(piece) = pieces.next().await {
        match piece? {
            ChatChunk::Text(more) => text.push_str(&more),
            ChatChunk::Thinking(more) => thoughts.push_str(&more),
            ChatChunk::Finished(response) => {
                assert_eq!(text, response.message.text(), "the pieces are the whole");
                return Ok(*response);
            }
            _ => {}
        }
    }
    panic!("the stream ended without an answer or an error");
}

fn thoughts(message: &Message) -> String {
    let texts = message.content.iter().filter_map(|block| match block {
        ContentBlock::Thinking(thinking) => Some(thinking.text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn check_answer(name: &str, plain: &Plain, answer: &ChatResponse) {
    assert_eq!(answer.message.text(), plain.text, "{name}");
    assert_eq!(thoughts(&answer.message), plain.thoughts, "{name}");
    let calls: Vec<_> = answer.message.tool_calls().cloned().collect();
    assert_eq!(calls.len(), plain.calls.len(), "{name}");
    for (call, (id, tool, arguments)) in calls.iter().zip(&plain.calls) {
        assert_eq!(
            (call.call_id.as_str(), call.name.as_str()),
            (id.as_str(), tool.as_str()),
            "{name}"
        );
        match (&call.input, serde_json::from_str::<Value>(arguments)) {
            (ToolInput::Object(object), Ok(plain)) => {
                assert_eq!(Value::Object((**object).clone()), plain, "{name}");
            }
            (ToolInput::Object(object), Err(_)) => {
                assert!(object.is_empty() && arguments.is_empty(), "{name}");
            }
            (ToolInput::Malformed(text), _) => assert_eq!(text, arguments, "{name}"),
        }
    }
    assert!(
        answer.stop_reason == plain.stop_reason() || answer.stop_reason == StopReason::Refusal,
        "{name}: {:?} for {}",
        answer.stop_reason,
        plain.reason
    );
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let usage = &plain.usage;
    assert_eq!(answer.usage.prompt_tokens(), count(&usage["prompt_tokens"]), "{name}");
    assert_eq!(answer.usage.output_tokens, count(&usage["completion_tokens"]), "{name}");
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
    assert_eq!(answer.usage.cache_read_tokens, cached, "{name}");
    let reasoning = count(&usage["completion_tokens_details"]["reasoning_tokens"]);
    assert_eq!(answer.usage.reasoning_tokens, reasoning, "{name}");
}

#[tokio::test]
async fn recorded_answers_are_read_as_they_are() {
    for (folder, dialect) in FOLDERS {
        for (name, exchanges) in recorded(folder, IS_CHAT) {
            for exchange in &exchanges {
                let replayed = replay(dialect, exchange).await;
                match exchange.status {
                    200 => {
                        let answer = replayed.unwrap_or_else(|error| panic!("{name}: {error}"));
                        check_answer(&name, &Plain::of(exchange), &answer);
                    }
                    status => {
                        let error = replayed.expect_err(&name);
                        let kind = if status == 401 { "authentication" } else { "invalid_request" };
                        let unknown = exchange.response.contains("not a valid model");
                        let kind = if unknown { "unknown_model" } else { kind };
                        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{name}");
                    }
                }
            }
        }
    }
}

/// A recorded message as ours; assistant messages are the answers that we read, where there is one.
fn ours(issuer: &str, message: &Value, answers: &[Message]) -> Message {
    let text = words(&message["content"]);
    match message["role"].as_str().expect("a role") {
        "system" | "developer" => Message::system(text),
        "user" => Message::user(text),
        "tool" => {
            let result = ToolResult {
                call_id: message["tool_call_id"].as_str().expect("an id").into(),
                name: "recorded".into(),
                content: vec![ContentBlock::text(text)],
                is_error: false,
            };
            Message::new(Role::User, vec![ContentBlock::ToolResult(result)])
        }
        _ => {
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            let calls: Vec<ToolCall> = calls
                .map(|call| {
                    let input = ToolInput::parse(&words(&call["function"]["arguments"]));
                    let id = words(&call["id"]);
                    let mut call = ToolCall::new(id, words(&call["function"]["name"]), input);
                    // Redacted ids have lost the shape that the service gave them.
                    call.signature = Some(Signature { issuer: issuer.into(), value: "id".into() });
                    call
                })
                .collect();
            let ids = |message: &Message| -> Vec<String> {
                message.tool_calls().map(|call| call.call_id.to_string()).collect()
            };
            let wanted: Vec<String> = calls.iter().map(|call| call.call_id.to_string()).collect();
            let answered = answers.iter().rev().find(|answer| {
                ids(answer) == wanted && (!wanted.is_empty() || answer.text() == text)
            });
            answered.cloned().unwrap_or_else(|| {
                let mut content = vec![ContentBlock::text(text)];
                content.extend(calls.into_iter().map(ContentBlock::ToolUse));
                Message::new(Role::Assistant, content)
            })
        }
    }
}

/// What a message on the wire says, without the freedom the wire leaves.
fn essence(message: &Value) -> Value {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls: Vec<Value> = calls
        .map(|call| {
            let arguments = words(&call["function"]["arguments"]);
            let arguments: Value = serde_json::from_str(&arguments).expect("JSON in history");
            json!([call["id"], call["function"]["name"], arguments])
        })
        .collect();
    let role =
        if message["role"] == "developer" { json!("system") } else { message["role"].clone() };
    json!({"role": role, "text": words(&message["content"]), "calls": calls, "answers": message["tool_call_id"]})
}

/// Reasoning that the recording shows must be in what we send; rig leaves `format` and some ids out.
fn check_reasoning(name: &str, recorded: &Value, sent: &Value) {
    if !words(&recorded["reasoning_content"]).is_empty() {
        assert_eq!(sent["reasoning_content"], recorded["reasoning_content"], "{name}");
    }
    let details =
        |message: &Value| message["reasoning_details"].as_array().cloned().unwrap_or_default();
    let (recorded, sent) = (details(recorded), details(sent));
    if recorded.is_empty() {
        return;
    }
    assert_eq!(recorded.len(), sent.len(), "{name}: {sent:?}");
    for (recorded, sent) in recorded.iter().zip(&sent) {
        for (field, value) in recorded.as_object().expect("an object") {
            assert!(value.is_null() || &sent[field] == value, "{name}: {field} of {sent}");
        }
    }
}

async fn sent(dialect: &'static Dialect, model: &str, messages: Vec<Message>) -> Vec<Value> {
    let server = MockServer::start().await;
    let no = ResponseTemplate::new(400);
    Mock::given(any()).respond_with(no).mount(&server).await;
    let request = ChatRequest::new(model, messages);
    provider(dialect, &server.uri()).chat(request).await.expect_err("refused");
    let requests = server.received_requests().await.expect("recorded");
    let body: Value = requests[0].body_json().expect("JSON");
    body["messages"].as_array().expect("messages").clone()
}

#[tokio::test]
async fn conversations_go_back_as_they_were_recorded() {
    let mut continued = 0;
    for (folder, dialect) in FOLDERS {
        for (name, exchanges) in recorded(folder, IS_CHAT) {
            let mut answers = Vec::new();
            for exchange in exchanges.iter().filter(|exchange| exchange.status == 200) {
                let asked = exchange.messages();
                let is_plain = |message: &Value| {
                    let parts = message["content"].as_array().into_iter().flatten();
                    message["role"] != "system" && parts.clone().all(|part| part["type"] == "text")
                        || message["role"] == "system"
                };
                if asked.iter().any(|it| it["role"] == "assistant") && asked.iter().all(is_plain) {
                    continued += 1;
                    let model = exchange.request["model"].as_str().expect("a model");
                    let history =
                        asked.iter().map(|message| ours(dialect.name, message, &answers)).collect();
                    let sent = sent(dialect, model, history).await;
                    assert_eq!(sent.len(), asked.len(), "{name}: {sent:?}");
                    for (recorded, sent) in asked.iter().zip(&sent) {
                        let mut expected = essence(recorded);
                        // Instructions in the middle of a conversation have no other place on some wires.
                        if sent["role"] == "user" {
                            expected["role"] = json!("user");
                        }
                        assert_eq!(essence(sent), expected, "{name}");
                        check_reasoning(&name, recorded, sent);
                    }
                }
                answers.push(replay(dialect, exchange).await.expect("an answer").message);
            }
        }
    }
    assert!(continued > 20 || std::env::var_os("LIVOS_CASSETTES").is_none(), "{continued}");
}
