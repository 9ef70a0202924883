//! The OpenAI-compatible door.

use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ToolChoice;
use livos_core::Usage;
use livos_core::testing::Script;
use serde_json::Value;
use serde_json::json;

use crate::gated_provider::GatedProvider;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

const PATH: &str = "/v1/chat/completions";

fn question() -> Value {
    json!({"model": "scripted/m", "messages": [{"role": "user", "content": "hi"}]})
}

/// Blanks what differs from call to call.
fn steady(mut object: Value) -> Value {
    assert!(object["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(object["created"].as_i64().unwrap() > 1_700_000_000);
    object["id"] = json!("[id]");
    object["created"] = json!(0);
    object
}

/// The chunks of a streamed answer, and whether it ended as it should.
fn chunks(text: &str) -> (Vec<Value>, bool) {
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let is_done = data.last() == Some(&"[DONE]");
    let chunks = data.iter().filter(|data| **data != "[DONE]");
    (chunks.map(|data| serde_json::from_str(data).unwrap()).collect(), is_done)
}

#[tokio::test]
async fn a_whole_answer_has_text_reasoning_and_usage() {
    let usage =
        Usage { input_tokens: 10, output_tokens: 5, cache_read_tokens: 3, ..Usage::default() };
    let script = Script::new().think("Hm.").say("Hello.").usage(usage);
    let server = TestServer::with(scripted([script]), &[]).await;
    let answer = server.post(PATH, &question()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(steady(answer.json()));
}

#[tokio::test]
async fn a_streamed_answer_ends_with_usage_and_done() {
    let script = Script::new().say("Hel").say("lo.").usage(Usage {
        input_tokens: 10,
        output_tokens: 5,
        ..Usage::default()
    });
    let server = TestServer::with(scripted([script]), &[]).await;
    let mut body = question();
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let answer = server.post(PATH, &body).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let (chunks, is_done) = chunks(&answer.text);
    assert!(is_done, "{}", answer.text);
    insta::assert_json_snapshot!(chunks.into_iter().map(steady).collect::<Vec<_>>());
}

#[tokio::test]
async fn tools_go_to_the_model_and_its_calls_come_back() {
    let calls = || Script::tool("c1", "weather", json!({"city": "Rome"}));
    let server = TestServer::with(scripted([calls(), calls()]), &[]).await;
    let mut body = question();
    body["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    let message = server.post(PATH, &body).await.json()["choices"][0].clone();
    assert_eq!(message["finish_reason"], "tool_calls");
    let call = json!({"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}});
    assert_eq!(message["message"]["tool_calls"], json!([call]));
    body["stream"] = json!(true);
    let (chunks, is_done) = chunks(&server.post(PATH, &body).await.text);
    assert!(is_done);
    let pieces: Vec<&Value> =
        chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0")).collect();
    assert_eq!(
        (&pieces[0]["id"], &pieces[0]["function"]["name"]),
        (&json!("c1"), &json!("weather"))
    );
    let arguments: String =
        pieces.iter().map(|piece| piece["function"]["arguments"].as_str().unwrap()).collect();
    assert_eq!(arguments, "{\"city\":\"Rome\"}");
}

#[tokio::test]
async fn what_the_client_asks_for_reaches_the_model() {
    let (provider, mut opened) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let body = json!({
        "model": "default",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "t"}}],
        "tool_choice": "required",
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "stop": "END",
    });
    let (answer, request) = tokio::join!(server.post(PATH, &body), async {
        let mut call = opened.recv().await.unwrap();
        let request = call.request.clone();
        call.say("ok");
        call.finish();
        request
    });
    assert_eq!(answer.json()["model"], "gated/m");
    assert_eq!(request.system.as_deref(), Some("Be brief."));
    assert_eq!((request.max_output_tokens, request.temperature), (Some(7), Some(0.5)));
    assert_eq!(
        (request.stop_sequences, request.tool_choice),
        (vec!["END".to_owned()], ToolChoice::Required)
    );
}

#[tokio::test]
async fn errors_have_openais_shape() {
    let failure = || ProviderFailure::new("scripted", "no");
    let scripts = [
        Script::refused(ProviderError::RateLimited(
            failure().with_retry_after(std::time::Duration::from_secs(7)),
        )),
        Script::refused(ProviderError::InvalidRequest(failure())),
        Script::refused(ProviderError::Authentication(failure())),
        Script::refused(ProviderError::ContextTooLong(failure())),
    ];
    let server = TestServer::with(scripted(scripts), &[]).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = server.post(PATH, &question()).await;
        seen.push((answer.status, answer.json()["error"]["type"].clone()));
    }
    let expected = [
        (429, json!("rate_limit_error")),
        (400, json!("invalid_request_error")),
        (502, json!("server_error")),
        (400, json!("invalid_request_error")),
    ];
    assert_eq!(seen, expected);
    let unknown = server
        .post(PATH, &json!({"model": "nobody/x", "messages": [{"role": "user", "content": "x"}]}))
        .await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("not_found")));
    let empty = server.post(PATH, &json!({"model": "m", "messages": []})).await;
    assert_eq!((empty.status, &empty.json()["error"]["param"]), (400, &json!("messages")));
    let nowhere = server.get("/v1/nowhere").await;
    assert_eq!(
        (nowhere.status, &nowhere.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    let no_key = server.send(server.bare(reqwest::Method::GET, "/v1/models")).await;
    assert_eq!(
        (no_key.status, &no_key.json()["error"]["type"]),
        (401, &json!("authentication_error"))
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_no_done() {
    let broken = ProviderError::InterruptedStream(ProviderFailure::new("scripted", "gone"));
    let server =
        TestServer::with(scripted([Script::new().say("half").then_fail(broken)]), &[]).await;
    let mut body = question();
    body["stream"] = json!(true);
    let answer = server.post(PATH, &body).await;
    let (chunks, is_done) = chunks(&answer.text);
    assert!(!is_done);
    assert_eq!(chunks.last().unwrap()["error"]["type"], "server_error", "{}", answer.text);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_model_call() {
    let (provider, mut opened) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let mut body = question();
    body["model"] = json!("gated/m");
    body["stream"] = json!(true);
    let request = server
        .bare(reqwest::Method::POST, PATH)
        .bearer_auth(crate::test_server::KEY)
        .header("content-type", "application/json")
        .body(body.to_string());
    let response = request.send().await.unwrap();
    let call = opened.recv().await.unwrap();
    drop(response);
    tokio::time::timeout(crate::test_server::PATIENCE, call.hung_up()).await.unwrap();
}

#[tokio::test]
async fn models_are_listed() {
    let server = TestServer::start().await;
    insta::assert_json_snapshot!(server.get("/v1/models").await.json());
}
