use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::MicroUsd;
use livos_core::StopReason;
use livos_core::ToolInput;
use livos_core::Usage;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::sse::Flow;
use crate::sse::SseDecoder;
use crate::sse::SseError;

const CALLS: &str = include_str!("../../../tests/fixtures/anthropic/thinking_and_calls.sse");
const SERVER_TOOL: &str = include_str!("../../../tests/fixtures/anthropic/server_tool.sse");
const ERROR: &str = include_str!("../../../tests/fixtures/anthropic/error_in_stream.sse");

enum Failure {
    Sse(SseError),
    Provider(ProviderError),
}

impl From<SseError> for Failure {
    fn from(error: SseError) -> Self {
        Self::Sse(error)
    }
}

/// What comes of bytes in these cuts, and the error at the end if there is one.
fn fold<'a>(cuts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<ChatChunk>, Option<ProviderError>) {
    let mut machine = AnthropicMachine::new("anthropic".into(), "asked-for");
    let mut decoder = SseDecoder::default();
    let mut out = VecDeque::new();
    for cut in cuts {
        let fed = decoder.feed(cut, |name, data| {
            machine.on_event(name, data, &mut out).map_err(Failure::Provider)?;
            let is_over = matches!(out.back(), Some(ChatChunk::Finished(_)));
            Ok(if is_over { Flow::Stop } else { Flow::Continue })
        });
        match fed {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => return (out.into(), None),
            Err(Failure::Provider(error)) => return (out.into(), Some(error)),
            Err(Failure::Sse(error)) => panic!("{error}"),
        }
    }
    let ended = machine.on_end(&mut out);
    (out.into(), ended.err())
}

fn whole(text: &str) -> (Vec<ChatChunk>, ChatResponse) {
    let (mut pieces, error) = fold([text.as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    match pieces.pop() {
        Some(ChatChunk::Finished(response)) => (pieces, *response),
        other => panic!("{other:?}"),
    }
}

#[test]
fn thinking_text_and_parallel_calls_are_folded() {
    let (pieces, response) = whole(CALLS);
    let [thinking, redacted, text, weather, now] = response.message.content.as_slice() else {
        panic!("{:?}", response.message.content)
    };
    let ContentBlock::Thinking(thinking) = thinking else { panic!("{thinking:?}") };
    assert_eq!(thinking.text, "Zürich und Köln: two calls.");
    let signature = thinking.signature.as_ref().unwrap();
    assert_eq!(
        (signature.issuer.as_str(), signature.value.as_str()),
        ("anthropic", "EqQBCgIYAhIM")
    );
    let ContentBlock::Native(redacted) = redacted else { panic!("{redacted:?}") };
    assert_eq!(redacted.value, json!({"type": "redacted_thinking", "data": "b3BhcXVl"}));
    let ContentBlock::Text(text) = text else { panic!("{text:?}") };
    assert_eq!(text.text, "I look \"both\" up 🌦.\n");
    assert_eq!(text.citations.len(), 1);
    let ContentBlock::ToolUse(weather) = weather else { panic!("{weather:?}") };
    assert_eq!(weather.input, ToolInput::from(json!({"city": "Zürich"})));
    let ContentBlock::ToolUse(now) = now else { panic!("{now:?}") };
    assert_eq!((now.call_id.as_str(), &now.input), ("toolu_02", &ToolInput::from(json!({}))));

    assert_eq!(response.stop_reason, StopReason::ToolUse);
    assert_eq!(response.model.as_str(), "claude-sonnet-4-5-20250929");
    let usage = Usage {
        input_tokens: 25,
        output_tokens: 89,
        cache_read_tokens: 2000,
        cache_write_tokens: 100,
        reasoning_tokens: 30,
    };
    assert_eq!(response.usage, usage);
    assert_eq!(response.cost, Some(MicroUsd(75 + 1_335 + 600 + 375)));

    let streamed: String = pieces
        .iter()
        .filter_map(|piece| match piece {
            ChatChunk::ToolCall { call_id, partial_json, .. } if call_id.as_str() == "toolu_01" => {
                Some(partial_json.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(streamed, "{\"city\": \"Zürich\"}");
    assert!(!pieces.contains(&ChatChunk::Text(String::new())));
}

#[test]
fn every_cut_gives_the_same_pieces() {
    let expected = fold([CALLS.as_bytes()]).0;
    for cut in 0..CALLS.len() {
        let (left, right) = CALLS.as_bytes().split_at(cut);
        assert_eq!(fold([left, right]).0, expected, "cut at {cut}");
    }
}

#[test]
fn a_stream_cut_anywhere_is_an_interruption_and_never_an_answer() {
    let end = CALLS.find("event: message_stop").unwrap();
    for cut in (0..end).step_by(7) {
        let (pieces, error) = fold([&CALLS.as_bytes()[..cut]]);
        assert_eq!(error.unwrap().kind(), "interrupted_stream");
        assert!(!pieces.iter().any(|piece| matches!(piece, ChatChunk::Finished(_))));
    }
}

#[test]
fn blocks_of_server_tools_are_kept_as_they_are_with_their_arguments() {
    let (_, response) = whole(SERVER_TOOL);
    assert_eq!(response.stop_reason, StopReason::Paused);
    let [ContentBlock::Native(asked), ContentBlock::Native(found)] =
        response.message.content.as_slice()
    else {
        panic!("{:?}", response.message.content)
    };
    assert_eq!(asked.value["input"], json!({"query": "rust"}));
    assert_eq!(found.value["content"][0]["page_age"], Value::Null);
}

#[test]
fn an_error_event_ends_the_stream_with_its_kind() {
    let (pieces, error) = fold([ERROR.as_bytes()]);
    assert_eq!(pieces, [ChatChunk::Text("Half an ans".into())]);
    assert_eq!(error.unwrap().kind(), "overloaded");
}

#[test]
fn a_call_cut_by_the_output_limit_stays_malformed() {
    let cut =
        CALLS.replace("ich\\\"}", "").replace("\"tool_use\",\"stop_s", "\"max_tokens\",\"stop_s");
    let (_, response) = whole(&cut);
    assert_eq!(response.stop_reason, StopReason::MaxTokens);
    let input = response.message.tool_calls().next().map(|call| call.input.clone());
    assert_eq!(input, Some(ToolInput::Malformed("{\"city\": \"Zür".into())));
}

#[test]
fn frames_that_are_not_the_protocol_are_malformed() {
    for frames in [
        "data: {\"type\":\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":null}\n\n",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":null}\n\n",
    ] {
        let (_, error) = fold([frames.as_bytes()]);
        assert_eq!(error.unwrap().kind(), "malformed_response", "{frames}");
    }
}

#[test]
fn a_gateway_without_event_names_is_understood() {
    let nameless: Vec<_> = CALLS.lines().filter(|line| !line.starts_with("event:")).collect();
    let nameless = nameless.join("\n") + "\n\n";
    assert_eq!(fold([nameless.as_bytes()]).0, fold([CALLS.as_bytes()]).0);
}

proptest! {
    #[test]
    fn any_bytes_end_in_pieces_or_an_error(
        frames in proptest::collection::vec(
            (
                "(message_start|content_block_start|content_block_delta|content_block_stop|message_delta|message_stop|error|x)",
                0..3_usize,
                "(null|\\{\\}|\\{\"type\":\"(text|tool_use|thinking|y)\"\\}|\\{\"type\":\"(text_delta|input_json_delta|citations_delta)\",\"text\":\"a\",\"partial_json\":\"\\{\"\\}|7)",
            ),
            0..12,
        ),
    ) {
        let texts = frames.iter().map(|(kind, index, part)| format!(
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"index\":{index},\"delta\":{part},\"content_block\":{part},\"message\":{part},\"usage\":{part},\"error\":{part}}}\n\n"
        ));
        let text = texts.collect::<Vec<_>>().concat();
        let (pieces, error) = fold([text.as_bytes()]);
        let finished = matches!(pieces.last(), Some(ChatChunk::Finished(_)));
        prop_assert_eq!(finished, error.is_none());
    }
}
