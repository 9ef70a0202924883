//! OpenAI chat completions, streamed and whole, field for field as the vendor sends them.

use super::Answer;
use super::TOOL;
use super::argument_pieces;
use super::word;

/// The events of a streamed answer: what stands before the paced part, that part, what follows.
pub(super) fn events(answer: Answer) -> Vec<String> {
    let mut events = vec![chunk(r#"{"role":"assistant","content":null,"refusal":null}"#, "null")];
    match answer {
        Answer::Text { deltas } => {
            events.extend(
                (0..deltas)
                    .map(|index| chunk(&format!(r#"{{"content":"{}"}}"#, word(index)), "null")),
            );
            events.push(chunk("{}", "\"stop\""));
        }
        Answer::ToolCall { round } => {
            events.push(chunk(
                &format!(
                    r#"{{"tool_calls":[{{"index":0,"id":"call_{round:024}","type":"function","function":{{"name":"{TOOL}","arguments":""}}}}]}}"#
                ),
                "null",
            ));
            events.extend(argument_pieces(round).iter().map(|piece| {
                let piece = piece.replace('"', "\\\"");
                chunk(
                    &format!(
                        r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{piece}"}}}}]}}"#
                    ),
                    "null",
                )
            }));
            events.push(chunk("{}", "\"tool_calls\""));
        }
    }
    events.push(format!("data: {{{HEAD},\"choices\":[],\"usage\":{}}}\n\n", usage()));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

const HEAD: &str = r#""id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk","created":1741570283,"model":"mock-1","service_tier":"default","system_fingerprint":"fp_06737a9306""#;

fn chunk(delta: &str, finish: &str) -> String {
    format!(
        "data: {{{HEAD},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
    )
}

fn usage() -> &'static str {
    r#"{"prompt_tokens":117,"completion_tokens":17,"total_tokens":134,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
}

/// A whole answer.
pub(super) fn whole(answer: Answer) -> String {
    let (message, finish) = match answer {
        Answer::Text { deltas } => {
            let text: String = (0..deltas).map(word).collect();
            (format!(r#""content":"{text}""#), "stop")
        }
        Answer::ToolCall { round } => {
            let arguments = argument_pieces(round).concat().replace('"', "\\\"");
            (
                format!(
                    r#""content":null,"tool_calls":[{{"id":"call_{round:024}","type":"function","function":{{"name":"{TOOL}","arguments":"{arguments}"}}}}]"#
                ),
                "tool_calls",
            )
        }
    };
    let head = HEAD.replace("completion.chunk", "completion");
    format!(
        r#"{{{head},"choices":[{{"index":0,"message":{{"role":"assistant",{message},"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{finish}"}}],"usage":{}}}"#,
        usage()
    )
}
