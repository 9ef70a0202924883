//! A running server, used as if it were OpenAI: any client of that protocol works unchanged.
//!
//! ```sh
//! LIVOS_API_KEY=... cargo run -p livos-examples --example openai_client -- "Hello!"
//! ```
//!
//! `LIVOS_URL` says where the server is (default: http://127.0.0.1:3200), `LIVOS_API_KEY` is the
//! key it printed when it was first started. Without a provider's key of its own the server
//! answers with its demo model. This program uses nothing of LivOS.

use std::error::Error;
use std::io::Write;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use serde_json::Value;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("LIVOS_URL").unwrap_or_else(|_| "http://127.0.0.1:3200".to_owned());
    let key =
        std::env::var("LIVOS_API_KEY").map_err(|_| "set LIVOS_API_KEY to the server's key")?;
    let question = std::env::args().nth(1).unwrap_or_else(|| "Hello! Who are you?".to_owned());

    let client = reqwest::Client::new();
    let models = client.get(format!("{url}/v1/models")).bearer_auth(&key).send().await?;
    let models: Value = serde_json::from_slice(&models.error_for_status()?.bytes().await?)?;
    let model =
        models.pointer("/data/0/id").and_then(Value::as_str).ok_or("the server offers no model")?;
    println!("[{model}]");

    let request = json!({
        "model": model,
        "stream": true,
        "messages": [{"role": "user", "content": question}],
    });
    let response = client
        .post(format!("{url}/v1/chat/completions"))
        .bearer_auth(&key)
        .header("content-type", "application/json")
        .body(request.to_string())
        .send()
        .await?
        .error_for_status()?;

    let mut events = response.bytes_stream().eventsource();
    while let Some(event) = events.next().await {
        let data = event?.data;
        if data == "[DONE]" {
            println!();
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(&data)?;
        if let Some(error) = chunk.get("error") {
            return Err(format!("the server says: {error}").into());
        }
        let text = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str);
        print!("{}", text.unwrap_or_default());
        std::io::stdout().flush()?;
    }
    Err("the answer broke off".into())
}
