//! An HTTP server that answers with the bytes it is told, for faults no mock library makes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// What the server does after a request.
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Says nothing until the client closes the connection, which [`RawServer::closed`] tells.
    Hang,
}

/// A server that meets every connection with the same acts, then closes it.
pub(crate) struct RawServer {
    pub(crate) url: String,
    bodies: mpsc::UnboundedReceiver<Vec<u8>>,
    closed: mpsc::UnboundedReceiver<()>,
    connections: Arc<AtomicUsize>,
}

impl RawServer {
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (body_sender, bodies) = mpsc::unbounded_channel();
        let (closed_sender, closed) = mpsc::unbounded_channel();
        let tell = Tell { body: body_sender, closed: closed_sender };
        let acts = Arc::new(acts);
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let (acts, tell) = (Arc::clone(&acts), tell.clone());
                tokio::spawn(async move { serve(socket, &acts, &tell).await });
            }
        });
        Self { url, bodies, closed, connections }
    }

    /// An event stream whose body is these bytes, cut off by closing the connection.
    pub(crate) async fn stream_cut_after(body: impl Into<Vec<u8>>) -> Self {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let body = body.into();
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(b"\r\n");
        Self::start(vec![Act::Send(bytes)]).await
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The body of the next request.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        self.bodies.recv().await.expect("a request")
    }

    /// Waits until the client closes a connection on which the server hangs.
    pub(crate) async fn closed(&mut self) {
        self.closed.recv().await.expect("a server that hangs");
    }
}

#[derive(Clone)]
struct Tell {
    body: mpsc::UnboundedSender<Vec<u8>>,
    closed: mpsc::UnboundedSender<()>,
}

async fn serve(mut socket: TcpStream, acts: &[Act], tell: &Tell) {
    while let Some(body) = read_request(&mut socket).await {
        tell.body.send(body).ok();
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    if socket.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                Act::Hang => {
                    let mut rest = [0; 1024];
                    while socket.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                    tell.closed.send(()).ok();
                    return;
                }
            }
        }
        if !acts.iter().any(|act| matches!(act, Act::Send(bytes) if keeps_alive(bytes))) {
            return;
        }
    }
}

fn keeps_alive(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains("content-length:") && !text.contains("connection: close")
}

/// The body of one request, by its content-length.
async fn read_request(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a number"));
            if bytes.len() >= end + 4 + length {
                return Some(bytes[end + 4..end + 4 + length].to_vec());
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
