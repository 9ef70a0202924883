use livos_tools::time::Time;
use serde_json::json;

use crate::harness::Workspace;

#[tokio::test]
async fn the_time_is_the_runs() {
    let answer = Workspace::new().text(&Time, json!({"operation": "now"})).await;
    assert!(answer.starts_with("{\"time\":\"2026-11-22T15:00:00+00:00[UTC]\""), "{answer}");
}
