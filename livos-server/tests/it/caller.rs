//! A client of a server that is a process.

use std::path::Path;
use std::time::Duration;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::process::Process;
use crate::test_server::Events;
use crate::test_server::PATIENCE;

/// Calls a server with the key of its home.
#[derive(Clone)]
pub(crate) struct Caller {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Caller {
    pub(crate) fn new(server: &Process, home: &Path) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let key = std::fs::read_to_string(home.join("api.key")).unwrap().trim().to_owned();
        Self { client, url: server.url().to_owned(), key }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.key).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, body).await.1
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, &Value::Null).await.1
    }

    /// The path of a new session.
    pub(crate) async fn session(&self) -> String {
        let session = self.post("/api/sessions", &json!({})).await;
        format!("/api/sessions/{}", session["id"].as_str().unwrap_or_else(|| panic!("{session}")))
    }

    /// Says something, and gives the id of the run that is acknowledged.
    pub(crate) async fn say(&self, session: &str, text: &str) -> String {
        let answer = self.post(&format!("{session}/messages"), &json!({"text": text})).await;
        answer["run_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The events of a session after a number.
    pub(crate) async fn events(&self, session: &str, query: &str) -> Events {
        let request = self.client.get(format!("{}{session}/events{query}", self.url));
        let response = request.bearer_auth(&self.key).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events::of(response.bytes_stream().eventsource().boxed())
    }

    /// Waits until a run stands as it should.
    pub(crate) async fn run_is(&self, run: &str, status: &str) -> Value {
        let looked = async {
            loop {
                let found = self.get(&format!("/api/runs/{run}")).await;
                if found["status"] == status {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, looked).await;
        found.unwrap_or_else(|_| panic!("run {run} is not {status} in time"))
    }

    /// How `/readyz` answers, and what it says is failing.
    pub(crate) async fn readiness(&self) -> (u16, Vec<String>) {
        let (status, ready) = self.call(Method::GET, "/readyz", &Value::Null).await;
        let checks = ready["checks"].as_array().unwrap_or_else(|| panic!("{ready}")).iter();
        let failing = checks.filter(|check| check["status"] == "failing");
        let told = failing.map(|check| {
            format!("{}: {}", check["name"].as_str().unwrap(), check["message"].as_str().unwrap())
        });
        (status, told.collect())
    }

    /// Waits until the server says that it is ready.
    pub(crate) async fn is_ready(&self) {
        let ready = async {
            while self.readiness().await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("the server is ready in time");
    }

    /// A number that the server counts.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let Value::String(page) = self.get("/metrics").await else { panic!("no text") };
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name}: {page}")).parse().unwrap()
    }
}
