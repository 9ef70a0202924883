//! Web sites of the tests: real servers that answer as they are told.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use livos_tools::outgoing::AddressGuard;
use livos_tools::outgoing::GuardedClient;
use livos_tools::outgoing::NameResolver;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// Stands for the public internet: its network is allowed, 127.0.0.1 is not.
pub(crate) const OUTSIDE: &str = "127.0.0.2";
pub(crate) const INSIDE: &str = "127.0.0.1";

/// A server that keeps what it was asked.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What a site sends: all of it, or a piece again and again.
pub(crate) enum Sent {
    Bytes(Vec<u8>),
    Endless(Vec<u8>, Vec<u8>),
}

impl Site {
    /// A site that answers each request, given whole, with bytes, and closes the connection.
    pub(crate) async fn start(answer: impl Fn(&str) -> Sent + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::new(OUTSIDE.parse().unwrap(), 0), answer).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        answer: impl Fn(&str) -> Sent + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    let request = read_request(&mut socket).await;
                    let sent = answer(&request);
                    seen.lock().unwrap().push(request);
                    match sent {
                        Sent::Bytes(bytes) => {
                            let _ = socket.write_all(&bytes).await;
                        }
                        Sent::Endless(head, piece) => {
                            let mut going = socket.write_all(&head).await;
                            while going.is_ok() {
                                going = socket.write_all(&piece).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same address by name.
    pub(crate) fn named(&self, name: &str, path: &str) -> String {
        format!("http://{name}:{}{path}", self.address.port())
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An answer with a body.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Sent {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Sent::Bytes(bytes)
}

pub(crate) fn html(body: &str) -> Sent {
    answer("200 OK", "content-type: text/html; charset=utf-8\r\n", body)
}

pub(crate) fn redirect(to: &str) -> Sent {
    answer("302 Found", &format!("location: {to}\r\n"), "")
}

/// The path and query of a request.
pub(crate) fn target(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

/// A client for which 127.0.0.2 is the internet.
pub(crate) fn client() -> GuardedClient {
    let network = format!("{OUTSIDE}/32").parse().unwrap();
    GuardedClient::new(AddressGuard::new("web.allowed_hosts").allow_networks([network]))
}

/// A name server that answers each question with the next of its answers, the last for ever.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Names {
    pub(crate) fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        self.answers.insert(name.to_owned(), answers.iter().map(parse).collect());
        self
    }

    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

#[async_trait]
impl NameResolver for Names {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let answers = self.answers.get(name);
        let answers = answers.ok_or_else(|| io::Error::other(format!("no such name: {name}")))?;
        let mut asked = self.asked.lock().unwrap();
        let count = asked.entry(name.to_owned()).or_default();
        let answer = answers.get(*count).or(answers.last()).unwrap();
        *count += 1;
        Ok(answer.clone())
    }
}
