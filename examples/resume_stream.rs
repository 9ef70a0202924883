//! A watcher loses its connection in the middle of an answer, comes back, and misses nothing.
//!
//! ```sh
//! LIVOS_API_KEY=... cargo run -p livos-examples --example resume_stream
//! ```
//!
//! `LIVOS_URL` says where the server is (default: http://127.0.0.1:3200). What lasts has a number; whoever
//! comes back says the last it saw in `after` (a browser does so by itself, as `Last-Event-ID`), gets
//! every entry above it once, then what is said of the unfinished answer so far, then what follows.

use std::error::Error;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

/// Sends it and reads JSON.
async fn ask(request: RequestBuilder, body: Value) -> Result<Value, Failure> {
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let url = std::env::var("LIVOS_URL").unwrap_or_else(|_| "http://127.0.0.1:3200".to_owned());
    let key =
        std::env::var("LIVOS_API_KEY").map_err(|_| "set LIVOS_API_KEY to the server's key")?;
    let client = reqwest::Client::new();
    let post = |path: &str| client.post(format!("{url}{path}")).bearer_auth(&key);
    let session = ask(post("/api/sessions"), json!({})).await?;
    let session = format!("/api/sessions/{}", session["id"].as_str().ok_or("no session")?);
    ask(post(&format!("{session}/messages")), json!({"text": "What is 12 * 7?"})).await?;

    let (mut last, mut entries, mut text) = (0, Vec::new(), String::new());
    for connection in 1.. {
        println!("connection {connection}, after {last}");
        let address = format!("{url}{session}/events?after={last}");
        let answer = client.get(address).bearer_auth(&key).send().await?.error_for_status()?;
        let mut events = answer.bytes_stream().eventsource();
        // What was said of an unfinished answer comes again from its beginning.
        text.clear();
        while let Some(event) = events.next().await {
            let event: Value = serde_json::from_str(&event?.data)?;
            let kind = event["type"].as_str().unwrap_or_default().to_owned();
            text.push_str(event["text"].as_str().filter(|_| kind == "text_delta").unwrap_or(""));
            if let Some(seq) = event["seq"].as_u64() {
                println!("  {seq} {kind}");
                (last, text) = (seq, String::new());
                entries.push(seq);
            }
            match kind.as_str() {
                "run_finished" if entries.iter().copied().eq(1..=last) => {
                    println!("{}", event["text"].as_str().unwrap_or_default());
                    return Ok(());
                }
                "run_finished" => return Err(format!("a gap or a repeat: {entries:?}").into()),
                // The first connections are lost in the middle of an answer, the next at an entry.
                "text_delta" | "tool_started" if connection < 4 => {
                    println!("  lost, having read '{text}'");
                    break;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
