//! Anthropic Messages, streamed, field for field as the vendor sends them.

use super::Answer;
use super::TOOL;
use super::argument_pieces;
use super::word;

/// The events of a streamed answer.
pub(super) fn events(answer: Answer) -> Vec<String> {
    let mut events = vec![event(
        "message_start",
        r#""message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"mock-1","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":117,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}"#,
    )];
    let reason = match answer {
        Answer::Text { deltas } => {
            events.push(block_start(r#"{"type":"text","text":""}"#));
            events.extend((0..deltas).map(|index| {
                block_delta(&format!(r#"{{"type":"text_delta","text":"{}"}}"#, word(index)))
            }));
            "end_turn"
        }
        Answer::ToolCall { round } => {
            events.push(block_start(&format!(
                r#"{{"type":"tool_use","id":"toolu_{round:024}","name":"{TOOL}","input":{{}}}}"#
            )));
            events.extend(argument_pieces(round).iter().map(|piece| {
                let piece = piece.replace('"', "\\\"");
                block_delta(&format!(r#"{{"type":"input_json_delta","partial_json":"{piece}"}}"#))
            }));
            "tool_use"
        }
    };
    events.push(event("content_block_stop", r#""index":0"#));
    events.push(event(
        "message_delta",
        &format!(
            r#""delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{"output_tokens":17}}"#
        ),
    ));
    events.push("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_owned());
    events
}

fn event(name: &str, fields: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\",{fields}}}\n\n")
}

fn block_start(block: &str) -> String {
    event("content_block_start", &format!(r#""index":0,"content_block":{block}"#))
}

fn block_delta(delta: &str) -> String {
    event("content_block_delta", &format!(r#""index":0,"delta":{delta}"#))
}
