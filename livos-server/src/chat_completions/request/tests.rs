use livos_core::Message;
use livos_core::Role;
use serde_json::json;

use super::*;

fn read(request: Value) -> Result<(ChatRequest, Delivery), Problem> {
    let request: CompletionRequest = serde_json::from_value(request).unwrap();
    request.into_chat(&"demo/demo".into())
}

fn conversation(request: &ChatRequest) -> Vec<Message> {
    request.conversation.iter().map(|message| Message::clone(message)).collect()
}

#[test]
fn a_tool_round_keeps_its_pairs() {
    let (request, delivery) = read(json!({
        "model": "openai/m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "And kind."},
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
                {"id": "b", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "sunny"},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "snow"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "seed": 7,
    }))
    .unwrap();
    assert_eq!(delivery, Delivery::Whole);
    assert_eq!(request.system.as_deref(), Some("Be brief.\n\nAnd kind."));
    assert_eq!(request.tool_choice, ToolChoice::Tool("weather".into()));
    insta::assert_json_snapshot!(conversation(&request));
}

#[test]
fn pictures_come_by_address_and_by_value() {
    let (request, _) = read(json!({
        "model": "default",
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.webp?x=1"}},
        ]}],
        "response_format": {"type": "json_object"},
    }))
    .unwrap();
    assert_eq!(request.model.as_str(), "demo/demo");
    let said = conversation(&request);
    assert_eq!((said[0].role, said[0].content.len()), (Role::User, 3));
    assert!(
        matches!(&said[0].content[2], livos_core::ContentBlock::Image(image) if image.media_type == "image/webp")
    );
    assert!(matches!(request.output, OutputFormat::JsonSchema { .. }));
}

#[test]
fn every_fault_is_named() {
    let problem = read(json!({
        "model": "",
        "messages": [
            {"role": "wizard", "content": "x"},
            {"role": "tool", "tool_call_id": "z", "content": "x"},
            {"role": "user", "content": [{"type": "input_audio"}]},
        ],
        "n": 2,
        "temperature": 3,
        "tools": [{"type": "function", "function": {"name": "no spaces"}}, {"type": "mcp"}],
        "tool_choice": "maybe",
        "response_format": {"type": "xml"},
        "reasoning_effort": "enormous",
    }))
    .unwrap_err();
    let faults: Vec<_> =
        problem.errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn usage_is_streamed_when_asked_for() {
    let base =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(read(base.clone()).unwrap().1, Delivery::Stream(UsageChunk::LeftOut));
    let mut with_usage = base;
    with_usage["stream_options"] = json!({"include_usage": true});
    assert_eq!(read(with_usage).unwrap().1, Delivery::Stream(UsageChunk::Sent));
}
