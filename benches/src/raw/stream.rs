//! A streamed answer put together again.

use std::error::Error;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::Response;

use super::wire::Chunk;
use super::wire::Delta;
use super::wire::Message;
use super::wire::ToolCall;
use super::wire::ToolCallDelta;

/// Reads events until `[DONE]`, shows each piece of text, and gives the whole message.
pub(super) async fn read(
    response: Response,
    mut show: impl FnMut(&str),
) -> Result<Message, Box<dyn Error + Send + Sync>> {
    let mut events = response.bytes_stream().eventsource();
    let mut text = String::new();
    let mut calls = Vec::new();
    while let Some(event) = events.next().await {
        let event = event?;
        if event.data == "[DONE]" {
            // Read to the end of the body: only then can the connection be used again.
            continue;
        }
        let chunk: Chunk = serde_json::from_str(&event.data)?;
        for choice in chunk.choices {
            let Delta { content, tool_calls } = choice.delta;
            if let Some(piece) = content {
                show(&piece);
                text.push_str(&piece);
            }
            for delta in tool_calls.unwrap_or_default() {
                add(&mut calls, delta)?;
            }
        }
    }
    Ok(Message {
        role: "assistant".to_owned(),
        content: (!text.is_empty()).then_some(text),
        tool_calls: (!calls.is_empty()).then_some(calls),
        tool_call_id: None,
    })
}

fn add(calls: &mut Vec<ToolCall>, delta: ToolCallDelta) -> Result<(), &'static str> {
    if delta.index == calls.len() {
        calls.push(ToolCall { kind: "function".to_owned(), ..ToolCall::default() });
    }
    let call = calls.get_mut(delta.index).ok_or("a tool call has an index out of turn")?;
    if let Some(id) = delta.id {
        call.id = id;
    }
    if let Some(function) = delta.function {
        if let Some(name) = function.name {
            call.function.name = name;
        }
        call.function.arguments.push_str(&function.arguments.unwrap_or_default());
    }
    Ok(())
}
