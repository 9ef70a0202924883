//! Something that speaks HTTP, as the test plays it: a model, or whoever gets replies.

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::test_server::PATIENCE;

/// Takes one request a connection, and leaves it to the test what is answered.
pub(crate) struct Peer(TcpListener);

impl Peer {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The next request, unanswered. Whoever asks which models there are is told nothing.
    pub(crate) async fn asked(&self) -> (TcpStream, String) {
        let next = async {
            loop {
                let (mut socket, request) = self.asked_whenever().await;
                if !request.starts_with("GET /v1/models ") {
                    return (socket, request);
                }
                socket.write_all(NO_MODELS).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a request comes in time")
    }

    /// The same, however long it takes.
    pub(crate) async fn asked_whenever(&self) -> (TcpStream, String) {
        let (mut socket, _) = self.0.accept().await.unwrap();
        let mut read = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let count = socket.read(&mut buffer).await.unwrap();
            read.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap()) {
                return (socket, text);
            }
        }
    }
}

/// What a model says that does not tell how large it is.
pub(crate) const NO_MODELS: &[u8] =
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers all at once.
pub(crate) async fn answer(mut socket: TcpStream, media_type: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(text.as_bytes()).await.unwrap();
}

/// What a model sends that says this and no more.
pub(crate) fn says(text: &str) -> String {
    format!("{}{END}", piece(text))
}

const END: &str = "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n";

fn piece(text: &str) -> String {
    let piece = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {piece}\n\n")
}

/// An answer of a model that the test gives piece by piece.
pub(crate) struct Answer(TcpStream);

impl Answer {
    pub(crate) async fn begin(mut socket: TcpStream) -> Self {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(piece(text).as_bytes()).await.unwrap();
    }

    /// Says something to whoever asked; whether that one still listens.
    pub(crate) async fn try_say(&mut self, text: &str) -> bool {
        self.0.write_all(piece(text).as_bytes()).await.is_ok()
    }

    /// Ends it; whoever asked may be gone.
    pub(crate) async fn end(mut self) {
        drop(self.0.write_all(END.as_bytes()).await);
    }

    /// Waits until whoever asked has hung up.
    pub(crate) async fn hung_up(mut self) {
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut [0; 16])).await;
        assert!(matches!(read.expect("the call is given up"), Ok(0) | Err(_)));
    }
}
