//! What `server-everything` asks a person, through a LivOS server: its API, its command line.

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::PATIENCE;
use super::npm;
use crate::clients;
use crate::program::Server;

/// A LivOS server to which the servers of a test are added.
struct Livos {
    server: Server,
    client: reqwest::Client,
}

impl Livos {
    async fn start() -> Self {
        Self { server: clients::start().await, client: reqwest::Client::new() }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request =
            self.client.request(method, self.server.url(path)).bearer_auth(clients::KEY);
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null).await.1
    }

    /// Looks until something is so.
    async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let seen = self.get(path).await;
            if is_so(&seen) {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} stays {seen}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Adds a server, and has the model told of its tools.
    async fn add(&self, definition: Value) -> String {
        let (status, made) = self.call("POST", "/api/mcp/servers", &definition).await;
        assert_eq!(status, 201, "{made}");
        self.until("/api/mcp/servers/all", |shown| shown["tools"][0].is_object()).await;
        let (_, session) = self.call("POST", "/api/sessions", &json!({})).await;
        let session = session["id"].as_str().unwrap().to_owned();
        self.say(&session, r#"call the tool tool_search {"query": "elicitation"}"#).await;
        session
    }

    /// Says something, and waits until its run is over or asks somebody.
    async fn say(&self, session: &str, text: &str) -> Value {
        let path = format!("/api/sessions/{session}/messages");
        let (status, accepted) = self.call("POST", &path, &json!({"text": text})).await;
        assert_eq!(status, 202, "{accepted}");
        let run = format!("/api/runs/{}", accepted["run_id"].as_str().unwrap());
        self.until(&run, |run| !matches!(run["status"].as_str(), Some("queued" | "running"))).await
    }

    async fn question(&self) -> Value {
        let pending = self.get("/api/approvals?status=pending").await;
        pending["items"][0].clone()
    }

    /// What the tool said in the end.
    async fn told(&self, session: &str, run: &Value) -> String {
        let path = format!("/api/runs/{}", run["id"].as_str().unwrap());
        let ended =
            self.until(&path, |run| run["status"] != "waiting" && run["status"] != "running");
        assert_eq!(ended.await["status"], "completed");
        let (_, events) =
            self.call("GET", &format!("/api/sessions/{session}/events?wait=0"), &Value::Null).await;
        events.as_str().unwrap().to_owned()
    }

    /// The command line, as a person types it.
    fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_livos"));
        command.args(["--url", &self.server.url("")]).args(arguments);
        let output = command.env("LIVOS_API_KEY", clients::KEY).output().unwrap();
        let (out, err) = (output.stdout, output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&err));
        String::from_utf8(out).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_asks_over_standard_output_and_is_answered_over_the_api() {
    let livos = Livos::start().await;
    let definition =
        json!({"name": "all", "command": npm("mcp-server-everything"), "args": ["stdio"]});
    let session = livos.add(definition).await;
    let run = livos.say(&session, "call mcp__all__trigger-elicitation-request {}").await;
    assert_eq!(run["status"], "waiting", "{run}");
    let asked = livos.question().await;
    assert_eq!((&asked["run_id"], &asked["session_id"]), (&run["id"], &json!(session)));
    let text = asked["question"]["text"].as_str().unwrap();
    assert!(text.starts_with("The MCP server \"all\" asks: "), "{text}");
    let names: Vec<_> =
        asked["question"]["schema"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names[..3], ["name", "check", "firstLine"], "in the order of the server");

    let place = format!("/api/approvals/{}", asked["id"].as_str().unwrap());
    for (answer, field) in [
        (json!({}), "name"),
        (json!({"name": 7}), "/name"),
        (json!({"name": "Ann", "integer": 101}), "/integer"),
        (json!({"name": "Ann", "email": "no address"}), "/email"),
        (
            json!({"name": "Ann", "untitledSingleSelectEnum": "Gunther"}),
            "/untitledSingleSelectEnum",
        ),
        (json!("Ann"), "an object"),
    ] {
        let body = json!({"decision": "approve", "answer": answer});
        let (status, problem) = livos.call("POST", &place, &body).await;
        assert_eq!(status, 422, "{answer}: {problem}");
        assert!(problem.to_string().contains(field), "{answer}: {problem}");
    }
    let answer = json!({"name": "Ann Lee", "email": "ann@example.org", "birthdate": "2000-02-29"});
    let body = json!({"decision": "approve", "answer": answer});
    let (status, decided) = livos.call("POST", &place, &body).await;
    assert_eq!(status, 200, "{decided}");
    let (late, _) = livos.call("POST", &place, &body).await;
    assert_eq!(late, 409);
    let told = livos.told(&session, &run).await;
    for part in ["User provided", "Ann Lee", "ann@example.org", "Favorite Integer: 42"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_asks_over_http_and_is_answered_on_the_command_line() {
    let everything = Server::start_anyway(|port| {
        let mut command = Command::new(npm("mcp-server-everything"));
        command.arg("streamableHttp").env("PORT", port.to_string());
        command
    })
    .await;
    let livos = Livos::start().await;
    let session = livos.add(json!({"name": "all", "url": everything.url("/mcp")})).await;
    let run = livos.say(&session, "call mcp__all__trigger-elicitation-request {}").await;
    assert_eq!(run["status"], "waiting", "{run}");
    let listed = livos.cli(&["approvals"]);
    assert!(listed.contains("name (text, required): Your full, legal name"), "{listed}");
    let asked = livos.question().await;
    let id = asked["id"].as_str().unwrap();
    livos.cli(&["approvals", "answer", id, "name=Bob Ray", "check=yes", "number=2.5"]);
    let told = livos.told(&session, &run).await;
    for part in ["Name: Bob Ray", "Agreed to terms: true", "Favorite Number: 2.5"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }

    let run = livos.say(&session, "call mcp__all__trigger-elicitation-request {}").await;
    let asked = livos.question().await;
    livos.cli(&["approvals", "deny", asked["id"].as_str().unwrap()]);
    let told = livos.told(&session, &run).await;
    assert!(told.contains("declined to provide"), "{told}");

    // A page is offered: once as a question, once as the condition of the call.
    for (condition, pages) in [(false, 1), (true, 2)] {
        let call = json!({"url": "https://example.org/login", "errorPath": condition});
        let text = format!("call mcp__all__trigger-url-elicitation {call}");
        let run = livos.say(&session, &text).await;
        for _ in 0..pages {
            let asked = livos
                .until("/api/approvals?status=pending", |pending| pending["items"][0].is_object())
                .await["items"][0]
                .clone();
            let link = asked["question"]["link"].as_str().unwrap();
            assert!(link.starts_with("https://"), "{asked}");
            livos.cli(&["approvals", "answer", asked["id"].as_str().unwrap(), "done"]);
        }
        let told = livos.told(&session, &run).await;
        assert!(told.contains("completed the URL elicitation flow"), "{told}");
    }

    // A run that is cancelled takes its question along.
    let run = livos.say(&session, "call mcp__all__trigger-elicitation-request {}").await;
    let asked = livos.question().await;
    let path = format!("/api/runs/{}", run["id"].as_str().unwrap());
    livos.call("POST", &format!("{path}/cancel"), &json!({})).await;
    livos.until(&path, |run| run["status"] == "cancelled").await;
    let place = format!("/api/approvals/{}", asked["id"].as_str().unwrap());
    livos.until(&place, |asked| asked["status"] == "abandoned").await;
    let body = json!({"decision": "approve", "answer": {"name": "Ann"}});
    assert_eq!(livos.call("POST", &place, &body).await.0, 409);
}
