//! Gemini `streamGenerateContent`, field for field as the vendor sends it.

use super::Answer;
use super::TOOL;
use super::argument_pieces;
use super::word;

/// The events of a streamed answer.
pub(super) fn events(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Text { deltas } => {
            let mut events: Vec<String> = (0..deltas)
                .map(|index| chunk(&format!(r#"{{"text":"{}"}}"#, word(index)), ""))
                .collect();
            events.push(chunk(r#"{"text":""}"#, r#""finishReason":"STOP","#));
            events
        }
        Answer::ToolCall { round } => {
            let arguments = argument_pieces(round).concat();
            let call = format!(r#"{{"functionCall":{{"name":"{TOOL}","args":{arguments}}}}}"#);
            vec![chunk(&call, r#""finishReason":"STOP","#)]
        }
    }
}

fn chunk(part: &str, finish: &str) -> String {
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{part}],\"role\":\"model\"}},{finish}\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":117,\"candidatesTokenCount\":17,\"totalTokenCount\":134,\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":117}}]}},\"modelVersion\":\"mock-1\",\"responseId\":\"kGSTaNWCCOOQxN8P\"}}\r\n\r\n"
    )
}
