//! Every fault that llmock knows, against every provider.
//!
//! llmock watches the client from the outside: it records each request and
//! judges whether the client waited as asked, backed off, and noticed that an
//! answer was cut. We ask for a verdict without errors, and for the very route
//! that our design prescribes.

mod cases;
mod observed;

use std::process::Command;
use std::time::Duration;

use livos_core::AgentLoop;
use livos_core::ProviderManager;
use livos_core::RetryPolicy;
use livos_core::Tiers;
use livos_core::ToolRegistry;
use serde_json::json;

use self::cases::Case;
use self::cases::Offer;
use self::observed::Observed;
use crate::program::Server;
use crate::program::installed;
use crate::vendor::Vendor;
use crate::weather::Weather;

/// How long a stream may be silent here. Stalls last longer, slow answers do not.
const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn anthropic_survives_every_fault_and_gemini_takes_over() {
    run_all(Vendor::Anthropic, Vendor::Gemini).await;
}

#[tokio::test]
async fn gemini_survives_every_fault_and_openai_takes_over() {
    run_all(Vendor::Gemini, Vendor::OpenAi).await;
}

#[tokio::test]
async fn openai_survives_every_fault_and_anthropic_takes_over() {
    run_all(Vendor::OpenAi, Vendor::Anthropic).await;
}

async fn run_all(first: Vendor, second: Vendor) {
    let program = installed("venv/bin/llmock");
    let llmock = Server::start(
        |port| {
            let mut command = Command::new(program);
            command.args(["serve", "--port", &port.to_string(), "--log-level", "warning"]);
            command
        },
        "/health",
    )
    .await;
    let mut wrong = Vec::new();
    for case in cases::all() {
        let observed = run(&llmock, &case, first, second).await;
        wrong.extend(observed.differences(&case));
    }
    assert!(wrong.is_empty(), "{}, then {}:\n{}", first.name(), second.name(), wrong.join("\n"));
}

async fn run(llmock: &Server, case: &Case, first: Vendor, second: Vendor) -> Observed {
    llmock.post("/_llmock/reset", &json!({})).await;
    let behaviors = case.behaviors(first);
    llmock.post("/_llmock/scenario", &json!({ "behaviors": behaviors })).await;

    let weather = Weather::default();
    let tools = ToolRegistry::new();
    if case.offer == Offer::Weather {
        tools.register(weather.clone()).unwrap();
    }
    let agent = AgentLoop::builder(manager(llmock, first, second)).tools(tools).build();
    let handle = agent.run("Tell me of the weather, please.");
    Observed::of(handle, llmock, (first, second), &weather).await
}

fn manager(llmock: &Server, first: Vendor, second: Vendor) -> ProviderManager {
    let policy = RetryPolicy::default().with_first_pause(Duration::from_millis(60));
    let mut builder = ProviderManager::builder().retry(policy);
    for vendor in [first, second] {
        let base_url = llmock.url(match vendor {
            Vendor::Anthropic => "/anthropic",
            Vendor::Gemini => "/gemini",
            Vendor::OpenAi => "/v1",
        });
        let provider = vendor.provider(&base_url, PATIENCE);
        builder = builder.provider_shared(provider, Tiers::single(vendor.model()));
    }
    builder.build()
}
