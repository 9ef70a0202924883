//! `livos memory`.

use super::client_of;
use super::tried;
use crate::test_server::TestServer;
use crate::test_server::scripted;

#[tokio::test]
async fn memories_are_added_found_reported_exported_and_forgotten() {
    let server = TestServer::with(scripted([]), &[]).await;
    let livos = |words: &[&str]| {
        let words: Vec<&str> = ["memory"].iter().chain(words).copied().collect();
        tried(client_of(&server, &words))
    };
    let none = livos(&[]).await;
    assert_eq!((none.code, none.err.as_str()), (Some(0), "there are none\n"));
    let added = livos(&["add", "Drinks coffee black.", "--kind", "preference"]).await;
    assert_eq!((added.code, added.err.as_str()), (Some(0), "added\n"), "{added:?}");
    let id = added.out.trim();
    let better = livos(&["add", "Drinks coffee with milk.", "--replaces", id]).await;
    assert_eq!(better.err, "replaced\n", "{better:?}");
    let listed = livos(&["list"]).await;
    assert_eq!(listed.out.lines().count(), 1, "{listed:?}");
    assert_eq!(livos(&["list", "--all"]).await.out.lines().count(), 2);
    let found = livos(&["search", "coffee?"]).await;
    assert!(found.out.ends_with("  Drinks coffee with milk.\n"), "{found:?}");
    assert!(found.err.contains("words must match"), "{found:?}");
    let report = livos(&["report"]).await;
    assert!(report.out.contains("facts: 1\n"), "{report:?}");
    let exported = livos(&["export"]).await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("memories.jsonl");
    std::fs::write(&file, &exported.out).unwrap();
    let gone = livos(&["forget", better.out.trim()]).await;
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert!(livos(&["list", "--all"]).await.out.is_empty());
    let imported = livos(&["import", file.to_str().unwrap()]).await;
    assert!(imported.out.contains("added: 1\n"), "{imported:?}");
    let refused = livos(&["add", "my password is hunter2"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("password"), "{refused:?}");
}
