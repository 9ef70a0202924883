//! Finding a model server on this machine.

use std::time::Duration;

use livos_core::AIProvider;
use livos_providers::LocalCandidate;
use livos_providers::find_local;
use livos_providers::openai_compatible::Dialect;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::path;

use crate::raw_server::Act;
use crate::raw_server::RawServer;

/// Ample for a loopback server on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

async fn serving(models: &[&str]) -> MockServer {
    let server = MockServer::start().await;
    let data: Vec<_> = models.iter().map(|id| json!({"id": id, "object": "model"})).collect();
    let list = ResponseTemplate::new(200).set_body_json(json!({"object": "list", "data": data}));
    Mock::given(path("/v1/models")).respond_with(list).mount(&server).await;
    server
}

fn candidate(dialect: &'static Dialect, server: &MockServer) -> LocalCandidate {
    LocalCandidate::new(dialect, format!("{}/v1", server.uri()))
}

#[tokio::test]
async fn the_first_server_with_a_chat_model_is_found() {
    let embeddings = serving(&["nomic-embed-text"]).await;
    let chat = serving(&["nomic-embed-text", "qwen3:8b"]).await;
    let other = serving(&["other"]).await;
    let candidates = [
        LocalCandidate::new(&Dialect::OLLAMA, "http://127.0.0.1:1/v1"),
        LocalCandidate::new(&Dialect::OLLAMA, "no url"),
        candidate(&Dialect::OLLAMA, &embeddings),
        candidate(&Dialect::LLAMA_CPP, &chat),
        candidate(&Dialect::VLLM, &other),
    ];
    let found = find_local(&candidates, PATIENCE).await.expect("a server");
    assert_eq!(found.provider.id().as_str(), "llamacpp");
    let names: Vec<_> = found.models.iter().map(|model| model.model.as_str()).collect();
    assert_eq!(names, ["qwen3:8b"]);
}

#[tokio::test]
async fn a_page_for_people_and_a_silent_server_are_no_models() {
    let page = MockServer::start().await;
    let html = ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html");
    Mock::given(path("/v1/models")).respond_with(html).mount(&page).await;
    let silent = RawServer::start(vec![Act::Hang]).await;
    let candidates = [
        candidate(&Dialect::LLAMA_CPP, &page),
        LocalCandidate::new(&Dialect::OLLAMA, format!("{}/v1", silent.url)),
    ];
    let found = find_local(&candidates, Duration::from_millis(200)).await;
    assert!(found.is_none(), "{found:?}");
}
