use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::ModelName;
use livos_core::ProviderId;
use livos_core::StopReason;

use super::super::dialect::Dialect;
use super::*;

fn asked(dialect: &'static Dialect) -> Asked {
    let provider = ProviderId::from(dialect.name);
    Asked { provider, model: ModelName::from("asked-for"), dialect }
}

fn read_one(dialect: &'static Dialect, body: &str) -> ChatResponse {
    parse(dialect, body.as_bytes()).unwrap()
}

fn parse(dialect: &'static Dialect, body: &[u8]) -> Result<ChatResponse, ProviderError> {
    let mut pieces = pieces(asked(dialect), body, Delivery::Whole)?;
    match (pieces.pop_front(), pieces.is_empty()) {
        (Some(ChatChunk::Finished(response)), true) => Ok(*response),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_answer_has_its_parts_in_order() {
    let response = read_one(
        &Dialect::DEEPSEEK,
        r#"{"id":"1","object":"chat.completion","model":"m-1","choices":[{"index":0,"finish_reason":"tool_calls","message":{
            "role":"assistant","content":"Checking.","reasoning_content":"Look it up.","refusal":null,"annotations":[],"tool_calls":[
            {"id":"call_1","type":"function","function":{"name":"lookup","arguments":"{\"q\": 1}"}}]}}],
            "usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11},"system_fingerprint":null}"#,
    );
    let kinds: Vec<_> = response.message.content.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 3);
    assert!(matches!(response.message.content[0], ContentBlock::Thinking(_)));
    assert!(matches!(response.message.content[2], ContentBlock::ToolUse(_)));
    assert_eq!(response.stop_reason, StopReason::ToolUse);
    assert_eq!((response.model.as_str(), response.usage.input_tokens), ("m-1", 5));
}

#[test]
fn nulls_everywhere_are_an_empty_answer() {
    let response = read_one(
        &Dialect::GENERIC,
        r#"{"model":null,"usage":null,"error":null,"choices":[{"index":null,"finish_reason":null,"delta":null,"message":{
            "content":null,"reasoning":null,"reasoning_content":null,"reasoning_details":null,"refusal":null,
            "tool_calls":null,"function_call":null,"annotations":null,"images":null}}]}"#,
    );
    assert_eq!(response.message.content, []);
    assert_eq!(response.model.as_str(), "asked-for");
}

#[test]
fn a_refusal_is_text_and_a_reason() {
    let response = read_one(
        &Dialect::OPENAI,
        r#"{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No."}}]}"#,
    );
    assert_eq!(
        (response.message.text().as_str(), response.stop_reason),
        ("No.", StopReason::Refusal)
    );
}

#[test]
fn sources_and_pictures_are_kept() {
    let response = read_one(
        &Dialect::OPENROUTER,
        r#"{"choices":[{"finish_reason":"stop","message":{"content":"See.","annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com"}}],
            "images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}}]}"#,
    );
    let [ContentBlock::Text(text), ContentBlock::Image(image)] = &response.message.content[..]
    else {
        panic!("{:?}", response.message.content)
    };
    assert_eq!(text.citations.len(), 1);
    assert_eq!(image.media_type, "image/png");
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (body, kind) in [
        (r#"{"error":{"message":"no credits","code":402}}"#, "quota_exhausted"),
        (r#"{"choices":[]}"#, "malformed_response"),
        ("{}", "malformed_response"),
        ("<html>", "malformed_response"),
        ("", "malformed_response"),
    ] {
        let error = parse(&Dialect::OPENROUTER, body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), kind, "{body}");
    }
    let error = parse(&Dialect::OPENAI, b"{\"choices\":[\xff").unwrap_err();
    assert_eq!(error.kind(), "malformed_response");
}

#[test]
fn items_of_one_index_in_a_whole_answer_stay_apart() {
    let response = read_one(
        &Dialect::OPENROUTER,
        r#"{"choices":[{"finish_reason":"stop","message":{"content":"x","reasoning":"ab","reasoning_details":[
            {"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.text","text":"b","index":0}]}}]}"#,
    );
    assert_eq!(response.message.content.len(), 3);
}
