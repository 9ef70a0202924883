//! One that watches a session from its first entry to its last, over all restarts.

use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;

use crate::api::Api;
use crate::ledger::Ledger;

/// Where the server is; nothing while there is none.
pub(crate) type Whereabouts = watch::Receiver<Option<String>>;

/// Watches until the session is over and everything in it is answered: a server has only so many
/// connections.
pub(crate) async fn watch(ledger: Ledger, name: String, id: String, api: Api) {
    tokio::select! {
        () = ledger.settled(&name) => {}
        () = follow(ledger.clone(), name.clone(), id, api) => {}
    }
}

/// Approves a call, as often as it takes. That it was decided, or its run is over, is none of its business.
async fn approve(id: &Value, api: &Api) {
    let path = format!("/api/approvals/{}", id.as_str().expect("an approval has an id"));
    drop(api.post(&path, &json!({ "decision": "approve" })).await);
}

/// Approves whatever is still asked: a run that an agent's late result began has nobody who watches it.
pub(crate) async fn approve_rest(api: &Api) {
    let list = api.get("/api/approvals?status=pending").await.ok();
    let list = list.and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or_default();
    for entry in list["items"].as_array().into_iter().flatten() {
        approve(&entry["id"], api).await;
    }
}

async fn follow(ledger: Ledger, name: String, id: String, api: Api) {
    let mut last = 0;
    loop {
        let url = api.url().await;
        let path = format!("/api/sessions/{id}/events?after={last}");
        match api.get_at(&url, &path).await {
            Ok(response) if response.status().is_success() => {
                let mut events = response.bytes_stream().eventsource();
                while let Some(Ok(event)) = events.next().await {
                    let Ok(entry) = serde_json::from_str::<Value>(&event.data) else { break };
                    let Some(seq) = entry["seq"].as_u64() else { continue };
                    if seq != last + 1 {
                        ledger.violated(Some(&name), format!("after {last} came {seq}"));
                    }
                    last = seq;
                    if entry["type"] == "approval_requested" {
                        approve(&entry["approval_id"], &api).await;
                    }
                    ledger.shown(&name, seq, entry);
                }
            }
            // A server that dies may say that it cannot; one that knows no such session lost it.
            Ok(response) if response.status().is_client_error() => {
                let status = response.status();
                if status != StatusCode::TOO_MANY_REQUESTS {
                    ledger.violated(Some(&name), format!("GET {path} was answered with {status}"));
                }
            }
            Ok(_) | Err(_) => {}
        }
        api.pause().await;
    }
}
