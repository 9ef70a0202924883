use livos_core::ChatResponse;
use livos_core::ContentBlock;
use livos_core::StopReason;
use livos_core::ToolInput;
use proptest::prelude::*;

use super::*;
use crate::sse::Flow;
use crate::sse::SseDecoder;
use crate::sse::SseError;

const TEXT: &str = include_str!("../../../tests/fixtures/gemini/text.sse");
const CALLS: &str = include_str!("../../../tests/fixtures/gemini/thinking_and_calls.sse");
const CODE: &str = include_str!("../../../tests/fixtures/gemini/code_execution.sse");
const IMAGE: &str = include_str!("../../../tests/fixtures/gemini/image.sse");
const CUT: &str = include_str!("../../../tests/fixtures/gemini/cut.sse");
const BLOCKED: &str = include_str!("../../../tests/fixtures/gemini/blocked.sse");
const ERROR: &str = include_str!("../../../tests/fixtures/gemini/error_in_stream.sse");
const REFUSED: &str = include_str!("../../../tests/fixtures/gemini/refused.sse");
const MALFORMED: &str = include_str!("../../../tests/fixtures/gemini/malformed_call.sse");
const FIXTURES: [&str; 9] = [TEXT, CALLS, CODE, IMAGE, CUT, BLOCKED, ERROR, REFUSED, MALFORMED];

#[derive(Debug)]
enum Stop {
    Sse,
    Provider(ProviderError),
}

impl From<SseError> for Stop {
    fn from(_: SseError) -> Self {
        Self::Sse
    }
}

/// All chunks of a stream that came in these pieces, and how it failed if it did.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (VecDeque<ChatChunk>, Option<Stop>) {
    let mut machine = GeminiStream::new("gemini".into(), "asked".into());
    let mut decoder = SseDecoder::default();
    let mut out = VecDeque::new();
    for piece in pieces {
        let fed = decoder.feed(piece, |name, data| {
            machine.on_event(name, data, &mut out).map_err(Stop::Provider)?;
            Ok(Flow::Continue)
        });
        if let Err(stop) = fed {
            return (out, Some(stop));
        }
    }
    let ended = machine.on_end(&mut out).err().map(Stop::Provider);
    (out, ended)
}

fn whole(fixture: &str) -> (VecDeque<ChatChunk>, Option<Stop>) {
    read([fixture.as_bytes()])
}

fn answer(fixture: &str) -> ChatResponse {
    match whole(fixture) {
        (mut chunks, None) => match chunks.pop_back() {
            Some(ChatChunk::Finished(response)) => *response,
            other => panic!("the last chunk is {other:?}"),
        },
        (_, Some(stop)) => panic!("{stop:?}"),
    }
}

fn failure(fixture: &str) -> &'static str {
    match whole(fixture) {
        (_, Some(Stop::Provider(error))) => error.kind(),
        other => panic!("{other:?}"),
    }
}

/// Generated ids differ from call to call; everything else must not.
fn without_generated_ids(chunks: &VecDeque<ChatChunk>) -> String {
    let mut text = format!("{chunks:?}");
    while let Some(start) = text.find("livos_") {
        text.replace_range(start..start + "livos_".len() + 32, "ID");
    }
    text
}

#[test]
fn text_and_usage_are_read() {
    let answer = answer(TEXT);
    assert_eq!(answer.message.text(), "Grüße aus Köln, \"quoted\"\nand 🦀.");
    assert_eq!(answer.message.content.len(), 1, "an unsigned empty part is nothing");
    assert_eq!(answer.stop_reason, StopReason::EndTurn);
    assert_eq!(answer.model.as_str(), "gemini-2.5-flash");
    assert_eq!((answer.usage.input_tokens, answer.usage.cache_read_tokens), (7, 4));
    assert_eq!(answer.usage.total_tokens(), 20);
    assert!(answer.cost.is_some(), "the catalogue knows the price");
}

#[test]
fn thoughts_calls_and_signatures_are_read() {
    let answer = answer(CALLS);
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    assert_eq!((answer.usage.output_tokens, answer.usage.reasoning_tokens), (70, 30));
    assert!(answer.cost.is_some(), "under the name of its preview, too");
    let [
        ContentBlock::Thinking(thinking),
        ContentBlock::Text(text),
        ContentBlock::ToolUse(paris),
        ContentBlock::ToolUse(oslo),
        ContentBlock::Text(proof),
    ] = answer.message.content.as_slice()
    else {
        panic!("{:?}", answer.message)
    };
    assert_eq!(thinking.text, "Two cities, so two calls.");
    assert_eq!(text.text, "Let me look.");
    assert_eq!(paris.call_id.as_str(), "fc-1");
    assert_eq!(paris.input, ToolInput::parse(r#"{"city":"Paris","days":2}"#));
    assert_eq!(paris.signature.as_ref().map(|it| it.value.as_str()), Some("c2lnLTE="));
    assert!(oslo.call_id.is_generated() && oslo.signature.is_none());
    assert_eq!(proof.text, "", "a part that only carries a signature is kept");
    assert_eq!(proof.signature.as_ref().map(|it| it.value.as_str()), Some("c2lnLTI="));
}

#[test]
fn every_call_is_announced_and_then_given_whole() {
    let (chunks, _) = whole(CALLS);
    let calls: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| match chunk {
            ChatChunk::ToolCall { partial_json, .. } => Some(partial_json.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(calls, ["", r#"{"city":"Paris","days":2}"#, "", r#"{"city":"Oslo"}"#]);
}

#[test]
fn an_answer_goes_on_after_an_early_finish_reason() {
    let answer = answer(CODE);
    assert_eq!(answer.message.text(), "I will compute it.It is 42. Done.");
    assert_eq!(answer.stop_reason, StopReason::EndTurn);
    assert_eq!(answer.usage.prompt_tokens(), 53, "what its own tool said is input");
    let native: Vec<_> = answer
        .message
        .content
        .iter()
        .filter_map(|block| match block {
            ContentBlock::Native(native) => Some(native.value.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        native,
        [
            r#"{"executableCode":{"language":"PYTHON","code":"print(6*7)"},"thoughtSignature":"c2lnLTM="}"#,
            r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"42\n"}}"#,
        ]
    );
}

#[test]
fn a_signed_text_is_not_joined_with_its_neighbours() {
    let texts: Vec<_> = answer(CODE)
        .message
        .content
        .into_iter()
        .filter_map(|block| match block {
            ContentBlock::Text(text) => Some((text.text, text.signature.is_some())),
            _ => None,
        })
        .collect();
    let expected = [("I will compute it.", false), ("It is 42.", true), (" Done.", false)];
    assert_eq!(texts, expected.map(|(text, signed)| (text.to_owned(), signed)));
}

#[test]
fn a_picture_is_an_image_and_its_signature_follows_it() {
    let answer = answer(IMAGE);
    let [_, ContentBlock::Image(image), ContentBlock::Native(native)] =
        answer.message.content.as_slice()
    else {
        panic!("{:?}", answer.message)
    };
    assert_eq!(image.media_type, "image/png");
    assert_eq!(native.value, serde_json::json!({"thoughtSignature": "c2lnLTU="}));
}

#[test]
fn a_filter_in_mid_answer_keeps_what_was_said() {
    let answer = answer(REFUSED);
    assert_eq!(
        (answer.stop_reason, answer.message.text()),
        (StopReason::Refusal, "Well, ".to_owned())
    );
}

#[test]
fn failures_have_their_kinds() {
    assert_eq!(failure(CUT), "interrupted_stream");
    assert_eq!(failure(BLOCKED), "content_refused");
    assert_eq!(failure(ERROR), "overloaded");
    assert_eq!(failure(MALFORMED), "malformed_response");
    assert_eq!(failure("data: <html>\n\n"), "malformed_response");
    let array = r#"data: [{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid."}}]"#;
    assert_eq!(failure(&format!("{array}\n\n")), "authentication");
}

#[test]
fn finish_reasons_are_translated() {
    for (reason, expected) in [
        ("STOP", StopReason::EndTurn),
        ("MAX_TOKENS", StopReason::MaxTokens),
        ("RECITATION", StopReason::Refusal),
        ("PROHIBITED_CONTENT", StopReason::Refusal),
        ("LANGUAGE", StopReason::Other("language".to_owned())),
    ] {
        let frame = format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"x\"}}]}},\"finishReason\":\"{reason}\"}}]}}\n\n"
        );
        assert_eq!(answer(&frame).stop_reason, expected);
    }
}

#[test]
fn the_cut_of_the_bytes_does_not_matter() {
    for fixture in FIXTURES {
        let expected = whole(fixture);
        for at in 0..fixture.len() {
            let (left, right) = fixture.as_bytes().split_at(at);
            let got = read([left, right]);
            assert_eq!(without_generated_ids(&got.0), without_generated_ids(&expected.0));
            assert_eq!(format!("{:?}", got.1), format!("{:?}", expected.1), "cut at {at}");
        }
        let bytes = read(fixture.as_bytes().chunks(1));
        assert_eq!(without_generated_ids(&bytes.0), without_generated_ids(&expected.0));
    }
}

#[test]
fn an_answer_cut_anywhere_is_never_a_short_answer() {
    for fixture in [TEXT, CALLS] {
        let last_frame = fixture.trim_end().rfind("data: ").unwrap();
        for end in 0..last_frame {
            let (_, stop) = read([fixture.as_bytes().get(..end).unwrap()]);
            assert!(stop.is_some(), "cut at {end}");
        }
    }
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic(
        keys in prop::collection::vec("(candidates|content|parts|text|thought|functionCall|args|finishReason|usageMetadata|error|[a-z]{0,4})", 0..12),
        values in prop::collection::vec(r#"(null|true|"STOP"|"x"|-1|1e9|\{\}|\[\]|\[\{\}\])"#, 0..12),
    ) {
        let pairs: Vec<_> = keys.iter().zip(&values).map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let flat = format!("{{{}}}", pairs.join(","));
        for frame in [flat.clone(), format!("{{\"candidates\":[{flat}]}}"), format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{flat}]}}}}]}}")] {
            let _ = read([format!("data: {frame}\n\n").as_bytes()]);
        }
    }

    #[test]
    fn any_chunking_gives_the_same(cuts in prop::collection::vec(1usize..40, 1..60)) {
        let mut rest = CALLS.as_bytes();
        let mut pieces = Vec::new();
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(without_generated_ids(&read(pieces).0), without_generated_ids(&whole(CALLS).0));
    }
}
