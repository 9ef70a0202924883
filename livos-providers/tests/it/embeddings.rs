//! Embeddings over a real connection.

use livos_core::EmbedError;
use livos_core::Embedder;
use livos_core::EmbeddingFault;
use livos_core::EmbeddingPurpose;
use livos_core::Embeddings;
use livos_core::MicroUsd;
use livos_providers::Gemini;
use livos_providers::GeminiEmbedder;
use livos_providers::OpenAiEmbedder;
use livos_providers::ProviderConfig;
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

async fn embed(answer: ResponseTemplate) -> Result<Embeddings, EmbedError> {
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
    assert_eq!(embeddings.values, [[1.0, 0.5], [0.0, 1.0]]);
    // Nothing told, so estimated; and of a model without a price.
    assert_eq!((embeddings.usage.input_tokens, embeddings.cost), (2, None));
}

#[tokio::test]
async fn what_embeddings_took_is_told_with_its_price() {
    let server = MockServer::start().await;
    let answer = json!({ "data": [{ "embedding": [1.0] }], "usage": { "prompt_tokens": 5_000 } });
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    Mock::given(path("/v1/embeddings")).respond_with(answer).mount(&server).await;
    let service = provider(&Dialect::OPENAI, &server.uri());
    let embedder = OpenAiEmbedder::new(service, "text-embedding-3-small");
    let took = embedder.embed(&["one".to_owned()], EmbeddingPurpose::Query).await.unwrap();
    assert_eq!((took.usage.input_tokens, took.cost), (5_000, Some(MicroUsd(100))));
}

/// Each text of a Gemini request, with what it is for.
fn gemini_parts(body: &[u8]) -> Vec<(String, String)> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    let requests = body["requests"].as_array().unwrap().iter();
    let part = |request: &serde_json::Value| {
        assert_eq!(request["model"], "models/gemini-embedding-001");
        let text = request["content"]["parts"][0]["text"].as_str().unwrap();
        (text.to_owned(), request["taskType"].as_str().unwrap().to_owned())
    };
    requests.map(part).collect()
}

#[tokio::test]
async fn gemini_embeds_many_at_once_and_knows_questions_from_answers() {
    let server = MockServer::start().await;
    let answer = |request: &wiremock::Request| {
        let values = |text: &(String, String)| json!({ "values": [text.0.len(), 1.0] });
        let embeddings: Vec<_> = gemini_parts(&request.body).iter().map(values).collect();
        let usage = json!({ "promptTokenCount": 10 });
        let answer = json!({ "embeddings": embeddings, "usageMetadata": usage });
        ResponseTemplate::new(200).set_body_json(answer)
    };
    Mock::given(path("/v1beta/models/gemini-embedding-001:batchEmbedContents"))
        .and(header("x-goog-api-key", "AIza-not-a-real-key"))
        .respond_with(answer)
        .expect(3)
        .mount(&server)
        .await;
    let config = ProviderConfig::new("gemini", &server.uri()).unwrap();
    let config = config.with_api_key("AIza-not-a-real-key").unwrap();
    let embedder = GeminiEmbedder::new(Gemini::new(config), "gemini-embedding-001");
    assert_eq!(&**embedder.model(), "gemini/gemini-embedding-001");
    let texts: Vec<String> = (1..=70).map(|length| "x".repeat(length)).collect();
    let all = embedder.embed(&texts, EmbeddingPurpose::Document).await.unwrap();
    let lengths: Vec<f32> = all.values.iter().map(|values| values[0]).collect();
    assert!((1_u8..=70).map(f32::from).eq(lengths));
    assert_eq!((all.usage.input_tokens, all.cost), (20, Some(MicroUsd(3))));
    embedder.embed(&["where?".to_owned()], EmbeddingPurpose::Query).await.unwrap();
    let asked = server.received_requests().await.unwrap();
    let purpose = |place: usize| gemini_parts(&asked[place].body)[0].1.clone();
    assert_eq!((purpose(0), purpose(2)), ("RETRIEVAL_DOCUMENT".into(), "RETRIEVAL_QUERY".into()));
}

#[tokio::test]
async fn gemini_that_refuses_or_forgets_one_is_told_apart() {
    let embed = async |answer: ResponseTemplate| {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::method("POST")).respond_with(answer).mount(&server).await;
        let config = ProviderConfig::new("gemini", &server.uri()).unwrap();
        let config = config.with_api_key("AIza-not-a-real-key").unwrap();
        let embedder = GeminiEmbedder::new(Gemini::new(config), "gemini-embedding-2");
        let texts = ["one".to_owned(), "two".to_owned()];
        embedder.embed(&texts, EmbeddingPurpose::Query).await.unwrap_err()
    };
    let few =
        ResponseTemplate::new(200).set_body_json(json!({ "embeddings": [{ "values": [1] }] }));
    let faulty = embed(few).await.to_string();
    assert!(faulty.ends_with("gave something else: 1 came for 2 texts"), "{faulty}");
    let error = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT",
        "message": "API key AIza-not-a-real-key not valid" } });
    let refused = embed(ResponseTemplate::new(400).set_body_json(error)).await;
    assert!(matches!(refused, EmbedError::Refused { .. }), "{refused}");
    assert!(!refused.to_string().contains("AIza-not-a-real-key"), "{refused}");
}

#[tokio::test]
async fn what_is_no_number_is_no_embedding() {
    for values in ["[1.0, NaN]", "[1.0, null]", "\"AAAA\""] {
        let body = format!("{{\"data\":[{{\"embedding\":{values}}},{{\"embedding\":[1]}}]}}");
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        let faulty = embed(answer).await.unwrap_err();
        let EmbedError::Faulty { fault: EmbeddingFault::Unreadable { .. }, .. } = faulty else {
            panic!("{values}: {faulty}")
        };
    }
    let twice = json!({ "data": [
        { "index": 1, "embedding": [1.0] }, { "index": 1, "embedding": [2.0] },
    ] });
    let faulty = embed(ResponseTemplate::new(200).set_body_json(twice)).await.unwrap_err();
    assert!(matches!(faulty, EmbedError::Faulty { .. }), "{faulty}");
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
    for model in ["ollama/nomic-embed-text", "gemini/gemini-embedding-001"] {
        assert_eq!(&**embedder(model).unwrap().model(), model);
    }
    for model in ["nomic-embed-text", "anthropic/none"] {
        let refused = embedder(model).unwrap_err().to_string();
        assert!(refused.starts_with("memory.embedding_model: "), "{refused}");
    }
}
