//! A model that answers by itself, and counts at its socket who asks.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::peer;

/// What a message says that is to be answered without end.
pub(crate) const ENDLESS: &str = "without end";
/// Between two pieces of such an answer.
const PIECE: Duration = Duration::from_millis(20);

/// Answers every request after the same time, on connections of their own, until it is dropped.
pub(crate) struct CountingModel {
    url: String,
    counts: Arc<Counts>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Counts {
    /// How many wait for an answer now, and the most that ever did.
    open: AtomicUsize,
    most: AtomicUsize,
    asked: watch::Sender<usize>,
    /// How often each text was asked that has a number: `schedule 17.`
    texts: Mutex<HashMap<String, usize>>,
}

impl CountingModel {
    /// Makes it the model of a server that is to be started, and of no other.
    pub(crate) fn serve(&self, server: &mut Command) {
        server
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", format!("{}/v1", self.url))
            .env("LIVOS_MODEL", "openai/m")
            // Nobody reads what the server says, and it would stand still once the pipe is full.
            .stderr(Stdio::null());
    }

    pub(crate) async fn start(answer_time: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let counts = Arc::new(Counts {
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            asked: watch::Sender::new(0),
            texts: Mutex::default(),
        });
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&counts);
        serving.spawn(async move {
            let mut answers = JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                while answers.try_join_next().is_some() {}
                answers.spawn(answer(socket, Arc::clone(&shared), answer_time));
            }
        });
        Self { url, counts, _serving: serving }
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        *self.counts.asked.borrow()
    }

    /// How many are not answered.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// How many were not answered at a time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    /// Waits until so many requests came.
    pub(crate) async fn was_asked(&self, count: usize, within: Duration) {
        let mut asked = self.counts.asked.subscribe();
        let reached = asked.wait_for(|asked| *asked >= count);
        let reached = tokio::time::timeout(within, reached).await;
        assert!(reached.is_ok(), "{} of {count} requests came in {within:?}", self.asked());
    }

    /// How often each text with a number was asked, by the text.
    pub(crate) fn texts(&self) -> HashMap<String, usize> {
        self.counts.texts.lock().unwrap().clone()
    }
}

/// Open as long as somebody waits for an answer.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: Arc<Counts>) -> Self {
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(open, Ordering::SeqCst);
        counts.asked.send_modify(|asked| *asked += 1);
        Self(counts)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(mut socket: TcpStream, counts: Arc<Counts>, time: Duration) {
    let Some(request) = read(&mut socket).await else { return };
    if request.starts_with("GET ") {
        // How large it is, it does not tell. That is no question to a model.
        drop(socket.write_all(peer::NO_MODELS).await);
        return;
    }
    // The newest message is the last of the request.
    let text = request.rfind("job ").and_then(|at| request[at..].split_once('.'));
    if let Some((text, _)) = text {
        *counts.texts.lock().unwrap().entry(text.to_owned()).or_default() += 1;
    }
    let open = Open::new(counts);
    if request.contains(ENDLESS) {
        let mut answer = peer::Answer::begin(socket).await;
        while answer.try_say("and ").await {
            tokio::time::sleep(PIECE).await;
        }
        drop(open);
        return;
    }
    tokio::time::sleep(time).await;
    // Who has the answer may ask again at once.
    drop(open);
    let body = peer::says("Done.");
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    // Whoever asked may be dead.
    drop(socket.write_all(text.as_bytes()).await);
}

/// A whole request, unless whoever sends it dies.
async fn read(socket: &mut TcpStream) -> Option<String> {
    let (mut read, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let count = socket.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&buffer[..count]);
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if read.len() >= end + 4 + length {
            return Some(String::from_utf8_lossy(&read).into_owned());
        }
    }
}
