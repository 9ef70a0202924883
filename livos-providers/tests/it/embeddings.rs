//! Embeddings over a real connection.

use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingPurpose;
use livos_providers::OpenAiEmbedder;
use livos_providers::ProviderTimeouts;
use livos_providers::configured_embedder;
use livos_providers::openai_compatible::Dialect;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::body_partial_json;
use wiremock::matchers::header;
use wiremock::matchers::path;

use crate::openai::provider;

async fn embed(answer: ResponseTemplate) -> Result<Vec<Vec<f32>>, EmbedError> {
    let server = MockServer::start().await;
    Mock::given(path("/v1/embeddings"))
        .and(header("authorization", "Bearer sk-not-a-real-key"))
        .and(body_partial_json(json!({ "model": "m", "input": ["one", "two"] })))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let embedder = OpenAiEmbedder::new(provider(&Dialect::OPENAI, &server.uri()), "m");
    assert_eq!(&**embedder.model(), "openai/m");
    let texts = ["one".to_owned(), "two".to_owned()];
    embedder.embed(&texts, EmbeddingPurpose::Document).await
}

#[tokio::test]
async fn embeddings_come_in_the_order_of_their_texts() {
    let answer = json!({ "object": "list", "data": [
        { "object": "embedding", "index": 1, "embedding": [0.0, 1.0] },
        { "object": "embedding", "index": 0, "embedding": [1.0, 0.5] },
    ] });
    let embeddings = embed(ResponseTemplate::new(200).set_body_json(answer)).await.unwrap();
    assert_eq!(embeddings, [[1.0, 0.5], [0.0, 1.0]]);
}

#[tokio::test]
async fn failures_are_told_apart_and_show_no_key() {
    let few = json!({ "data": [{ "embedding": [1.0] }] });
    let faulty = embed(ResponseTemplate::new(200).set_body_json(few)).await.unwrap_err();
    assert!(matches!(faulty, EmbedError::Faulty { .. }), "{faulty}");
    let refused = json!({ "error": { "message": "no such key sk-not-a-real-key" } });
    let refused = embed(ResponseTemplate::new(401).set_body_json(refused)).await.unwrap_err();
    assert!(matches!(refused, EmbedError::Refused { .. }), "{refused}");
    assert!(!refused.to_string().contains("sk-not-a-real-key"), "{refused}");
    let away = embed(ResponseTemplate::new(503)).await.unwrap_err();
    assert!(matches!(away, EmbedError::Unavailable { .. }), "{away}");
}

#[test]
fn a_model_is_named_with_its_service() {
    let embedder = |model: &str| {
        let lookup = |name: &str| (name == "OLLAMA_HOST").then(|| "127.0.0.1:1".to_owned());
        configured_embedder(&model.into(), lookup, ProviderTimeouts::default())
    };
    assert_eq!(&**embedder("ollama/nomic-embed-text").unwrap().model(), "ollama/nomic-embed-text");
    for model in ["nomic-embed-text", "anthropic/none"] {
        let refused = embedder(model).unwrap_err().to_string();
        assert!(refused.starts_with("memory.embedding_model: "), "{refused}");
    }
}
