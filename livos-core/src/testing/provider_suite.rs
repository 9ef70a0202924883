//! What every provider must do.

use futures::StreamExt;

use crate::id::ModelName;
use crate::message::Message;
use crate::provider::AIProvider;
use crate::provider::ChatChunk;
use crate::provider::ChatRequest;

/// Checks a provider against the promises of [`AIProvider`], by two real calls with a
/// prompt of a few words. Give it a service, or a local stand-in, that answers.
///
/// # Errors
/// The first promise that is not kept, in words.
pub async fn check_provider(provider: &dyn AIProvider, model: ModelName) -> Result<(), String> {
    let request = ChatRequest::new(model, [Message::user("Say hello.")]);
    let mut pieces = provider
        .chat_stream(request.clone())
        .await
        .map_err(|error| format!("chat_stream failed: {error}"))?;
    let mut streamed = String::new();
    let mut answer = None;
    while let Some(piece) = pieces.next().await {
        if answer.is_some() {
            return Err("the stream goes on after Finished".to_owned());
        }
        match piece.map_err(|error| format!("the stream failed: {error}"))? {
            ChatChunk::Text(text) => streamed.push_str(&text),
            ChatChunk::Finished(response) => answer = Some(response),
            _ => {}
        }
    }
    let answer = answer.ok_or("the stream ended without Finished and without an error")?;
    if answer.message.text() != streamed {
        return Err(format!(
            "the pieces say {streamed:?}, the whole answer says {:?}",
            answer.message.text()
        ));
    }
    if &answer.provider != provider.id() {
        return Err(format!("the answer names {} as its provider", answer.provider));
    }
    let whole = provider.chat(request).await.map_err(|error| format!("chat failed: {error}"))?;
    if whole.message.content.is_empty() {
        return Err("chat answered nothing".to_owned());
    }
    Ok(())
}
