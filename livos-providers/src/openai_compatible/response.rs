//! A whole answer to our response.

use std::collections::VecDeque;

use livos_core::ChatChunk;
use livos_core::Delivery;
use livos_core::ProviderError;

use super::answer::Answer;
use super::answer::Asked;
use super::failure;
use super::reasoning::Arrival;
use super::wire::Frame;

/// Reads an answer that came in one piece: the whole, and before it, where a
/// stream was asked for, the pieces it would have come in.
///
/// # Errors
/// When it is no chat completion, holds an error although its status was 200, or holds no choice.
pub(super) fn pieces(
    asked: Asked,
    body: &[u8],
    delivery: Delivery,
) -> Result<VecDeque<ChatChunk>, ProviderError> {
    let mut pieces = VecDeque::new();
    let response = read(asked, body, &mut pieces)?.into_response();
    if delivery == Delivery::Whole {
        pieces.clear();
    }
    pieces.push_back(ChatChunk::Finished(Box::new(response)));
    Ok(pieces)
}

fn read(asked: Asked, body: &[u8], out: &mut VecDeque<ChatChunk>) -> Result<Answer, ProviderError> {
    let body =
        str::from_utf8(body).map_err(|_| failure::malformed(&asked, "the answer is not UTF-8"))?;
    let frame: Frame<'_> =
        serde_json::from_str(body).map_err(|error| failure::unreadable(&asked, error))?;
    let has_choice = frame.choices.0.is_some();
    let mut answer = Answer::new(asked, Arrival::Whole);
    answer.take_frame(frame, body, out)?;
    if !has_choice {
        return Err(failure::malformed(answer.asked(), "the answer has no choices"));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
