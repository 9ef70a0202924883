//! Fallback in the middle of an answer: the first provider breaks off, the next one goes on.
//!
//! ```sh
//! cargo run -p livos-examples --example provider_fallback
//! ```
//!
//! The first provider is always a script that breaks off. With a provider's key in the
//! environment a real model takes over from it, otherwise a second script.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_core::{
    AIProvider, AgentLoop, EventKind, ProviderError, ProviderFailure, ProviderManager, RetryPolicy,
    Tiers,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let lost = || {
        ProviderError::InterruptedStream(ProviderFailure::new("flaky", "the connection was lost"))
    };
    let flaky = ScriptedProvider::new(
        "flaky",
        [
            Script::text("The capital of ").then_fail(lost()),
            Script::text("The cap").then_fail(lost()),
        ],
    );
    let providers = livos_providers::from_env()?;
    let has_any = providers.providers().next().is_some();
    let answer = Script::text("The capital of Portugal is Lisbon.");
    let steady: Arc<dyn AIProvider> = if has_any {
        Arc::new(providers)
    } else {
        Arc::new(ScriptedProvider::new("steady", [answer]))
    };

    // The order is the order of preference. A manager is a provider itself.
    let chain = ProviderManager::builder()
        .provider(flaky, Tiers::single("flaky-1"))
        .provider_shared(steady, Tiers::single("balanced"))
        .retry(RetryPolicy::default().with_attempts(2).with_first_pause(Duration::from_millis(50)))
        .build();
    let agent = AgentLoop::builder(chain).model("balanced").build();

    let mut shown = String::new();
    let mut run = agent.run("What is the capital of Portugal?");
    while let Some(event) = run.next().await {
        match event.kind {
            EventKind::TextDelta { text } => shown.push_str(&text),
            EventKind::ProviderRetry { reason, delay_ms, .. } => {
                println!("{reason}; again in {delay_ms} ms");
            }
            EventKind::ProviderSwitched { from, to, discarded_chars, .. } => {
                println!("{from} broke off, {to} goes on; {discarded_chars} characters are void");
                shown.clear();
            }
            _ => {}
        }
    }

    let answer = run.await.into_text().map_err(|error| error.message)?;
    assert_eq!(shown, answer, "what was shown is what was answered");
    println!("{answer}");
    Ok(())
}
