//! A service with OpenAI's protocol that says every secret it was told to say, in every way it can.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// The service, and the bodies it was sent.
pub(super) struct EchoModel {
    pub(super) url: String,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl EchoModel {
    pub(super) async fn start(secrets: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, secrets.clone(), Arc::clone(&heard)));
            }
        });
        Self { url, asked }
    }
}

async fn answer(stream: TcpStream, secrets: Vec<String>, heard: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    let request: Value = serde_json::from_str(&body).unwrap();
    heard.lock().unwrap().push(body);
    let answer = match said_last(&request).as_str() {
        text if text.contains("fail") => refusal(&secrets),
        _ => stream_of(&request, &secrets),
    };
    let mut stream = stream.into_inner();
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
}

fn said_last(request: &Value) -> String {
    let messages = request["messages"].as_array().unwrap();
    let last = messages.iter().rfind(|message| message["role"] == "user");
    last.map(|message| message["content"].to_string()).unwrap_or_default()
}

/// An error that repeats everything, in its headers too.
fn refusal(secrets: &[String]) -> String {
    let all = secrets.join(" ");
    let body = json!({"error": {"type": "invalid_request_error", "code": secrets[0],
        "message": format!("who sends {all} gets nothing")}})
    .to_string();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-request-id: {all}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The first answer calls the shell, the one after its result is words; both say every secret, a few
/// letters at a time.
fn stream_of(request: &Value, secrets: &[String]) -> String {
    let last = request["messages"].as_array().unwrap().last().unwrap();
    let all = secrets.join(" and ");
    let mut out = String::from(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
    );
    let mut say = |delta: Value, end: Option<&str>| {
        let chunk = json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}]});
        write!(out, "data: {chunk}\n\n").unwrap();
    };
    let letters: Vec<char> = format!("Known: {all}; end").chars().collect();
    for piece in letters.chunks(3) {
        let piece: String = piece.iter().collect();
        say(json!({"reasoning_content": piece.clone()}), None);
        say(json!({"content": piece}), None);
    }
    let has_shell = request["tools"].to_string().contains("\"shell\"");
    if last["role"] == "user" && has_shell {
        let command =
            format!("echo '{all}'; cat planted; base64 -w0 planted; cat planted >&2; exit 3");
        let arguments = json!({ "command": command }).to_string();
        say(
            json!({"tool_calls": [{"index": 0, "id": "call-1", "type": "function",
                "function": {"name": "shell", "arguments": ""}}]}),
            None,
        );
        let letters: Vec<char> = arguments.chars().collect();
        for piece in letters.chunks(5) {
            let piece: String = piece.iter().collect();
            say(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), None);
        }
        say(json!({}), Some("tool_calls"));
    } else {
        say(json!({}), Some("stop"));
    }
    out.push_str("data: [DONE]\n\n");
    out
}
