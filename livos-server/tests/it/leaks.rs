//! Secrets planted everywhere, and looked for in everything that leaves the server.

mod echo_model;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use futures::StreamExt;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinHandle;

use self::echo_model::EchoModel;
use crate::process;
use crate::process::Process;

const PROVIDER_KEY: &str = "prov-5b1f0a77/key+one";
const API_KEY: &str = "api-9c22e1-of-the-server";
const MCP_TOKEN: &str = "mcp-77d0c4 with \"quotes\"";
const SEALED: &str = "seal-31ab98-and-more";
const SEALED_KEY: &str = "groq-e02f-sealed-key";
const PATIENCE: Duration = Duration::from_secs(30);

fn all() -> Vec<String> {
    [PROVIDER_KEY, API_KEY, MCP_TOKEN, SEALED, SEALED_KEY].map(str::to_owned).to_vec()
}

/// Fails when a secret is in the bytes, plain or as programs write it.
fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in all() {
        let escaped = serde_json::to_string(&secret).unwrap();
        let forms = [
            secret.clone(),
            escaped.trim_matches('"').to_owned(),
            base64::engine::general_purpose::STANDARD.encode(&secret),
            form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        ];
        for form in forms {
            let place = text.find(&form);
            let around = place.map(|place| {
                let start = text.floor_char_boundary(place.saturating_sub(200));
                let end = text.ceil_char_boundary((place + 200).min(text.len()));
                text[start..end].to_owned()
            });
            assert_eq!(around, None, "{what} shows {form}");
        }
    }
}

struct Session {
    server: Process,
    client: reqwest::Client,
}

impl Session {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server.url())).bearer_auth(API_KEY)
    }

    async fn get(&self, path: &str) -> String {
        self.request(Method::GET, path).send().await.unwrap().text().await.unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, String) {
        let request = self.request(method, path).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Reads events as they come until a run is over.
    async fn watch(&self, session: &str, after: usize) -> JoinHandle<String> {
        let path = format!("{session}/events?after={after}");
        let watching = self.request(Method::GET, &path).send().await.unwrap();
        let mut pieces = watching.bytes_stream();
        tokio::spawn(async move {
            let mut seen = String::new();
            while !seen.contains("event: run_finished") || !seen.ends_with("\n\n") {
                let piece = tokio::time::timeout(PATIENCE, pieces.next()).await;
                let piece = piece.expect("the runs end").unwrap().unwrap();
                seen.push_str(std::str::from_utf8(&piece).unwrap());
            }
            seen
        })
    }
}

/// All pieces of one kind, put together again.
fn joined(events: &str, kind: &str, field: &str) -> String {
    let events = events.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let events = events.filter(|event| event["type"] == kind);
    events.map(|event| event[field].as_str().unwrap().to_owned()).collect()
}

async fn livos(home: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livos"));
    process::prepare(&mut command, home);
    command.args(arguments);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    [output.stdout, output.stderr].concat()
}

async fn start(home: &Path, model: &EchoModel, logs: &Path) -> Session {
    let mut command = process::command(home);
    command
        .env("OPENAI_API_KEY", PROVIDER_KEY)
        .env("OPENAI_BASE_URL", &model.url)
        .env("OPENAI_MODEL", "m")
        .env("FILES_MCP_TOKEN", MCP_TOKEN)
        .env("LIVOS_AGENT_SHELL", "on")
        .env("LIVOS_APPROVALS_POLICY", "never")
        .env("LIVOS_AGENT_SYSTEM_PROMPT", format!("Nobody may know {MCP_TOKEN}."))
        .env("LIVOS_LOG", "trace")
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .stderr(Stdio::from(File::options().append(true).create(true).open(logs).unwrap()));
    let server = process::started(command).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Session { server, client }
}

/// Lets a whole session happen, and collects everything that it shows.
async fn outputs(session: &Session, home: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut out: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let made = session.send(Method::POST, "/api/sessions", &json!({"title": SEALED})).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let id = serde_json::from_str::<Value>(&made.1).unwrap()["id"].as_str().unwrap().to_owned();
    out.push(("a title", made.1.into()));
    let path = format!("/api/sessions/{id}");
    let (mut run_id, mut events) = (String::new(), String::new());
    for text in [format!("say {SEALED} and {MCP_TOKEN}"), format!("fail with {SEALED}")] {
        let watching = session.watch(&path, events.matches("\nid: ").count()).await;
        let (status, answer) =
            session.send(Method::POST, &format!("{path}/messages"), &json!({"text": text})).await;
        assert_eq!(status, 202, "{answer}");
        let accepted: Value = serde_json::from_str(&answer).unwrap();
        accepted["run_id"].as_str().unwrap().clone_into(&mut run_id);
        let seen = tokio::time::timeout(PATIENCE, watching).await.expect("the run ends");
        events.push('\n');
        events.push_str(&seen.unwrap());
    }
    assert!(events.contains("tool_finished") && events.contains("\"failed\""), "{events}");
    for (kind, field) in
        [("text_delta", "text"), ("thinking_delta", "text"), ("tool_call_delta", "partial_json")]
    {
        let pieces = joined(&events, kind, field);
        assert!(pieces.contains("[secret SEALED]"), "{kind}: {pieces}");
        out.push((kind, pieces.into()));
    }
    out.push(("events", events.into()));
    let chat = json!({"model": "default", "stream": true,
        "messages": [{"role": "user", "content": format!("say {SEALED}")}]});
    let (status, chat) = session.send(Method::POST, "/v1/chat/completions", &chat).await;
    assert_eq!(status, 200, "{chat}");
    let said = chat.lines().filter_map(|line| line.strip_prefix("data: "));
    let said = said.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let said: String = said
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(said.contains("[secret"), "{said}");
    out.push(("chat completions, joined", said.into()));
    out.push(("chat completions", chat.into()));
    kept_for_later(session, &mut out).await;
    let recording = format!("/api/runs/{run_id}/recording");
    let (export, search) = (format!("{path}/export"), format!("/api/sessions?q={SEALED}"));
    let unknown = format!("/api/{SEALED_KEY}");
    for (what, path) in [
        ("history", format!("{path}/messages")),
        ("journal", format!("{path}/events?wait=0")),
        ("export", export),
        ("recording", recording),
        ("search", search),
        ("runs", "/api/runs".into()),
        ("metrics", "/metrics".into()),
        ("status", "/api/status".into()),
        ("readiness", "/readyz".into()),
        ("providers", "/api/providers".into()),
        ("secrets", "/api/secrets".into()),
        ("usage", "/api/usage?group_by=model,provider".into()),
        ("a path that is none", unknown),
    ] {
        out.push((what, session.get(&path).await.into()));
    }
    let odd = session.send(Method::POST, "/api/sessions", &json!({SEALED: 1})).await;
    assert_eq!(odd.0, 422, "{}", odd.1);
    out.push(("a problem", odd.1.into()));
    let problem = session.send(Method::PUT, "/api/secrets/SEALED", &json!({"value": 7})).await;
    out.push(("another problem", problem.1.into()));
    out.push(("doctor", livos(home, &["doctor"]).await));
    out.push(("livos secrets", livos(home, &["secrets", "list"]).await));
    out.push(("livos sessions", livos(home, &["sessions", "list"]).await));
    let copy = home.join("copy.db");
    out.push(("livos backup", livos(home, &["backup", copy.to_str().unwrap()]).await));
    out.push(("a backup", std::fs::read(copy).unwrap()));
    out
}

/// What is told now and used later: agents with a name, schedules, tasks and memories.
async fn kept_for_later(session: &Session, out: &mut Vec<(&'static str, Vec<u8>)>) {
    let text = format!("say {SEALED} and {MCP_TOKEN}");
    let schedule =
        json!({"title": text, "task": text, "recurrence": {"kind": "every", "seconds": 3600}});
    let agent = json!({"id": "clerk", "description": text, "instructions": text});
    for (what, path, body) in [
        ("a schedule", "/api/schedules", schedule),
        ("an agent", "/api/subagents", agent),
        ("a task", "/api/tasks", json!({"tasks": [text]})),
    ] {
        let (status, answer) = session.send(Method::POST, path, &body).await;
        // The second process finds the agent of the first.
        assert!(matches!(status, 201 | 202 | 409), "{what}: {status} {answer}");
        out.push((what, answer.into()));
        let all = session.get(path).await;
        // A list of tasks does not tell their texts; the store does, and is looked through as well.
        assert!(what == "a task" || all.contains("[secret SEALED]"), "{what}: {all}");
        out.push((what, all.into()));
    }
    let (status, answer) =
        session.send(Method::POST, "/api/memories", &json!({ "text": text })).await;
    assert_eq!(status, 422, "{answer}");
    out.push(("a memory", answer.into()));
    out.push(("memories", session.get("/api/memories").await.into()));
}

#[tokio::test]
async fn no_planted_secret_is_in_anything_that_leaves() {
    let home = tempfile::tempdir().unwrap();
    let logs = home.path().join("log");
    let model = EchoModel::start(all()).await;
    std::fs::write(home.path().join("api.key"), API_KEY).unwrap();
    std::fs::create_dir(home.path().join("workspace")).unwrap();
    std::fs::write(home.path().join("workspace/planted"), all().join("\n")).unwrap();
    let session = start(home.path(), &model, &logs).await;
    for (name, value) in [("SEALED", SEALED), ("GROQ_API_KEY", SEALED_KEY)] {
        let path = format!("/api/secrets/{name}");
        let (status, text) = session.send(Method::PUT, &path, &json!({ "value": value })).await;
        assert_eq!((status, text.as_str()), (204, ""));
    }
    let mut out = outputs(&session, home.path()).await;
    // The next process knows the sealed ones from the store, and takes the provider's key from there.
    session.server.signal(Signal::SIGTERM).await;
    let session = start(home.path(), &model, &logs).await;
    assert!(session.get("/api/providers").await.contains("groq"));
    out.extend(outputs(&session, home.path()).await);
    session.server.signal(Signal::SIGKILL).await;
    let prompts = model.asked.lock().unwrap().join("\n");
    assert!(prompts.contains("[secret FILES_MCP_TOKEN]"), "{prompts}");
    out.push(("prompts", prompts.into()));
    let log = std::fs::read(&logs).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("TRACE"));
    out.push(("logs", log));
    for file in ["livos.db", "livos.db-wal"] {
        let bytes = std::fs::read(home.path().join(file)).unwrap_or_default();
        out.push(("the store", bytes));
    }
    for (what, bytes) in &out {
        assert_clean(what, bytes);
    }
    let shown = out.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>();
    for name in ["OPENAI_API_KEY", "LIVOS_API_KEY", "FILES_MCP_TOKEN", "SEALED", "GROQ_API_KEY"] {
        assert!(shown.contains(&format!("[secret {name}]")), "{name} was said and taken out");
    }
}
