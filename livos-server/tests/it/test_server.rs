//! A server on a port of its own, and a client for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventsource_stream::Event;
use eventsource_stream::EventStreamError;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use futures::stream::BoxStream;
use livos_core::AIProvider;
use livos_core::ProviderManager;
use livos_core::ResourceGate;
use livos_core::RetryPolicy;
use livos_core::Tiers;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_server::Config;
use livos_server::Environment;
use livos_server::Launcher;
use livos_server::Models;
use livos_server::ServeFlags;
use livos_server::Server;
use livos_server::ServerBuilder;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

pub(crate) const KEY: &str = "test-key-0123456789";
/// Longer than anything should take, so that a test that hangs says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct TestServer {
    server: Server,
    client: reqwest::Client,
    home: Option<TempDir>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The name of the problem, after `urn:livos:problem:`.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let name = self.json()["type"].as_str().unwrap().to_owned();
        name.strip_prefix("urn:livos:problem:").unwrap().to_owned()
    }
}

/// One provider as a manager that asks it once.
pub(crate) fn models(provider: impl AIProvider) -> Models {
    let tiers = Tiers::single("m");
    Models::new(
        ProviderManager::builder().provider(provider, tiers).retry(RetryPolicy::none()).build(),
    )
}

pub(crate) fn scripted(scripts: impl IntoIterator<Item = Script>) -> Models {
    models(ScriptedProvider::new("scripted", scripts))
}

impl TestServer {
    /// A server with a model that says hello once.
    pub(crate) async fn start() -> Self {
        Self::with(scripted([Script::text("Hello.")]), &[]).await
    }

    pub(crate) async fn with(models: Models, variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut server = Self::in_home(home.path(), models, variables).await;
        server.home = Some(home);
        server
    }

    pub(crate) async fn in_home(home: &Path, models: Models, variables: &[(&str, &str)]) -> Self {
        Self::of(Self::builder(home, variables).models(models)).await
    }

    /// A server whose work in the background begins when this gate says so.
    pub(crate) async fn gated(models: Models, gate: Arc<dyn ResourceGate>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let builder = Self::builder(home.path(), &[]).models(models).resource_gate(gate);
        Self { home: Some(home), ..Self::of(builder).await }
    }

    fn builder(home: &Path, variables: &[(&str, &str)]) -> ServerBuilder {
        let usual = [
            ("LIVOS_HOME", home.to_str().unwrap()),
            ("LIVOS_LISTEN", "127.0.0.1:0"),
            ("LIVOS_API_KEY", KEY),
            ("LIVOS_STORE", "memory:"),
        ];
        let environment: Environment = usual.into_iter().chain(variables.iter().copied()).collect();
        let config = Config::load(ServeFlags::default(), &environment).unwrap();
        let launcher = Launcher::of_program(env!("CARGO_BIN_EXE_livos-server"));
        Server::builder(config).launcher(launcher)
    }

    async fn of(builder: ServerBuilder) -> Self {
        let server = builder.start().await.unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self { server, client, home: None }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// A request without any credentials.
    pub(crate) fn bare(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.bare(Method::GET, path).bearer_auth(KEY)).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.bare(method, path).bearer_auth(KEY);
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    /// The path of a new session.
    pub(crate) async fn session(&self) -> String {
        let answer = self.post("/api/sessions", &json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        format!("/api/sessions/{}", answer.json()["id"].as_str().unwrap())
    }

    /// Says something, and gives the run's id.
    pub(crate) async fn say(&self, session: &str, text: &str) -> String {
        self.say_with(session, &json!({"text": text})).await.0
    }

    pub(crate) async fn say_with(&self, session: &str, message: &Value) -> (String, u64) {
        let answer = self.post(&format!("{session}/messages"), message).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let body = answer.json();
        (body["run_id"].as_str().unwrap().to_owned(), body["seq"].as_u64().unwrap())
    }

    /// The events of a session after a number.
    pub(crate) async fn events(&self, session: &str, query: &str) -> Events {
        let request = self.bare(Method::GET, &format!("{session}/events{query}")).bearer_auth(KEY);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events::of(response.bytes_stream().eventsource().boxed())
    }

    /// Waits for the end of a run, and gives its `run_finished`.
    pub(crate) async fn finished(&self, session: &str, run: &str) -> Value {
        let mut events = self.events(session, "").await;
        loop {
            let event = events.next().await.expect("the run ends");
            if event["type"] == "run_finished" && event["run_id"] == run {
                return event;
            }
        }
    }

    pub(crate) fn login_url(&self) -> Option<&str> {
        self.server.login_url()
    }

    pub(crate) async fn stop(self) {
        tokio::time::timeout(PATIENCE, self.server.stop()).await.expect("the server stops");
    }
}

/// Server-sent events as AgentEvents.
pub(crate) struct Events(BoxStream<'static, Value>);

impl Events {
    pub(crate) fn of(
        events: BoxStream<'static, Result<Event, EventStreamError<reqwest::Error>>>,
    ) -> Self {
        let events = events.map(|event| {
            let event = event.unwrap();
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(data["type"], event.event.as_str());
            if let Some(seq) = data["seq"].as_u64() {
                assert_eq!(event.id, seq.to_string());
            }
            data
        });
        Self(events.boxed())
    }

    pub(crate) async fn next(&mut self) -> Option<Value> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("an event comes in time")
    }

    /// Everything until the stream ends, in short.
    pub(crate) async fn rest(mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            seen.push(brief(&event));
        }
        seen
    }

    /// Reads until an event, which is the last one given.
    pub(crate) async fn until(&mut self, brief_end: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last: &String| last != brief_end) {
            let event = self.next().await;
            seen.push(brief(&event.unwrap_or_else(|| panic!("the stream ended after {seen:?}"))));
        }
        seen
    }
}

/// `7:turn_started`, or `7+text` for a delta after entry 7.
pub(crate) fn brief(event: &Value) -> String {
    match (event["seq"].as_u64(), event["after"].as_u64()) {
        (Some(seq), None) => format!("{seq}:{}", event["type"].as_str().unwrap()),
        (None, Some(after)) => format!("{after}+{}", event["text"].as_str().unwrap_or("?")),
        other => panic!("seq and after: {other:?}"),
    }
}
