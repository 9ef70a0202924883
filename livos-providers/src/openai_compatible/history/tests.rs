use livos_core::Document;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::NativeBlock;
use livos_core::ProviderId;
use livos_core::Signature;
use livos_core::Thinking;
use livos_core::ToolInput;
use serde_json::Value;
use serde_json::json;

use super::*;

fn encode(dialect: &Dialect, messages: &[Message]) -> Value {
    let messages: Vec<Arc<Message>> = messages.iter().cloned().map(Arc::new).collect();
    let mut out = vec![b'['];
    for (index, message) in messages.iter().enumerate() {
        let mut written = Vec::new();
        push_message(dialect, &messages[..index], message, &mut written);
        push_item(&mut out, |out| out.extend_from_slice(&written));
    }
    let mut missing = vec![b'['];
    push_missing_results(dialect, &messages, &mut missing);
    push_item(&mut out, |out| out.extend_from_slice(&missing[1..]));
    out.push(b']');
    serde_json::from_slice(&out).unwrap()
}

fn user(content: Vec<ContentBlock>) -> Message {
    Message::new(Role::User, content)
}

fn assistant(content: Vec<ContentBlock>) -> Message {
    Message::new(Role::Assistant, content)
}

fn call(id: &str, name: &str, input: &str) -> ContentBlock {
    ContentBlock::ToolUse(ToolCall::new(id, name, ToolInput::parse(input)))
}

fn result(id: &str, content: Vec<ContentBlock>) -> ContentBlock {
    let (call_id, name) = (id.into(), "t".into());
    ContentBlock::ToolResult(ToolResult { call_id, name, content, is_error: false })
}

fn text_result(id: &str, text: &str) -> ContentBlock {
    result(id, vec![ContentBlock::text(text)])
}

fn thinking(text: &str, issuer: &str, value: &str) -> ContentBlock {
    let signature = Signature { issuer: ProviderId::from(issuer), value: value.into() };
    ContentBlock::Thinking(Thinking { text: text.into(), signature: Some(signature) })
}

fn png() -> ContentBlock {
    let source = MediaSource::Base64("AAAA".into());
    ContentBlock::Image(Image { media_type: "image/png".into(), source })
}

#[test]
fn a_tool_round_is_written_as_the_reference_has_it() {
    let wire = encode(
        &Dialect::OPENAI,
        &[
            Message::user("Weather?"),
            assistant(vec![call("call_1", "weather", r#"{"city": "Oslo"}"#)]),
            user(vec![text_result("call_1", "rain")]),
            Message::assistant("Rain."),
        ],
    );
    assert_eq!(
        wire,
        json!([
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {"role": "assistant", "content": "Rain."},
        ])
    );
}

/// Every tool message follows an assistant's message at once and answers one of its calls, each once.
fn check_pairs(wire: &Value) {
    let mut open: Vec<&str> = Vec::new();
    for message in wire.as_array().unwrap() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            let place = open.iter().position(|open| *open == id);
            open.remove(place.unwrap_or_else(|| panic!("{id} is not open in {wire}")));
            continue;
        }
        assert!(open.is_empty(), "{open:?} left open in {wire}");
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.map(|call| call["id"].as_str().unwrap()).collect();
    }
    assert!(open.is_empty(), "{open:?} left open in {wire}");
}

#[test]
fn every_call_gets_one_answer_whatever_the_history_holds() {
    let asks = || assistant(vec![call("a", "t", "{}"), call("b", "t", "{}")]);
    let histories = [
        vec![asks()],
        vec![asks(), user(vec![text_result("a", "1")])],
        vec![asks(), user(vec![text_result("b", "2")]), user(vec![text_result("a", "1")])],
        vec![asks(), user(vec![text_result("a", "1")]), Message::user("stop")],
        vec![asks(), Message::user("stop"), Message::user("go on")],
        vec![asks(), Message::user("stop"), user(vec![text_result("a", "late")])],
        vec![asks(), user(vec![text_result("a", "1"), text_result("a", "again")])],
        vec![asks(), user(vec![text_result("x", "of nobody")])],
        vec![
            asks(),
            user(vec![text_result("a", "1"), ContentBlock::text("and"), text_result("b", "2")]),
        ],
        vec![asks(), asks(), Message::assistant("well")],
        vec![asks(), Message::system("note"), user(vec![text_result("a", "late")])],
        vec![user(vec![text_result("a", "before any call")])],
    ];
    for history in histories {
        for dialect in Dialect::KNOWN {
            check_pairs(&encode(dialect, &history));
        }
    }
}

#[test]
fn malformed_input_is_sent_as_valid_json() {
    let wire = encode(&Dialect::LLAMA_CPP, &[assistant(vec![call("a", "t", "{\"cut\": ")])]);
    let arguments = wire[0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let parsed: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(parsed, json!({"$malformed_json": "{\"cut\": "}));
}

#[test]
fn reasoning_goes_back_to_its_issuer_in_the_field_it_came_in_and_to_nobody_else() {
    let history = |issuer| {
        [assistant(vec![thinking("why", issuer, "reasoning_content"), call("a", "t", "")])]
    };
    assert_eq!(encode(&Dialect::DEEPSEEK, &history("deepseek"))[0]["reasoning_content"], "why");
    assert_eq!(encode(&Dialect::DEEPSEEK, &history("anthropic"))[0]["reasoning_content"], "");
    assert_eq!(encode(&Dialect::LLAMA_CPP, &history("deepseek"))[0].get("reasoning_content"), None);
    for dialect in [&Dialect::OPENAI, &Dialect::GROQ, &Dialect::OPENROUTER] {
        let text = encode(dialect, &history("deepseek")).to_string();
        assert!(!text.contains("why"), "{}", dialect.name);
    }
}

#[test]
fn thinking_parts_go_back_to_mistral_as_parts() {
    let message = assistant(vec![thinking("why", "mistral", "thinking"), ContentBlock::text("so")]);
    assert_eq!(
        encode(&Dialect::MISTRAL, &[message])[0]["content"],
        json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]},
            {"type": "text", "text": "so"},
        ])
    );
}

#[test]
fn reasoning_details_go_back_with_their_text_and_signature() {
    let native = |issuer| {
        let value = json!({"type": "reasoning.encrypted", "data": "x"});
        ContentBlock::Native(NativeBlock { issuer: ProviderId::from(issuer), value })
    };
    let summary = r#"{"type":"reasoning.summary","index":1}"#;
    let signed = r#"{"type":"reasoning.text","index":0,"signature":"s"}"#;
    let message = assistant(vec![
        thinking("a\"b", "openrouter", signed),
        thinking("c", "openrouter", summary),
        native("openrouter"),
        native("anthropic"),
        ContentBlock::text("so"),
    ]);
    assert_eq!(
        encode(&Dialect::OPENROUTER, &[message])[0]["reasoning_details"],
        json!([
            {"type": "reasoning.text", "index": 0, "signature": "s", "text": "a\"b"},
            {"type": "reasoning.summary", "index": 1, "summary": "c"},
            {"type": "reasoning.encrypted", "data": "x"},
        ])
    );
}

#[test]
fn pictures_of_a_tool_follow_all_results_where_tool_messages_hold_text_only() {
    let history = [
        assistant(vec![call("a", "t", ""), call("b", "t", "")]),
        user(vec![result("a", vec![png()])]),
        user(vec![text_result("b", "2")]),
    ];
    let wire = encode(&Dialect::OPENAI, &history);
    let roles: Vec<_> = wire.as_array().unwrap().iter().map(|it| it["role"].clone()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user"]);
    assert_eq!(wire[3]["content"][1]["image_url"]["url"], "data:image/png;base64,AAAA");
    let inside = encode(&Dialect::LLAMA_CPP, &history);
    assert_eq!(inside[1]["content"][0]["type"], "image_url");
    assert_eq!(inside.as_array().unwrap().len(), 3);
}

#[test]
fn media_have_the_shape_of_the_dialect_or_are_told_of() {
    let pdf = |source| {
        let title = Some("plan.pdf".to_owned());
        ContentBlock::Document(Document { media_type: "application/pdf".into(), source, title })
    };
    let inline = || pdf(MediaSource::Base64("JVBE".into()));
    let part = |dialect, block| encode(dialect, &[user(vec![block])])[0]["content"][0].clone();
    assert_eq!(
        part(&Dialect::OPENAI, inline()),
        json!({"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,JVBE"}})
    );
    assert_eq!(
        part(&Dialect::OPENAI, pdf(MediaSource::FileId("file-1".into()))),
        json!({"type": "file", "file": {"file_id": "file-1"}})
    );
    assert_eq!(
        part(&Dialect::MISTRAL, pdf(MediaSource::Url("https://example.com/p".into()))),
        json!({"type": "document_url", "document_url": "https://example.com/p", "document_name": "plan.pdf"})
    );
    for block in [inline(), png()] {
        let told = part(&Dialect::DEEPSEEK, block);
        assert!(told["text"].as_str().unwrap().contains("cannot be shown"), "{told}");
    }
    let note = ContentBlock::Document(Document {
        media_type: "text/plain".into(),
        source: MediaSource::Base64("aGk=".into()),
        title: None,
    });
    assert_eq!(part(&Dialect::DEEPSEEK, note)["text"], "hi");
}

#[test]
fn a_failed_result_says_so() {
    let failed = |text: &str| {
        let mut block = text_result("a", text);
        if let ContentBlock::ToolResult(result) = &mut block {
            result.is_error = true;
        }
        let wire =
            encode(&Dialect::OPENAI, &[assistant(vec![call("a", "t", "")]), user(vec![block])]);
        wire[1]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(failed("no such file"), "Error: no such file");
    assert_eq!(failed("error: no such file"), "error: no such file");
}

#[test]
fn a_message_of_nothing_that_can_be_sent_is_left_out() {
    let foreign = assistant(vec![thinking("why", "anthropic", "sig")]);
    assert_eq!(
        encode(&Dialect::OPENAI, &[foreign, Message::user("x")]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn instructions_in_the_middle_keep_to_what_templates_allow() {
    let role =
        |dialect| encode(dialect, &[Message::user("x"), Message::system("y")])[1]["role"].clone();
    assert_eq!(role(&Dialect::OPENAI), "developer");
    assert_eq!(role(&Dialect::DEEPSEEK), "system");
    assert_eq!(role(&Dialect::LLAMA_CPP), "user");
}
