use livos_core::ChatRequest;
use livos_core::Conversation;
use livos_core::NativeBlock;
use livos_core::Signature;
use livos_core::Thinking;
use livos_core::ToolInput;
use serde_json::Value;
use serde_json::json;

use super::*;

const FORMAT: MessageFormat =
    MessageFormat { system_role: SystemRole::Unknown, citations: Citations::Allowed };

fn wire_as(format: MessageFormat, messages: Vec<Message>) -> Value {
    let request = ChatRequest::of("m", Conversation::from_iter(messages));
    let bytes =
        crate::encoding::encode_messages(&request.conversation, 1, |earlier, message, out| {
            encode_message(format, earlier, message, out);
        });
    serde_json::from_str(&format!("[{}]", String::from_utf8(bytes.to_vec()).unwrap())).unwrap()
}

fn wire(messages: Vec<Message>) -> Value {
    wire_as(FORMAT, messages)
}

fn call(id: &str, input: impl Into<ToolInput>) -> ContentBlock {
    ContentBlock::ToolUse(ToolCall::new(id, "weather", input))
}

fn result(id: &str, content: Vec<ContentBlock>) -> ContentBlock {
    let call_id = id.into();
    ContentBlock::ToolResult(ToolResult {
        call_id,
        name: "weather".into(),
        content,
        is_error: false,
    })
}

fn assistant(content: Vec<ContentBlock>) -> Message {
    Message::new(Role::Assistant, content)
}

fn user(content: Vec<ContentBlock>) -> Message {
    Message::new(Role::User, content)
}

#[test]
fn calls_and_results_are_paired_and_results_come_first() {
    let messages = vec![
        assistant(vec![call("toolu_1", json!({"city": "Bern"})), call("toolu_2", json!({}))]),
        user(vec![
            ContentBlock::text("By the way"),
            result("toolu_1", vec![ContentBlock::text("rain")]),
            result("toolu_2", vec![]),
        ]),
    ];
    let expected = json!([
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
            {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "rain"}]},
            {"type": "tool_result", "tool_use_id": "toolu_2"},
            {"type": "text", "text": "By the way"},
        ]},
    ]);
    assert_eq!(wire(messages), expected);
}

#[test]
fn a_call_that_was_never_answered_gets_a_result_that_says_so() {
    let messages = vec![assistant(vec![call("toolu_1", json!({}))]), Message::user("Hello?")];
    let sent = wire(messages);
    assert_eq!(sent[1]["content"][0]["tool_use_id"], "toolu_1");
    assert_eq!(sent[1]["content"][0]["is_error"], true);
    assert_eq!(sent[2]["content"][0]["text"], "Hello?");
}

#[test]
fn results_in_two_messages_answer_the_same_turn() {
    let messages = vec![
        assistant(vec![call("toolu_1", json!({})), call("toolu_2", json!({}))]),
        user(vec![result("toolu_1", vec![])]),
        user(vec![result("toolu_2", vec![])]),
    ];
    let sent = wire(messages);
    assert_eq!(sent.as_array().map(Vec::len), Some(3), "none is invented: {sent}");
    assert_eq!(sent[2]["content"][0]["type"], "tool_result");
}

#[test]
fn a_result_without_its_call_becomes_text() {
    let sent = wire(vec![user(vec![result("toolu_9", vec![ContentBlock::text("rain")])])]);
    assert_eq!(sent[0]["content"][0], json!({"type": "text", "text": "Result of weather: rain"}));
}

#[test]
fn malformed_arguments_are_sent_as_an_object() {
    let sent = wire(vec![assistant(vec![call("toolu_1", ToolInput::Malformed("{\"a".into()))])]);
    assert_eq!(sent[0]["content"][0]["input"], json!({"$malformed_json": "{\"a"}));
}

#[test]
fn only_its_own_reasoning_goes_back() {
    let signature = |issuer: &str| Some(Signature { issuer: issuer.into(), value: "sig".into() });
    let thinking = |signature| ContentBlock::Thinking(Thinking { text: "Hm.".into(), signature });
    let native = |issuer: &str| {
        let value = json!({"type": "redacted_thinking", "data": "x"});
        ContentBlock::Native(NativeBlock { issuer: issuer.into(), value })
    };
    let sent = wire(vec![assistant(vec![
        thinking(signature("anthropic")),
        thinking(signature("gemini")),
        thinking(None),
        native("anthropic"),
        native("openai"),
        ContentBlock::text("So."),
    ])]);
    let expected = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "So."},
    ]);
    assert_eq!(sent[0]["content"], expected);
}

#[test]
fn images_and_documents_go_by_every_source() {
    let image = |source| ContentBlock::Image(Image { media_type: "image/png".into(), source });
    let document = |media_type: &str, source, title: Option<&str>| {
        let title = title.map(str::to_owned);
        ContentBlock::Document(Document { media_type: media_type.into(), source, title })
    };
    let base64 = |data: &str| MediaSource::Base64(data.into());
    let content = vec![
        image(base64("aGk=")),
        image(MediaSource::Url("https://example.com/a.png".into())),
        image(MediaSource::FileId("file_1".into())),
        document("application/pdf", base64("aGk="), None),
        document("text/plain", base64("aGk="), Some("Greeting")),
    ];
    let expected = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
         "title": "Greeting", "citations": {"enabled": true}},
    ]);
    assert_eq!(wire(vec![user(content.clone())])[0]["content"], expected);
    let refused = MessageFormat { citations: Citations::Refused, ..FORMAT };
    assert!(wire_as(refused, vec![user(content)])[0]["content"][4].get("citations").is_none());
}

#[test]
fn instructions_inside_a_conversation_are_marked_where_the_model_has_no_role_for_them() {
    let messages = || vec![Message::user("Hi"), Message::system("Answer in Spanish.")];
    let known = MessageFormat { system_role: SystemRole::Known, ..FORMAT };
    assert_eq!(wire_as(known, messages())[1]["role"], "system");
    let sent = wire(messages());
    assert_eq!(sent[1]["role"], "user");
    let text = "<system_instructions>\nAnswer in Spanish.\n</system_instructions>";
    assert_eq!(sent[1]["content"][0]["text"], text);
}

#[test]
fn text_without_words_and_messages_without_blocks_are_left_out() {
    let sent = wire(vec![
        Message::user("Hi"),
        assistant(vec![]),
        Message::assistant(" \n"),
        Message::user("?"),
    ]);
    assert_eq!(sent.as_array().map(Vec::len), Some(2), "{sent}");
}

#[test]
fn ids_of_other_vendors_are_made_acceptable_on_both_halves() {
    let messages =
        vec![assistant(vec![call("call:1/ä", json!({}))]), user(vec![result("call:1/ä", vec![])])];
    let sent = wire(messages);
    assert_eq!(sent[0]["content"][0]["id"], "call_1__");
    assert_eq!(sent[1]["content"][0]["tool_use_id"], "call_1__");
}
