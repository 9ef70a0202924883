use std::sync::Arc;

use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::Message;
use livos_core::Role;
use livos_core::ToolCall;
use livos_core::ToolInput;
use livos_core::ToolResult;
use serde_json::json;

use super::*;

fn bytes(dialect: &Dialect, request: &ChatRequest) -> Vec<u8> {
    encode(dialect, 7, request).joined()
}

fn body(dialect: &Dialect, request: &ChatRequest) -> Value {
    serde_json::from_slice(&bytes(dialect, request)).unwrap()
}

fn question() -> ChatRequest {
    ChatRequest::new("some-model", [Message::user("Hi")])
}

fn tool() -> ToolSpec {
    ToolSpec::new("look", "Looks.", json!({"type": "object", "properties": {}}), Effect::ReadOnly)
}

fn schema(schema: Value) -> OutputFormat {
    OutputFormat::JsonSchema { name: "answer".into(), schema: Arc::new(schema) }
}

#[test]
fn a_full_request_is_written_in_the_order_that_caches_need() {
    let mut request = question();
    request.system = Some("Be brief.".into());
    request.tools = [tool()].into();
    request.tool_choice = ToolChoice::Tool("look".into());
    request.volatile = Some("It is noon.".into());
    request.max_output_tokens = Some(50);
    request.temperature = Some(0.7);
    request.stop_sequences = vec!["END".into()];
    insta::assert_snapshot!(String::from_utf8(bytes(&Dialect::DEEPSEEK, &request)).unwrap());
}

#[test]
fn every_dialect_writes_valid_json_whatever_is_absent() {
    for dialect in Dialect::KNOWN.into_iter().chain([&Dialect::GENERIC]) {
        for messages in [vec![], vec![Message::user("a")], vec![Message::assistant("b")]] {
            for system in [None, Some("s".into())] {
                for volatile in [None, Some("noon".into())] {
                    let mut request = ChatRequest::new("m", messages.clone());
                    request.system.clone_from(&system);
                    request.volatile.clone_from(&volatile);
                    request.output = schema(json!({"type": "object"}));
                    let body = body(dialect, &request);
                    let text = body["messages"].to_string();
                    assert_eq!(text.contains("noon"), volatile.is_some(), "{text}");
                }
            }
        }
    }
}

#[test]
fn volatile_facts_join_the_last_message_where_a_later_instruction_is_refused() {
    let mut request = question();
    request.volatile = Some("noon \"sharp\"".into());
    let messages = &body(&Dialect::LLAMA_CPP, &request)["messages"];
    assert_eq!(messages, &json!([{"role": "user", "content": "Hi\n\nnoon \"sharp\""}]));
    let messages = &body(&Dialect::OPENAI, &request)["messages"];
    assert_eq!(messages[1], json!({"role": "developer", "content": "noon \"sharp\""}));
}

#[test]
fn what_was_sent_is_a_prefix_of_what_is_sent_next_for_fifty_turns() {
    for dialect in Dialect::KNOWN.into_iter().chain([&Dialect::GENERIC]) {
        let mut request = question();
        request.system = Some("Be brief.".into());
        request.tools = [tool()].into();
        let mut before: Option<Vec<u8>> = None;
        for turn in 0..50 {
            request.volatile = Some(format!("turn {turn}").into());
            let now = bytes(dialect, &request);
            serde_json::from_slice::<Value>(&now).unwrap();
            if let Some(before) = before.replace(now.clone()) {
                let same = before.iter().zip(&now).take_while(|(old, new)| old == new).count();
                let volatile = format!("turn {}", turn - 1);
                let text = String::from_utf8(before).unwrap();
                // Where the facts are in a message of their own, it begins after a comma.
                let facts = text.rfind(&volatile).unwrap();
                let lead = text[..facts].rfind("\"}").unwrap_or_default();
                assert!(same >= lead.min(facts), "{} turn {turn}: {same} of {facts}", dialect.name);
            }
            let id = format!("call_{turn}");
            let call = ToolCall::new(id.as_str(), "look", ToolInput::parse("{\"q\":1}"));
            let result = ToolResult {
                call_id: call.call_id.clone(),
                name: call.name.clone(),
                content: vec![ContentBlock::text(format!("seen {turn}"))],
                is_error: false,
            };
            let asks = vec![ContentBlock::text("Looking."), ContentBlock::ToolUse(call)];
            request.conversation.push(Message::new(Role::Assistant, asks));
            let answer = vec![ContentBlock::ToolResult(result)];
            request.conversation.push(Message::new(Role::User, answer));
        }
    }
}

#[test]
fn encoding_turn_by_turn_equals_encoding_at_once() {
    for dialect in Dialect::KNOWN {
        let mut grown = question();
        for turn in 0..6 {
            bytes(dialect, &grown);
            let call = ToolCall::new(format!("c{turn}"), "look", ToolInput::parse(""));
            grown
                .conversation
                .push(Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)]));
            grown.conversation.push(Message::user("never mind"));
        }
        let at_once = ChatRequest::of("some-model", grown.conversation.iter().cloned().collect());
        assert_eq!(bytes(dialect, &grown), bytes(dialect, &at_once), "{}", dialect.name);
    }
}

#[test]
fn the_limit_has_the_dialects_name() {
    let mut request = question();
    request.max_output_tokens = Some(9);
    assert_eq!(body(&Dialect::OPENAI, &request)["max_completion_tokens"], 9);
    assert_eq!(body(&Dialect::MISTRAL, &request)["max_tokens"], 9);
    assert_eq!(body(&Dialect::LLAMA_CPP, &question())["max_tokens"], 4096);
}

#[test]
fn tools_are_demanded_in_the_dialects_words() {
    let mut request = question();
    request.tools = [tool()].into();
    let mut choice = |dialect, choice| {
        request.tool_choice = choice;
        body(dialect, &request)["tool_choice"].clone()
    };
    assert_eq!(choice(&Dialect::OPENAI, ToolChoice::Required), "required");
    assert_eq!(choice(&Dialect::MISTRAL, ToolChoice::Required), "any");
    assert_eq!(choice(&Dialect::LLAMA_CPP, ToolChoice::Tool("look".into())), "required");
    assert_eq!(choice(&Dialect::GROQ, ToolChoice::Tool("look".into()))["function"]["name"], "look");
    assert_eq!(choice(&Dialect::GROQ, ToolChoice::Auto), Value::Null);
    request.thinking = ThinkingEffort::High;
    request.tool_choice = ToolChoice::Required;
    assert_eq!(body(&Dialect::DEEPSEEK, &request)["tool_choice"], Value::Null);
    request.tools = Arc::default();
    assert_eq!(body(&Dialect::OPENAI, &request)["tool_choice"], Value::Null);
}

#[test]
fn reasoning_is_switched_as_each_dialect_wants_it() {
    let switch = |dialect, model: &str, thinking, field: &str| {
        let mut request = ChatRequest::new(model, [Message::user("Hi")]);
        request.thinking = thinking;
        body(dialect, &request)[field].clone()
    };
    assert_eq!(switch(&Dialect::OPENAI, "o4-mini", ThinkingEffort::Low, "reasoning_effort"), "low");
    assert_eq!(
        switch(&Dialect::OPENAI, "gpt-4o", ThinkingEffort::Low, "reasoning_effort"),
        Value::Null
    );
    assert_eq!(
        switch(&Dialect::OPENROUTER, "x/y", ThinkingEffort::Medium, "reasoning"),
        json!({"effort": "medium"})
    );
    assert_eq!(
        switch(&Dialect::DEEPSEEK, "deepseek-chat", ThinkingEffort::Off, "thinking"),
        json!({"type": "disabled"})
    );
    assert_eq!(switch(&Dialect::OLLAMA, "qwen3", ThinkingEffort::Off, "reasoning_effort"), "none");
    assert_eq!(
        switch(&Dialect::MISTRAL, "mistral-small-latest", ThinkingEffort::High, "reasoning_effort"),
        "high"
    );
    let argument = switch(&Dialect::VLLM, "qwen3", ThinkingEffort::High, "chat_template_kwargs");
    assert_eq!(argument, json!({"enable_thinking": true}));
}

#[test]
fn reasoning_models_of_openai_are_not_given_a_temperature() {
    let temperature = |model: &str| {
        let mut request = ChatRequest::new(model, [Message::user("Hi")]);
        request.temperature = Some(0.5);
        body(&Dialect::OPENAI, &request)["temperature"].clone()
    };
    assert_eq!((temperature("o4-mini"), temperature("gpt-4o")), (Value::Null, json!(0.5)));
}

#[test]
fn schemas_are_strict_only_where_they_can_be() {
    let strict = |value| {
        let mut request = question();
        request.output = schema(value);
        body(&Dialect::OPENAI, &request)["response_format"]["json_schema"]["strict"].clone()
    };
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    assert_eq!(strict(closed.clone()), true);
    assert_eq!(strict(json!({"type": "object", "properties": {"a": closed}})), false);
}

#[test]
fn a_schema_is_told_in_words_where_it_cannot_be_enforced() {
    let mut request = question();
    request.output = schema(json!({"type": "object"}));
    let body = body(&Dialect::DEEPSEEK, &request);
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert!(body["messages"][1]["content"].as_str().unwrap().contains("JSON Schema"));
}
