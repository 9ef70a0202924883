use std::fmt::Write;

use livos_core::ContentBlock;
use livos_core::ModelName;
use livos_core::ProviderId;
use livos_core::StopReason;
use livos_core::ToolInput;
use proptest::prelude::*;

use super::super::dialect::Dialect;
use super::*;
use crate::sse::Flow;
use crate::sse::SseDecoder;
use crate::sse::SseError;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/openai/", $name, ".sse"))
    };
}

const FIXTURES: [(&str, &Dialect, &str); 16] = [
    ("openai_text", &Dialect::OPENAI, fixture!("openai_text")),
    ("openai_parallel_calls", &Dialect::OPENAI, fixture!("openai_parallel_calls")),
    ("openai_refusal", &Dialect::OPENAI, fixture!("openai_refusal")),
    ("deepseek_reasoned_call", &Dialect::DEEPSEEK, fixture!("deepseek_reasoned_call")),
    ("mistral_thinking_parts", &Dialect::MISTRAL, fixture!("mistral_thinking_parts")),
    ("mistral_whole_calls", &Dialect::MISTRAL, fixture!("mistral_whole_calls")),
    ("openrouter_signed_reasoning", &Dialect::OPENROUTER, fixture!("openrouter_signed_reasoning")),
    ("openrouter_upstream_error", &Dialect::OPENROUTER, fixture!("openrouter_upstream_error")),
    ("groq_extras", &Dialect::GROQ, fixture!("groq_extras")),
    ("llamacpp_cut_call", &Dialect::LLAMA_CPP, fixture!("llamacpp_cut_call")),
    ("ollama_calls_without_ids", &Dialect::OLLAMA, fixture!("ollama_calls_without_ids")),
    ("vllm_error_frame", &Dialect::VLLM, fixture!("vllm_error_frame")),
    ("cut_before_finish", &Dialect::OPENAI, fixture!("cut_before_finish")),
    ("no_done", &Dialect::OPENAI, fixture!("no_done")),
    ("done_without_reason", &Dialect::OPENAI, fixture!("done_without_reason")),
    ("done_without_reason_leniently", &Dialect::GENERIC, fixture!("done_without_reason")),
];

fn machine(dialect: &'static Dialect) -> ChatMachine {
    let provider = ProviderId::from(dialect.name);
    ChatMachine::new(Asked { provider, model: ModelName::from("asked-for"), dialect })
}

/// Reads pieces of a stream as the driver does.
fn read<'a>(
    dialect: &'static Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (VecDeque<ChatChunk>, Option<ProviderError>) {
    enum Stopped {
        Machine(ProviderError),
        Sse,
    }
    impl From<SseError> for Stopped {
        fn from(_: SseError) -> Self {
            Self::Sse
        }
    }
    let (mut machine, mut decoder, mut out) =
        (machine(dialect), SseDecoder::default(), VecDeque::new());
    for piece in pieces {
        let fed = decoder.feed(piece, |name, data| {
            machine.on_event(name, data, &mut out).map_err(Stopped::Machine)?;
            let finished = matches!(out.back(), Some(ChatChunk::Finished(_)));
            Ok(if finished { Flow::Stop } else { Flow::Continue })
        });
        match fed {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => return (out, None),
            Err(Stopped::Machine(error)) => return (out, Some(error)),
            Err(Stopped::Sse) => return (out, Some(failure::malformed(&machine_asked(), "sse"))),
        }
    }
    let error = machine.on_end(&mut out).err();
    (out, error)
}

fn machine_asked() -> Asked {
    let (provider, model) = (ProviderId::from("x"), ModelName::from("x"));
    Asked { provider, model, dialect: &Dialect::GENERIC }
}

/// What was read, for people; ids made by us are all different and left out.
fn told((chunks, error): (VecDeque<ChatChunk>, Option<ProviderError>)) -> String {
    let mut told = String::new();
    let id = |id: &livos_core::ToolCallId| match id.as_str().len() {
        37 => String::from("(made)"),
        _ => id.to_string(),
    };
    for chunk in chunks {
        match chunk {
            ChatChunk::Finished(response) => {
                writeln!(told, "finished {:?} {:?}", response.model, response.stop_reason).unwrap();
                writeln!(told, "  {:?} {:?}", response.usage, response.cost).unwrap();
                for mut block in response.message.content {
                    if let ContentBlock::ToolUse(call) = &mut block {
                        call.call_id = id(&call.call_id).into();
                    }
                    writeln!(told, "  {}", serde_json::to_string(&block).unwrap()).unwrap();
                }
            }
            ChatChunk::ToolCall { call_id, name, partial_json } => {
                writeln!(told, "call {} {name} {partial_json:?}", id(&call_id)).unwrap();
            }
            other => writeln!(told, "{other:?}").unwrap(),
        }
    }
    if let Some(error) = error {
        writeln!(told, "{}: {error}", error.kind()).unwrap();
    }
    told
}

#[test]
fn every_fixture_is_read_as_before() {
    for (name, dialect, sse) in FIXTURES {
        insta::assert_snapshot!(name, told(read(dialect, [sse.as_bytes()])));
    }
}

#[test]
fn it_does_not_matter_where_the_bytes_are_cut() {
    for (name, dialect, sse) in FIXTURES {
        let whole = told(read(dialect, [sse.as_bytes()]));
        for at in 0..sse.len() {
            let (left, right) = sse.as_bytes().split_at(at);
            assert_eq!(told(read(dialect, [left, right])), whole, "{name} cut at {at}");
        }
        assert_eq!(told(read(dialect, sse.as_bytes().chunks(1))), whole, "{name} byte by byte");
    }
}

#[test]
fn a_stream_that_ends_early_is_never_a_short_answer() {
    for (name, dialect, sse) in FIXTURES {
        let events: Vec<_> = sse.split_inclusive("\n\n").collect();
        let reason = events.iter().position(|event| event.contains(r#""finish_reason":""#));
        for count in 0..reason.unwrap_or(0) {
            let (chunks, error) = read(dialect, events.iter().take(count).map(|it| it.as_bytes()));
            let finished = chunks.iter().any(|it| matches!(it, ChatChunk::Finished(_)));
            assert!(!finished, "{name} after {count} events");
            assert!(
                matches!(error, Some(ProviderError::InterruptedStream(_))),
                "{name} after {count} events"
            );
        }
    }
}

#[test]
fn a_call_cut_by_the_limit_is_kept_as_it_came() {
    let (chunks, _) = read(&Dialect::LLAMA_CPP, [fixture!("llamacpp_cut_call").as_bytes()]);
    let Some(ChatChunk::Finished(response)) = chunks.back() else { panic!("not finished") };
    let call = response.message.tool_calls().next().unwrap();
    assert_eq!(call.input, ToolInput::Malformed("{\"note\":\"The".into()));
    assert_eq!(response.stop_reason, StopReason::MaxTokens);
}

/// One frame per delta, then a plain end.
fn frames(deltas: &[&str]) -> String {
    let mut sse = String::new();
    for delta in deltas {
        writeln!(sse, "data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n").unwrap();
    }
    sse + "data: {\"choices\":[{\"finish_reason\":\"tool_calls\",\"delta\":{}}]}\n\ndata: [DONE]\n\n"
}

fn calls(deltas: &[&str]) -> Vec<(String, String)> {
    let (chunks, error) = read(&Dialect::GENERIC, [frames(deltas).as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    let Some(ChatChunk::Finished(response)) = chunks.back() else { panic!("not finished") };
    let calls = response.message.tool_calls();
    calls.map(|call| (call.name.to_string(), call.input.to_json())).collect()
}

fn expected(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    calls.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect()
}

#[test]
fn fragments_find_their_call_however_they_are_marked() {
    let two = expected(&[("f", r#"{"a":1}"#), ("g", r#"{"b":2}"#)]);
    let cases: [(&str, &[&str]); 6] = [
        (
            "by index",
            &[
                r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\""}},{"index":1,"id":"2","function":{"name":"g"}}]}"#,
                r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"b\":2}"}},{"index":0,"function":{"arguments":":1}"}}]}"#,
            ],
        ),
        (
            "name and id repeated",
            &[
                r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\""}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":":1}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"2","function":{"name":"g","arguments":"{\"b\":2}"}}]}"#,
            ],
        ),
        (
            "one index for all",
            &[
                r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\":1}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"2","function":{"name":"g","arguments":"{\"b\":"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"2}"}}]}"#,
            ],
        ),
        (
            "by id alone",
            &[
                r#"{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\""}},{"id":"2","function":{"name":"g","arguments":"{\"b\":"}}]}"#,
                r#"{"tool_calls":[{"id":"1","function":{"arguments":":1}"}},{"id":"2","function":{"arguments":"2}"}}]}"#,
            ],
        ),
        (
            "by order alone",
            &[
                r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\""}}]}"#,
                r#"{"tool_calls":[{"function":{"arguments":":1}"}}]}"#,
                r#"{"tool_calls":[{"function":{"name":"g","arguments":"{\"b\":2}"}}]}"#,
            ],
        ),
        (
            "an id that changes with every fragment",
            &[
                r#"{"tool_calls":[{"index":0,"id":"r1","function":{"name":"f","arguments":"{\"a\""}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"r2","function":{"arguments":":1}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"r3","function":{"name":"g","arguments":"{\"b\":2}"}}]}"#,
            ],
        ),
    ];
    for (name, deltas) in cases {
        assert_eq!(calls(deltas), two, "{name}");
    }
}

#[test]
fn the_older_function_call_is_a_tool_call() {
    let deltas = [
        r#"{"function_call":{"name":"f","arguments":"{\"a\""}}"#,
        r#"{"function_call":{"arguments":":1}"}}"#,
    ];
    assert_eq!(calls(&deltas), expected(&[("f", r#"{"a":1}"#)]));
}

#[test]
fn reasons_that_void_an_answer_are_errors() {
    for (reason, kind) in [
        ("insufficient_system_resource", "overloaded"),
        ("error", "interrupted_stream"),
        ("abort", "interrupted_stream"),
    ] {
        let sse = format!("data: {{\"choices\":[{{\"finish_reason\":\"{reason}\"}}]}}\n\n");
        let (_, error) = read(&Dialect::DEEPSEEK, [sse.as_bytes()]);
        assert_eq!(error.unwrap().kind(), kind, "{reason}");
    }
}

#[test]
fn reasons_for_stopping_are_told_apart() {
    for (reason, expected) in [
        ("stop", StopReason::EndTurn),
        ("tool_calls", StopReason::EndTurn),
        ("length", StopReason::MaxTokens),
        ("model_length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refusal),
        ("novel", StopReason::Other("novel".into())),
    ] {
        let sse = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}},\"finish_reason\":\"{reason}\"}}]}}\n\n"
        );
        let (chunks, _) = read(&Dialect::OPENAI, [sse.as_bytes()]);
        let Some(ChatChunk::Finished(response)) = chunks.back() else { panic!("not finished") };
        assert_eq!(response.stop_reason, expected, "{reason}");
    }
}

#[test]
fn errors_in_a_stream_have_their_kind() {
    for (frame, kind) in [
        (r#"{"error":{"message":"slow down","type":"x","code":429}}"#, "rate_limited"),
        (
            r#"{"error":{"code":"context_length_exceeded","message":"too long"}}"#,
            "context_too_long",
        ),
        (
            r#"{"error":{"type":"exceed_context_size_error","n_ctx":4096,"message":"big"}}"#,
            "context_too_long",
        ),
        (r#"{"error":"something broke"}"#, "unavailable"),
        (r#"{"choices":[{"error":{"code":502,"message":"bad gateway"}}]}"#, "unavailable"),
        ("{\"choices\":", "malformed_response"),
    ] {
        let sse = format!("data: {frame}\n\n");
        let (_, error) = read(&Dialect::OPENROUTER, [sse.as_bytes()]);
        assert_eq!(error.unwrap().kind(), kind, "{frame}");
    }
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(data in ".{0,300}") {
        let mut machine = machine(&Dialect::GENERIC);
        let mut out = VecDeque::new();
        let _ = machine.on_event("", &data, &mut out);
        let _ = machine.on_end(&mut out);
    }

    #[test]
    fn a_damaged_stream_never_panics_and_never_ends_twice(
        which in 0..FIXTURES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (_, dialect, sse) = FIXTURES[which];
        let mut bytes = sse.as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let (chunks, error) = read(dialect, [bytes.as_slice()]);
        let finished = chunks.iter().filter(|it| matches!(it, ChatChunk::Finished(_))).count();
        prop_assert_eq!(finished, usize::from(error.is_none()));
    }

    #[test]
    fn text_comes_out_as_it_went_in(pieces in prop::collection::vec("\\PC{0,12}|[\"\\\\\n\u{1F30D}]{0,4}", 0..12)) {
        let deltas: Vec<String> = pieces
            .iter()
            .map(|piece| serde_json::json!({"content": piece, "reasoning": piece}).to_string())
            .collect();
        let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
        let (chunks, error) = read(&Dialect::GENERIC, [frames(&deltas).as_bytes()]);
        prop_assert!(error.is_none());
        let Some(ChatChunk::Finished(response)) = chunks.back() else { panic!("not finished") };
        prop_assert_eq!(response.message.text(), pieces.concat());
        let streamed: String = chunks.iter().filter_map(|chunk| match chunk {
            ChatChunk::Text(text) => Some(text.as_str()),
            _ => None,
        }).collect();
        prop_assert_eq!(streamed, pieces.concat());
    }

    #[test]
    fn arguments_survive_any_cut(cuts in prop::collection::vec(0_usize..60, 0..8)) {
        let json = r#"{"path":"a \"quoted\" ü name","list":[1,2.5,{"deep":null}]}"#;
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| json.is_char_boundary(*at)).collect();
        cuts.extend([0, json.len()]);
        cuts.sort_unstable();
        let mut deltas = vec![String::from(r#"{"tool_calls":[{"index":0,"id":"1","function":{"name":"f"}}]}"#)];
        deltas.extend(cuts.windows(2).map(|pair| {
            let arguments = &json[pair[0]..pair[1]];
            serde_json::json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}).to_string()
        }));
        let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
        prop_assert_eq!(calls(&deltas), expected(&[("f", json)]));
    }
}
