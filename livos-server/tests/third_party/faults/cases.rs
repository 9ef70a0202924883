//! The faults, and what must come of each.

use livos_core::RunStatus;
use serde_json::Value;
use serde_json::json;

use crate::vendor::Vendor;

/// What the mock says when nothing is wrong.
pub(super) const ANSWER: &str = "one two three four five six seven eight nine ten eleven twelve";

/// Stands for the number of chunks until a tool call has begun, which each API has its own.
const INSIDE_CALL: &str = "inside the tool call";

/// Whether the model may call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Nothing,
    Weather,
}

/// A fault, and what must come of it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What the first provider does, in llmock's words.
    faults: Value,
    pub(super) offer: Offer,
    /// Each request that must reach the mock: `1` is the first provider, `2` the second.
    pub(super) route: &'static [&'static str],
    /// What observers must be told of retries, switches and tools.
    pub(super) events: &'static [&'static str],
    pub(super) status: RunStatus,
    /// How many times the tool must have run.
    pub(super) tool_runs: usize,
}

impl Case {
    /// A text answer that comes in the end, whatever happens before.
    fn text(
        name: &'static str,
        faults: Value,
        route: &'static [&'static str],
        events: &'static [&'static str],
    ) -> Self {
        let status = RunStatus::Completed;
        Self { name, faults, offer: Offer::Nothing, route, events, status, tool_runs: 0 }
    }

    /// An answer that the model gives after it called the tool.
    fn tools(
        name: &'static str,
        faults: Value,
        route: &'static [&'static str],
        events: &'static [&'static str],
        tool_runs: usize,
    ) -> Self {
        Self { offer: Offer::Weather, tool_runs, ..Self::text(name, faults, route, events) }
    }

    /// What llmock is told: the faults of the first provider, and the answer of both.
    pub(super) fn behaviors(&self, first: Vendor) -> Vec<Value> {
        let mut behaviors: Vec<Value> = self.faults.as_array().unwrap().clone();
        for behavior in &mut behaviors {
            behavior["match"] = json!({ "provider": first.name() });
            if behavior["after_chunks"] == INSIDE_CALL {
                behavior["after_chunks"] = chunks_until_call(first).into();
            }
        }
        if self.offer == Offer::Nothing {
            behaviors.push(json!({ "type": "reply", "text": ANSWER, "times": null }));
        }
        behaviors
    }
}

/// How many chunks of "Let me see." and a call of one argument come until half of the call is there.
fn chunks_until_call(vendor: Vendor) -> u8 {
    match vendor {
        Vendor::Anthropic => 9,
        Vendor::OpenAi => 6,
        // A call comes whole in the last chunk: this is just before.
        Vendor::Gemini => 2,
    }
}

pub(super) fn all() -> Vec<Case> {
    [refusals(), broken_streams(), silences(), outages(), tool_calls()]
        .into_iter()
        .flatten()
        .collect()
}

fn refusals() -> Vec<Case> {
    vec![
        Case::text(
            "429 with retry-after: waits as asked",
            json!([{ "type": "fail", "status": 429, "retry_after": 0.6 }]),
            &["1 429", "1 200"],
            &["retry 1"],
        ),
        Case::text(
            "429 that asks for an hour: the next provider",
            json!([{ "type": "fail", "status": 429, "retry_after": 3600 }]),
            &["1 429", "2 200"],
            &["switch 1 2"],
        ),
        Case::text(
            "503: again",
            json!([{ "type": "fail", "status": 503, "retry_after": 0.1 }]),
            &["1 503", "1 200"],
            &["retry 1"],
        ),
        Case::text(
            "529: again",
            json!([{ "type": "fail", "status": 529, "retry_after": 0.1 }]),
            &["1 529", "1 200"],
            &["retry 1"],
        ),
        Case::text(
            "401: the next provider at once",
            json!([{ "type": "fail", "status": 401 }]),
            &["1 401", "2 200"],
            &["switch 1 2"],
        ),
        Case {
            status: RunStatus::Failed,
            ..Case::text(
                "400: neither again nor elsewhere",
                json!([{ "type": "fail", "status": 400 }]),
                &["1 400"],
                &["failed invalid_request"],
            )
        },
    ]
}

fn broken_streams() -> Vec<Case> {
    vec![
        Case::text(
            "disconnect after visible text: the text is void, again",
            json!([{ "type": "stream_fault", "kind": "disconnect", "after_chunks": 6 }]),
            &["1 disconnect", "1 200"],
            &["void 1", "retry 1"],
        ),
        Case::text(
            "truncated without a final event: no answer, again",
            json!([{ "type": "stream_fault", "kind": "truncate", "after_chunks": 6 }]),
            &["1 truncate", "1 200"],
            &["void 1", "retry 1"],
        ),
        Case::text(
            "malformed chunk: no answer, again",
            json!([{ "type": "stream_fault", "kind": "malformed", "after_chunks": 6 }]),
            &["1 malformed", "1 200"],
            &["void 1", "retry 1"],
        ),
    ]
}

fn silences() -> Vec<Case> {
    vec![
        Case::text(
            "stall: gives up waiting, again",
            json!([{
                "type": "stream_fault", "kind": "stall", "after_chunks": 6, "stall_seconds": 20,
            }]),
            &["1 stall", "1 200"],
            &["void 1", "retry 1"],
        ),
        Case::text(
            "slow first token: waits",
            json!([{ "type": "slow_first_token", "seconds": 0.5 }]),
            &["1 200"],
            &[],
        ),
        Case::text(
            "no first token: gives up waiting, again",
            json!([{ "type": "slow_first_token", "seconds": 20 }]),
            &["1 abandoned", "1 200"],
            &["retry 1"],
        ),
        Case::text(
            "no response at all: gives up waiting, again",
            json!([{ "type": "delay", "seconds": 20 }]),
            // The mock does not record a request whose client left before it was answered.
            &["1 200"],
            &["retry 1"],
        ),
    ]
}

fn outages() -> Vec<Case> {
    vec![
        Case::text(
            "503 for good: three attempts, then the next provider",
            json!([{ "type": "fail", "status": 503, "retry_after": 0.1, "times": null }]),
            &["1 503", "1 503", "1 503", "2 200"],
            &["retry 1", "retry 1", "switch 1 2"],
        ),
        Case::text(
            "disconnects for good: the partial text is void each time, then the next provider",
            json!([{
                "type": "stream_fault", "kind": "disconnect", "after_chunks": 6, "times": 3,
            }]),
            &["1 disconnect", "1 disconnect", "1 disconnect", "2 200"],
            &["void 1", "retry 1", "void 1", "retry 1", "switch 1 2 void"],
        ),
    ]
}

fn tool_calls() -> Vec<Case> {
    vec![
        Case::tools(
            "malformed arguments: not run, the model is told",
            json!([{ "type": "tool_fault", "kind": "malformed_arguments" }]),
            &["1 200", "1 200"],
            &["tool Error"],
            0,
        ),
        Case::tools(
            "unknown tool: the model is told",
            json!([{ "type": "tool_fault", "kind": "unknown_tool" }]),
            &["1 200", "1 200"],
            &["tool Error"],
            0,
        ),
        Case::tools(
            "disconnect inside a tool call: never run, again, and run once",
            json!([
                { "type": "reply", "text": "Let me see.", "tool_calls": [
                    { "name": "get_weather", "arguments": { "city": "Paris" } },
                ], "times": 2 },
                { "type": "stream_fault", "kind": "disconnect", "after_chunks": INSIDE_CALL },
            ]),
            &["1 disconnect", "1 200", "1 200"],
            &["void 1", "retry 1", "tool Ok"],
            1,
        ),
        Case::tools(
            "outage in tool mode: the next provider calls the tool and stays",
            json!([{ "type": "fail", "status": 503, "retry_after": 0.1, "times": null }]),
            &["1 503", "1 503", "1 503", "2 200", "2 200"],
            &["retry 1", "retry 1", "switch 1 2", "tool Ok"],
            1,
        ),
    ]
}
