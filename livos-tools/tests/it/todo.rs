use std::sync::Arc;

use livos_core::AgentLoop;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Value;
use serde_json::json;

/// What a run of this session gets from `todo`, in a process that knows nothing but the store.
async fn ask(store: &Arc<MemoryStore>, session: SessionId, arguments: Value) -> String {
    let journal = Arc::clone(store) as Arc<dyn Journal>;
    let tools = ToolRegistry::new();
    livos_tools::todo::register(&tools, Arc::clone(&journal)).unwrap();
    let scripts = [Script::tool("1", "todo", arguments), Script::text("done")];
    let agent = AgentLoop::builder(ScriptedProvider::new("scripted", scripts))
        .tools(tools)
        .journal(Arc::clone(&journal))
        .build();
    let outcome = agent.run(RunRequest::from("go").in_session(session)).await;
    assert_eq!(outcome.status, livos_core::RunStatus::Completed, "{outcome:?}");
    let entries = journal.read(session, 0, 10_000).await.unwrap();
    let result = entries.iter().rev().find_map(|entry| match &entry.kind {
        EventKind::ToolFinished { content, .. } => content.first().and_then(ContentBlock::as_text),
        _ => None,
    });
    result.unwrap().to_owned()
}

#[tokio::test]
async fn the_list_is_in_the_journal_and_nowhere_else() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (SessionId::generate(), SessionId::generate());
    assert_eq!(ask(&store, one, json!({})).await, "[the list is empty]");
    let items = json!([
        {"text": "read\nthe  code", "status": "done"},
        {"text": "write it", "status": "in_progress"},
        {"text": "test it"},
    ]);
    let list = "1. [x] read the code\n2. [>] write it\n3. [ ] test it\n(1 of 3 done)";
    assert_eq!(ask(&store, one, json!({"items": items})).await, list);
    for _ in 0..40 {
        ask(&store, one, json!({"items": [{"text": ""}]})).await;
    }
    assert_eq!(ask(&store, one, json!({})).await, list, "a refused list changes nothing");
    assert_eq!(ask(&store, other, json!({})).await, "[the list is empty]");
    assert_eq!(ask(&store, one, json!({"items": []})).await, "[the list is empty]");
    assert_eq!(ask(&store, one, json!({})).await, "[the list is empty]");
}

#[tokio::test]
async fn a_list_is_bounded() {
    let store = Arc::new(MemoryStore::new());
    let session = SessionId::generate();
    for (items, expected) in [
        (json!([{"text": " "}]), "items[0].text must have 1 to 500 bytes"),
        (json!([{"text": "x"}, {"text": "x".repeat(501)}]), "items[1].text"),
        (json!(vec![json!({"text": "x"}); 101]), "at most 100 are kept"),
        (json!([{"text": "x", "status": "maybe"}]), "invalid arguments"),
    ] {
        let answer = ask(&store, session, json!({"items": items})).await;
        assert!(answer.contains(expected), "{answer}");
    }
}
