//! How large models are, as their services tell.

use livos_core::AIProvider;
use livos_core::ModelName;
use livos_providers::OpenAiCompatible;
use livos_providers::ProviderConfig;
use livos_providers::openai_compatible::Dialect;
use serde_json::Value;
use serde_json::json;
use wiremock::Mock;
use wiremock::MockServer;
use wiremock::ResponseTemplate;
use wiremock::matchers::body_partial_json;
use wiremock::matchers::path;

use crate::raw_server::Act;
use crate::raw_server::RawServer;

async fn answers(server: &MockServer, at: &str, answer: Value, times: u64) {
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    Mock::given(path(at)).respond_with(answer).expect(times).mount(server).await;
}

fn asking(dialect: &'static Dialect, url: &str) -> OpenAiCompatible {
    let config = ProviderConfig::new(dialect.name, &format!("{url}/v1")).unwrap();
    OpenAiCompatible::new(dialect, config)
}

async fn window(provider: &OpenAiCompatible, model: &str) -> Option<u64> {
    let model = ModelName::from(model);
    provider.model_lookup().expect("the service tells").look_up(&model).await;
    provider.capabilities(&model).context_window
}

#[tokio::test]
async fn a_list_is_asked_for_once_and_a_server_of_one_model_takes_any_name() {
    let server = MockServer::start().await;
    let list = json!({"data": [{"id": "gemma", "meta": {"n_ctx": 8192, "n_ctx_train": 32768}}]});
    answers(&server, "/v1/models", list, 2).await;
    let provider = asking(&Dialect::LLAMA_CPP, &server.uri());
    let unasked = provider.capabilities(&ModelName::from("gemma"));
    assert_eq!(unasked.context_window, None, "nothing is asked before it is needed");
    let runs = (0..8).map(|_| window(&provider, "gemma"));
    assert_eq!(futures::future::join_all(runs).await, [Some(8_192); 8]);
    assert_eq!(window(&provider, "default").await, Some(8_192));
}

#[tokio::test]
async fn of_several_models_only_the_one_that_is_asked_counts() {
    let server = MockServer::start().await;
    let list = json!({"data": [
        {"id": "a", "max_model_len": 1000},
        {"id": "b", "max_model_len": 2000, "max_completion_tokens": 500},
    ]});
    answers(&server, "/v1/models", list, 2).await;
    let provider = asking(&Dialect::VLLM, &server.uri());
    assert_eq!(window(&provider, "b").await, Some(2_000));
    let able = provider.capabilities(&ModelName::from("b"));
    assert_eq!(able.max_output_tokens, Some(500));
    assert_eq!(window(&provider, "default").await, None);
}

#[tokio::test]
async fn an_older_llama_cpp_tells_what_it_was_started_with_elsewhere() {
    let server = MockServer::start().await;
    let list = json!({"data": [{"id": "gemma", "meta": {"n_ctx_train": 32768}}]});
    answers(&server, "/v1/models", list, 1).await;
    let props = json!({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1});
    answers(&server, "/props", props, 1).await;
    assert_eq!(window(&asking(&Dialect::LLAMA_CPP, &server.uri()), "gemma").await, Some(4_096));
}

#[tokio::test]
async fn ollama_tells_what_it_gave_a_loaded_model() {
    let server = MockServer::start().await;
    let running = json!({"models": [
        {"name": "other:latest", "context_length": 1024},
        {"name": "qwen3:latest", "context_length": 32768},
    ]});
    answers(&server, "/api/ps", running, 1).await;
    let provider = asking(&Dialect::OLLAMA, &server.uri());
    assert_eq!(window(&provider, "qwen3").await, Some(32_768));
    assert_eq!(window(&provider, "qwen3").await, Some(32_768), "without asking again");
}

#[tokio::test]
async fn a_model_that_ollama_did_not_load_yet_is_as_its_file_says_and_asked_about_again() {
    for (shown, expected) in [
        (json!({"parameters": "stop \"<|im_end|>\"\nnum_ctx   16384"}), 16_384),
        (json!({"model_info": {"qwen3.context_length": 40960, "qwen3.block_count": 28}}), 4_096),
        (json!({"model_info": {"bert.context_length": 512}}), 512),
        (json!({}), 4_096),
    ] {
        let server = MockServer::start().await;
        answers(&server, "/api/ps", json!({"models": []}), 2).await;
        Mock::given(path("/api/show"))
            .and(body_partial_json(json!({"model": "qwen3"})))
            .respond_with(ResponseTemplate::new(200).set_body_json(&shown))
            .expect(2)
            .mount(&server)
            .await;
        let provider = asking(&Dialect::OLLAMA, &server.uri());
        assert_eq!(window(&provider, "qwen3").await, Some(expected), "{shown}");
        assert_eq!(window(&provider, "qwen3").await, Some(expected), "{shown}");
    }
}

#[tokio::test]
async fn who_does_not_tell_is_left_alone_and_nothing_is_lost() {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(404).set_body_string("no such page");
    Mock::given(path("/v1/models")).respond_with(refusal).expect(1).mount(&server).await;
    let provider = asking(&Dialect::GENERIC, &server.uri());
    assert_eq!(window(&provider, "m").await, None);
    assert_eq!(window(&provider, "m").await, None);
}

#[tokio::test]
async fn a_run_does_not_wait_for_a_silent_service() {
    let silent = RawServer::start(vec![Act::Hang]).await;
    let provider = asking(&Dialect::LLAMA_CPP, &silent.url);
    let began = std::time::Instant::now();
    assert_eq!(window(&provider, "m").await, None);
    assert!(began.elapsed().as_secs() < 10, "waited {:?}", began.elapsed());
}

#[tokio::test]
async fn models_of_the_catalogue_and_services_that_tell_nothing_are_not_asked() {
    let server = MockServer::start().await;
    answers(&server, "/v1/models", json!({"data": []}), 0).await;
    let groq = asking(&Dialect::GROQ, &server.uri());
    assert!(window(&groq, "openai/gpt-oss-20b").await.is_some());
    assert!(asking(&Dialect::OPENAI, &server.uri()).model_lookup().is_none());
}
