use std::sync::Arc;

use livos_core::Effect;
use livos_core::StopReason;
use livos_core::ToolChoice;
use livos_core::ToolResult;
use livos_core::ToolSpec;
use serde_json::json;

use super::*;

fn tools() -> Arc<[ToolSpec]> {
    let spec = |name: &str, properties: serde_json::Value| {
        let schema = json!({"type": "object", "properties": properties});
        ToolSpec::new(name, "A tool.", schema, Effect::ReadOnly)
    };
    let path = json!({"path": {"type": "string"}});
    Arc::from([
        spec("time", json!({"operation": {"type": "string"}})),
        spec("file_read", path),
        spec("file_search", json!({"pattern": {"type": "string"}})),
        spec("own", json!({"x": {"type": "number"}})),
    ])
}

fn asked(text: &str) -> ChatRequest {
    let mut request = ChatRequest::new("demo", [Message::user(text)]);
    request.tools = tools();
    request
}

async fn pieces(request: ChatRequest) -> (Vec<ChatChunk>, ChatResponse) {
    let stream = DemoProvider::instant().chat_stream(request).await.unwrap();
    let mut pieces: Vec<_> = stream.map(Result::unwrap).collect().await;
    match pieces.pop() {
        Some(ChatChunk::Finished(response)) => (pieces, *response),
        other => panic!("{other:?}"),
    }
}

fn calls(response: &ChatResponse) -> Vec<String> {
    response.message.tool_calls().map(|it| format!("{} {}", it.name, it.input.to_json())).collect()
}

#[tokio::test]
async fn the_promises_of_a_provider_are_kept() {
    let demo = DemoProvider::instant();
    let checked = livos_core::testing::check_provider(&demo, "demo".into());
    assert_eq!(checked.await, Ok(()));
}

#[tokio::test]
async fn tools_are_called_with_what_their_schema_knows() {
    for (text, expected) in [
        ("what time is it?", vec![r#"time {"operation":"now"}"#]),
        ("search milk", vec![r#"file_search {"pattern":"milk"}"#]),
        ("read a and b", vec![r#"file_read {"path":"a"}"#, r#"file_read {"path":"b"}"#]),
        (r#"call own {"x": 1, "y": 2}"#, vec![r#"own {"x":1,"y":2}"#]),
        ("list files", vec![]),
        ("12 * 7", vec![]),
    ] {
        let (_, response) = pieces(asked(text)).await;
        assert_eq!(calls(&response), expected, "{text}");
        let reason = if expected.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse };
        assert_eq!(response.stop_reason, reason, "{text}");
    }
}

#[tokio::test]
async fn the_pieces_add_up_to_the_answer() {
    let (pieces, response) = pieces(asked("think about a and read a and b")).await;
    let mut text = String::new();
    let mut thinking = String::new();
    let mut arguments = std::collections::BTreeMap::<String, String>::new();
    for piece in pieces {
        match piece {
            ChatChunk::Text(more) => text.push_str(&more),
            ChatChunk::Thinking(more) => thinking.push_str(&more),
            ChatChunk::ToolCall { call_id, partial_json, .. } => {
                let known = arguments.entry(call_id.to_string()).or_default();
                known.push_str(&partial_json);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(text, response.message.text());
    assert!(thinking.contains("a and read a and b"));
    for call in response.message.tool_calls() {
        assert_eq!(arguments[call.call_id.as_str()], call.input.to_json());
    }
}

#[tokio::test]
async fn results_are_told_and_errors_too() {
    let result = |text: &str, is_error| {
        ContentBlock::ToolResult(ToolResult {
            call_id: "demo_1_0".into(),
            name: "time".into(),
            content: vec![ContentBlock::text(text)],
            is_error,
        })
    };
    let answered =
        Message::new(Role::User, vec![result("It is noon.", false), result("broken", true)]);
    let request = ChatRequest::new("demo", [Message::user("time?"), answered]);
    let (_, response) = pieces(request).await;
    let text = response.message.text();
    assert!(text.contains("`time` says:\n\n```\nIt is noon.\n```"), "{text}");
    assert!(text.contains("`time` could not do it:\n\n```\nbroken"), "{text}");
}

#[tokio::test]
async fn every_answer_says_that_it_is_no_ai() {
    for text in ["hello", "12 * 7", "1 / 0", "what time is it?", "list files", "think hard"] {
        let (_, response) = pieces(asked(text)).await;
        assert!(response.message.text().contains("no AI"), "{text}");
    }
}

#[tokio::test]
async fn no_tool_is_called_where_none_may_be() {
    let mut request = asked("what time is it?");
    request.tool_choice = ToolChoice::None;
    let (_, response) = pieces(request).await;
    assert_eq!(calls(&response).len(), 0);
    assert!(response.message.text().contains("not on offer"));
}

#[tokio::test(start_paused = true)]
async fn it_takes_its_time() {
    let before = tokio::time::Instant::now();
    let stream = DemoProvider::new().chat_stream(asked("12 * 7")).await.unwrap();
    let count = u32::try_from(stream.collect::<Vec<_>>().await.len()).unwrap();
    assert!(before.elapsed() >= DemoProvider::DEFAULT_PACE * count);
}

#[tokio::test]
async fn a_summary_has_what_the_user_said() {
    let long = "x".repeat(300);
    let text = format!("<messages>\nuser: 6 * 7\nassistant: 6 * 7 = 42\nuser: {long}\n</messages>");
    let (_, response) = pieces(asked(&text)).await;
    let summary = response.message.text();
    let expected = format!("The user said:\n- 6 * 7\n- {}\n\n(This is the demo", "x".repeat(100));
    assert!(summary.starts_with(&expected), "{summary}");
}
