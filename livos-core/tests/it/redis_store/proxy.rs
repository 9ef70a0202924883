//! A connection to Redis that can be cut at a chosen moment.

use std::sync::Arc;
use std::sync::Mutex;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What gets lost when the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// What was asked: Redis never sees it.
    Request,
    /// The answer: Redis did what it was asked.
    Answer,
}

/// When to cut: at the n-th message of this kind from now on.
#[derive(Debug, Clone, Copy)]
struct Cut {
    lost: Lost,
    in_messages: usize,
}

/// Passes everything on, until it is told to cut.
pub(super) struct Proxy {
    pub(super) port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn before(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Mutex::new(None));
        let task = tokio::spawn(accept(listener, redis, Arc::clone(&cut)));
        Self { port, cut, task }
    }

    /// Cuts the connection that carries the n-th message of this kind, and the message is lost.
    pub(super) fn cut(&self, lost: Lost, in_messages: usize) {
        *self.cut.lock().unwrap() = Some(Cut { lost, in_messages });
    }

    /// Whether the cut that was asked for has happened.
    pub(super) fn has_cut(&self) -> bool {
        self.cut.lock().unwrap().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, redis: u16, cut: Arc<Mutex<Option<Cut>>>) {
    while let Ok((client, _)) = listener.accept().await {
        let cut = Arc::clone(&cut);
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", redis)).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Whichever ends first ends both: that is the cut.
            tokio::select! {
                () = pass(from_client, to_server, Lost::Request, &cut) => {}
                () = pass(from_server, to_client, Lost::Answer, &cut) => {}
            }
        });
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    kind: Lost,
    cut: &Mutex<Option<Cut>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if is_cut(kind, cut) || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Counts a message; true for the one at which to cut.
fn is_cut(kind: Lost, cut: &Mutex<Option<Cut>>) -> bool {
    let mut cut = cut.lock().unwrap();
    let Some(wanted) = cut.as_mut().filter(|cut| cut.lost == kind) else { return false };
    wanted.in_messages -= 1;
    let is_now = wanted.in_messages == 0;
    if is_now {
        *cut = None;
    }
    is_now
}
