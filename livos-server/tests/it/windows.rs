//! How large a model is that is in no catalogue: as its server tells, or as somebody set it.

use std::sync::Arc;
use std::sync::Mutex;

use livos_core::ProviderManager;
use livos_server::Models;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::peer;
use crate::peer::Peer;
use crate::test_server::TestServer;

/// A server of one model, as llama.cpp's is, and what it was asked.
struct LocalModel {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl LocalModel {
    async fn start(window: u64) -> Self {
        let peer = Peer::start().await;
        let url = format!("{}/v1", peer.url());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (heard, mut serving) = (Arc::clone(&asked), JoinSet::new());
        serving.spawn(async move {
            loop {
                let (socket, request) = peer.asked_whenever().await;
                if request.starts_with("GET /v1/models ") {
                    let meta = json!({"n_ctx": window, "n_ctx_train": 32_768});
                    let list = json!({"object": "list", "data": [{"id": "tiny", "meta": meta}]});
                    peer::answer(socket, "application/json", &list.to_string()).await;
                } else {
                    let says = peer::says(r#"{"answer":"Hello."}"#);
                    peer::answer(socket, "text/event-stream", &says).await;
                }
                heard.lock().unwrap().push(request);
            }
        });
        Self { url, asked, _serving: serving }
    }

    /// As the server finds it in its environment.
    fn models(&self) -> Models {
        let lookup = |name: &str| (name == "LLAMA_BASE_URL").then(|| self.url.clone());
        let found = livos_providers::configured_providers(lookup).unwrap();
        let manager = found.into_iter().fold(ProviderManager::builder(), |manager, next| {
            manager.provider_shared(next.provider, next.tiers)
        });
        Models::new(manager.build())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn context(server: &TestServer) -> Value {
    server.get("/api/status").await.json()["context"].clone()
}

async fn answered(server: &TestServer) {
    let session = server.session().await;
    let run = server.say(&session, "Hi.").await;
    let end = server.finished(&session, &run).await;
    assert_eq!((&end["status"], &end["text"]), (&json!("completed"), &json!("Hello.")), "{end}");
}

#[tokio::test]
async fn tools_take_no_more_of_a_local_models_window_than_fits() {
    let local = LocalModel::start(8_192).await;
    let server = TestServer::with(local.models(), &[]).await;
    assert_eq!(local.asked(), Vec::<String>::new(), "an idle server asks nobody");
    answered(&server).await;
    answered(&server).await;
    let asked = local.asked();
    let listed = asked.iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!((listed, asked.len()), (1, 3), "it is asked once how large it is");
    assert!(asked[0].starts_with("GET"), "before anything else");
    assert!(asked[1].contains("tool_search"), "what is not told of can be found");
    assert!(!asked[1].contains("file_search"), "{}", asked[1]);
    let context = context(&server).await;
    assert_eq!(context["window"], 8_192);
    let fixed = context["fixed_tokens"].as_u64().unwrap();
    assert!(fixed < 4_096, "instructions and tools take {fixed} of 8,192");
    assert_eq!(context["problem"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn a_window_that_is_set_is_not_asked_for() {
    let local = LocalModel::start(8_192).await;
    let windows = [("LIVOS_MODELS_WINDOWS", "llamacpp=200000, llamacpp/other=600")];
    let server = TestServer::with(local.models(), &windows).await;
    answered(&server).await;
    let asked = local.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("file_search"), "the usual tools have room");
    assert_eq!(context(&server).await["window"], 200_000);
    server.stop().await;
}
