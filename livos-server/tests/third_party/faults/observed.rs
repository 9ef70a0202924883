//! What a run looked like from both sides.

use futures::StreamExt;
use livos_core::EventKind;
use livos_core::RunHandle;
use livos_core::RunOutcome;
use serde_json::Value;

use super::cases::ANSWER;
use super::cases::Case;
use super::cases::Offer;
use crate::program::Server;
use crate::vendor::Vendor;
use crate::weather::Weather;

/// What a run looked like: to its observers, and to the mock.
#[derive(Debug)]
pub(super) struct Observed {
    outcome: RunOutcome,
    events: Vec<String>,
    route: Vec<String>,
    verdict: Value,
    tool_runs: usize,
}

impl Observed {
    pub(super) async fn of(
        mut handle: RunHandle,
        llmock: &Server,
        vendors: (Vendor, Vendor),
        weather: &Weather,
    ) -> Self {
        let mut events = Vec::new();
        while let Some(event) = handle.next().await {
            events.extend(describe(&event.kind, vendors));
        }
        let outcome = handle.await;
        let requests = llmock.get("/_llmock/requests").await;
        let requests = requests["requests"].as_array().unwrap();
        let route = requests.iter().map(|request| stop(request, vendors)).collect();
        let verdict = llmock.get("/_llmock/verdict").await;
        Self { outcome, events, route, verdict, tool_runs: weather.cities().len() }
    }

    /// What differs from what must be, in words.
    pub(super) fn differences(&self, case: &Case) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |what: &str, is_right: bool, found: &dyn std::fmt::Debug| {
            if !is_right {
                wrong.push(format!("{}: {what}: {found:?}", case.name));
            }
        };
        expect("the verdict", self.verdict["errors"] == 0, &self.verdict["findings"]);
        expect("the route", self.route == case.route, &self.route);
        expect("the events", self.events == case.events, &self.events);
        expect("the outcome", self.outcome.status == case.status, &self.outcome);
        expect("the runs of the tool", self.tool_runs == case.tool_runs, &self.tool_runs);
        let is_whole = self.outcome.error.is_some()
            || case.offer == Offer::Weather && !self.outcome.text.is_empty()
            || self.outcome.text == ANSWER;
        expect("the answer", is_whole, &self.outcome.text);
        wrong
    }
}

/// A request in the words of the cases: who was asked, and what it did.
fn stop(request: &Value, (first, second): (Vendor, Vendor)) -> String {
    let who = number(request["provider"].as_str().unwrap(), (first, second));
    let fault = request["fault"].as_str().unwrap_or_default();
    // As in `stream:disconnect@6`, after six chunks.
    let kind = fault.strip_prefix("stream:").and_then(|kind| kind.split('@').next());
    match (kind, request["completed"] == true) {
        (Some(kind), _) => format!("{who} {kind}"),
        (None, true) => format!("{who} {}", request["status"]),
        (None, false) => format!("{who} abandoned"),
    }
}

/// An event in the words of the cases, if they speak of it.
fn describe(kind: &EventKind, vendors: (Vendor, Vendor)) -> Option<String> {
    match kind {
        EventKind::ProviderRetry { provider, .. } => {
            Some(format!("retry {}", number(provider.as_str(), vendors)))
        }
        EventKind::ProviderSwitched { from, to, discarded_chars, .. } => {
            let (from, to) = (number(from.as_str(), vendors), number(to.as_str(), vendors));
            let void = if *discarded_chars > 0 { " void" } else { "" };
            Some(if from == to {
                format!("void {from}")
            } else {
                format!("switch {from} {to}{void}")
            })
        }
        EventKind::ToolFinished { status, .. } => Some(format!("tool {status:?}")),
        EventKind::RunFinished { error: Some(error), .. } => Some(format!("failed {}", error.kind)),
        _ => None,
    }
}

fn number(name: &str, (first, second): (Vendor, Vendor)) -> char {
    match name {
        name if name == first.name() => '1',
        name if name == second.name() => '2',
        _ => '?',
    }
}
