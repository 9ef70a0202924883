//! A model that says what a test tells it, when the test tells it.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use livos_core::AIProvider;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::ProviderId;
use tokio::sync::Mutex;
use tokio::sync::mpsc;

/// Each call takes the next conversation with the test.
#[derive(Debug)]
pub(crate) struct GatedProvider {
    id: ProviderId,
    calls: mpsc::UnboundedSender<OpenCall>,
    guard: Mutex<()>,
}

/// A model call that waits for the test.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) request: ChatRequest,
    pieces: mpsc::UnboundedSender<ChatChunk>,
    said: String,
}

impl GatedProvider {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<OpenCall>) {
        let (calls, opened) = mpsc::unbounded_channel();
        (Self { id: "gated".into(), calls, guard: Mutex::default() }, opened)
    }
}

impl OpenCall {
    /// Streams a piece of text.
    pub(crate) fn say(&mut self, text: &str) {
        self.said.push_str(text);
        self.pieces.send(ChatChunk::Text(text.to_owned())).unwrap();
    }

    /// Ends the answer with what was said.
    pub(crate) fn finish(self) {
        let message = Message::assistant(self.said);
        let response = ChatResponse::new("gated".into(), "m".into(), message);
        self.pieces.send(ChatChunk::Finished(Box::new(response))).unwrap();
    }

    /// Waits until the server has hung up.
    pub(crate) async fn hung_up(&self) {
        self.pieces.closed().await;
    }
}

#[async_trait]
impl AIProvider for GatedProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let _one_at_a_time = self.guard.lock().await;
        assert_ne!(request.conversation.last().unwrap().text(), "panic", "the test asked for it");
        let (pieces, stream) = mpsc::unbounded_channel();
        self.calls.send(OpenCall { request, pieces, said: String::new() }).unwrap();
        let stream =
            stream::unfold(stream, |mut stream| async { Some((Ok(stream.recv().await?), stream)) });
        Ok(stream.boxed())
    }
}
