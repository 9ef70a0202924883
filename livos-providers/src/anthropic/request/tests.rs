use std::sync::Arc;

use livos_core::Effect;
use livos_core::ToolCall;
use livos_core::ToolSpec;
use serde_json::Value;
use serde_json::json;

use super::*;

fn body(request: &ChatRequest) -> Value {
    serde_json::from_slice(&encode(request).joined()).unwrap()
}

fn request(model: &str) -> ChatRequest {
    ChatRequest::new(model, [Message::user("Hi")])
}

fn with_tools(model: &str) -> ChatRequest {
    let schema = json!({"type": "object", "properties": {}});
    let mut request = request(model);
    request.tools = Arc::new([
        ToolSpec::new("a", "Does a.", schema.clone(), Effect::ReadOnly),
        ToolSpec::new("b", "Does b.", schema, Effect::ReadOnly),
    ]);
    request
}

#[test]
fn the_body_has_every_part() {
    let mut request = with_tools("claude-sonnet-4-5");
    request.system = Some("Be brief.".into());
    request.temperature = Some(0.5);
    request.top_p = Some(0.9);
    request.stop_sequences = vec!["END".into(), " ".into()];
    request.max_output_tokens = Some(500);
    let expected = json!({
        "model": "claude-sonnet-4-5",
        "tools": [
            {"name": "a", "description": "Does a.", "input_schema": {"type": "object", "properties": {}}},
            {"name": "b", "description": "Does b.", "input_schema": {"type": "object", "properties": {}}},
        ],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "max_tokens": 500,
        "stream": true,
        "cache_control": {"type": "ephemeral"},
        "temperature": 0.5,
        "stop_sequences": ["END"],
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn without_instructions_the_mark_is_on_the_last_tool() {
    let body = body(&with_tools("claude-sonnet-4-5"));
    assert!(body["tools"][0].get("cache_control").is_none());
    assert_eq!(body["tools"][1]["cache_control"], json!({"type": "ephemeral"}));
}

#[test]
fn facts_of_the_moment_come_last_and_the_mark_before_them() {
    let mut request = request("claude-sonnet-4-5");
    request.volatile = Some("It is noon.".into());
    let body = body(&request);
    let expected = json!([
        {"role": "user", "content": [
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
        ]},
        {"role": "user", "content": [{"type": "text", "text": "It is noon."}]},
    ]);
    assert_eq!(body["messages"], expected);
    assert!(body.get("cache_control").is_none());
}

#[test]
fn calls_left_open_at_the_end_are_answered_in_the_tail() {
    let mut request = request("claude-sonnet-4-5");
    let call = ToolCall::new("toolu_1", "a", json!({}));
    request.conversation.push(Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)]));
    assert_eq!(body(&request)["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
}

#[track_caller]
fn check_thinking(model: &str, effort: ThinkingEffort, thinking: &Value, config: &Value) {
    let mut request = request(model);
    request.thinking = effort;
    request.temperature = Some(0.5);
    let body = body(&request);
    assert_eq!(body.get("thinking").unwrap_or(&Value::Null), thinking, "{model}");
    assert_eq!(body.get("output_config").unwrap_or(&Value::Null), config, "{model}");
}

#[test]
fn reasoning_is_asked_for_as_each_model_wants_it() {
    use ThinkingEffort::{High, Low, Off};
    let none = Value::Null;
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let bound = json!({"prefix_mismatch_behavior": "drop_block"});
    check_thinking("claude-haiku-4-5", Off, &none, &none);
    check_thinking(
        "claude-haiku-4-5",
        High,
        &json!({"type": "enabled", "budget_tokens": 24_576}),
        &none,
    );
    check_thinking("claude-opus-4-8", Low, &adaptive, &json!({"effort": "low"}));
    check_thinking("claude-sonnet-5", Off, &json!({"type": "disabled"}), &none);
    check_thinking(
        "claude-opus-5-5",
        Off,
        &json!({"type": "adaptive", "block_binding": bound}),
        &json!({"effort": "low"}),
    );
    check_thinking("claude-3-haiku-20240307", High, &none, &none);
}

#[test]
fn sampling_is_left_out_where_it_is_refused() {
    for (model, effort, sent) in [
        ("claude-haiku-4-5", ThinkingEffort::Off, true),
        ("claude-haiku-4-5", ThinkingEffort::Low, false),
        ("claude-opus-4-7", ThinkingEffort::Off, false),
    ] {
        let mut request = request(model);
        request.temperature = Some(0.5);
        request.thinking = effort;
        assert_eq!(body(&request).get("temperature").is_some(), sent, "{model} {effort:?}");
    }
}

#[test]
fn a_forced_tool_excludes_reasoning_and_is_left_out_where_it_is_refused() {
    let mut request = with_tools("claude-haiku-4-5");
    request.tool_choice = ToolChoice::Tool("a".into());
    request.thinking = ThinkingEffort::High;
    let sent = body(&request);
    assert_eq!(sent["tool_choice"], json!({"type": "tool", "name": "a"}));
    assert!(sent.get("thinking").is_none());
    request.model = "claude-opus-5-5".into();
    assert!(body(&request).get("tool_choice").is_none());
}

#[test]
fn a_turn_begun_by_another_provider_goes_on_without_a_budget() {
    let mut request = request("claude-haiku-4-5");
    request.thinking = ThinkingEffort::High;
    let call = ToolCall::new("call_1", "a", json!({}));
    request.conversation.push(Message::new(Role::Assistant, vec![ContentBlock::ToolUse(call)]));
    let result = livos_core::ToolResult {
        call_id: "call_1".into(),
        name: "a".into(),
        content: vec![],
        is_error: false,
    };
    request.conversation.push(Message::new(Role::User, vec![ContentBlock::ToolResult(result)]));
    assert!(body(&request).get("thinking").is_none());
    request.conversation.push(Message::user("And now?"));
    assert!(body(&request).get("thinking").is_some());
}

#[test]
fn structured_output_is_asked_for_with_a_strict_schema() {
    let mut request = request("claude-sonnet-4-5");
    let schema =
        Arc::new(json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}));
    request.output = OutputFormat::JsonSchema { name: "n".into(), schema };
    let expected = json!({"format": {"type": "json_schema", "schema": {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "additionalProperties": false,
    }}});
    assert_eq!(body(&request)["output_config"], expected);
}

#[test]
fn what_needs_announcing_is_announced() {
    let mut request = request("claude-opus-5-5");
    assert_eq!(betas(&request), ["thinking-binding-controls-2026-08-01"]);
    request.model = "claude-haiku-4-5".into();
    let source = MediaSource::FileId("file_1".into());
    let image = livos_core::Image { media_type: "image/png".into(), source };
    request.conversation.push(Message::new(Role::User, vec![ContentBlock::Image(image)]));
    assert_eq!(betas(&request), ["files-api-2025-04-14"]);
}
