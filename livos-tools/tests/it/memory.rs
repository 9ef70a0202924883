use std::sync::Arc;

use livos_core::FactFilter;
use livos_core::Memory;
use livos_core::MemoryStore;
use livos_core::NewFact;
use livos_core::ToolError;
use livos_core::UserId;
use livos_tools::memory::MemoryAdd;
use livos_tools::memory::MemoryForget;
use livos_tools::memory::MemorySearch;
use serde_json::Value;
use serde_json::json;

use crate::harness::Workspace;

fn start() -> (Workspace, Memory) {
    (Workspace::new(), Memory::builder(Arc::new(MemoryStore::new())).build())
}

#[tokio::test]
async fn a_model_remembers_corrects_finds_and_forgets() {
    let (workspace, memory) = start();
    let (add, search) = (MemoryAdd::new(memory.clone()), MemorySearch::new(memory.clone()));
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let args = json!({ "text": "The user drinks oat milk.", "kind": "preference" });
    let first = json(workspace.text(&add, args.clone()).await);
    assert_eq!(first["outcome"], "added");
    let again = json(workspace.text(&add, args).await);
    assert_eq!((&again["outcome"], &again["id"]), (&json!("known"), &first["id"]));
    let args = json!({ "text": "The user drinks soy milk.", "replaces": first["id"] });
    let second = json(workspace.text(&add, args).await);
    assert_eq!(second["outcome"], "replaced");
    assert_eq!(second["before"], "The user drinks oat milk.");
    let found = json(workspace.text(&search, json!({ "query": "which milk?" })).await);
    assert_eq!(found["notes"].as_array().unwrap().len(), 1);
    assert_eq!(found["notes"][0]["text"], "The user drinks soy milk.");
    assert!(found["remark"].as_str().unwrap().contains("words must match"));
    let fact = memory.list(FactFilter::current(UserId::owner()), 9).await.unwrap().items.remove(0);
    assert_eq!(fact.session_id, Some(workspace.context().session_id()));
    assert!(fact.run_id.is_some());
    let forget = MemoryForget::new(memory.clone());
    let said = workspace.text(&forget, json!({ "id": second["id"] })).await;
    assert_eq!(said, "forgotten: The user drinks soy milk.");
    assert!(memory.list(FactFilter::current(UserId::owner()), 9).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn whose_memory_it_is_comes_from_the_context() {
    let (workspace, memory) = start();
    let bobs = NewFact::told(UserId::from("bob"), "Bob drinks milk.");
    let bobs = memory.add(bobs).await.unwrap().fact().id;
    let search = MemorySearch::new(memory.clone());
    let found = workspace.text(&search, json!({ "query": "milk" })).await;
    assert!(found.contains("\"notes\":[]"), "{found}");
    let forget = MemoryForget::new(memory.clone());
    let refused = workspace.run(&forget, json!({ "id": bobs })).await;
    assert!(matches!(refused, Err(ToolError::Model(_))), "{refused:?}");
    // There is no argument for a user.
    let asked = workspace.run(&search, json!({ "query": "milk", "user": "bob" })).await;
    assert!(asked.is_err(), "{asked:?}");
}
