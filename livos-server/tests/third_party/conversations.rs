//! Conversations with reasoning and tools, scripted by aimock, for each API.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::EventKind;
use livos_core::ProviderManager;
use livos_core::RunRequest;
use livos_core::RunStatus;
use livos_core::ThinkingEffort;
use livos_core::Tiers;
use livos_core::ToolRegistry;

use crate::program::Server;
use crate::program::installed;
use crate::vendor::Vendor;
use crate::weather::Weather;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn anthropic_reasons_and_calls_tools() {
    converse(Vendor::Anthropic).await;
}

#[tokio::test]
async fn gemini_reasons_and_calls_tools() {
    converse(Vendor::Gemini).await;
}

#[tokio::test]
async fn openai_reasons_and_calls_tools() {
    converse(Vendor::OpenAi).await;
}

async fn converse(vendor: Vendor) {
    let aimock = start().await;
    let weather = Weather::default();
    let agent = agent(&aimock, vendor, &weather);

    let mut run = agent.run("What is the weather in Paris and in Lyon?");
    let mut thought = String::new();
    let mut text = String::new();
    while let Some(event) = run.next().await {
        match event.kind {
            EventKind::ThinkingDelta { text } => thought.push_str(&text),
            EventKind::TextDelta { text: piece } => text.push_str(&piece),
            _ => {}
        }
    }
    let outcome = run.await;
    assert_eq!(outcome.status, RunStatus::Completed, "{outcome:?}");
    assert_eq!(thought, "I look both cities up.Both are known now.");
    assert_eq!(text, "It is 21 degrees in both.");
    assert_eq!(outcome.text, text);
    assert_eq!((outcome.turns, outcome.tool_calls), (2, 2));
    let mut cities = weather.cities();
    cities.sort();
    assert_eq!(cities, ["Lyon", "Paris"]);

    let request = RunRequest::new("And was it warm?").in_session(outcome.session_id);
    let answer = agent.run(request).await.into_text().unwrap();
    assert_eq!(answer, "Warm enough for a coat to stay at home.");
    assert_results_were_sent(&aimock).await;
}

/// The mock saw both results, and the whole conversation in the session's next run.
async fn assert_results_were_sent(aimock: &Server) {
    let journal = aimock.get("/__aimock/journal").await;
    let requests = journal.as_array().unwrap();
    assert_eq!(requests.len(), 3, "{journal}");
    for request in requests {
        assert_eq!(request["response"]["status"], 200, "{request}");
    }
    let last = requests.last().unwrap()["body"]["messages"].to_string();
    for said in ["21 degrees in Paris", "21 degrees in Lyon", "It is 21 degrees in both."] {
        assert!(last.contains(said), "{said} is missing in {last}");
    }
}

async fn start() -> Server {
    let program = installed("npm/node_modules/@copilotkit/aimock/package.json");
    let binary = program.ancestors().nth(3).unwrap().join(".bin/llmock");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/conversations.json");
    Server::start(
        |port| {
            let mut command = Command::new("node");
            command.arg(binary).arg("-p").arg(port.to_string()).arg("-f").arg(script);
            command.arg("--strict");
            command
        },
        "/health",
    )
    .await
}

fn agent(aimock: &Server, vendor: Vendor, weather: &Weather) -> AgentLoop {
    let base_url = aimock.url(if vendor == Vendor::OpenAi { "/v1" } else { "" });
    let provider = vendor.provider(&base_url, PATIENCE);
    let tiers = Tiers::single(vendor.model());
    let manager = ProviderManager::builder().provider_shared(provider, tiers).build();
    let tools = ToolRegistry::new();
    tools.register(weather.clone()).unwrap();
    AgentLoop::builder(manager).tools(tools).thinking(ThinkingEffort::Low).build()
}
