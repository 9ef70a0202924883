//! What is counted, for Prometheus.

use std::time::Duration;

use hyper::Method;
use hyper::StatusCode;
use livos_core::AgentEvent;
use livos_core::EventKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

/// Upper bounds of the request durations, in seconds.
const REQUEST_BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

/// What is counted. All labels have few values, none of them chosen by callers.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    connections: Gauge,
    subscribers: Gauge,
    live_runs: Gauge,
    runs: Family<StatusLabel, Counter>,
    tool_calls: Family<StatusLabel, Counter>,
    tokens: Family<TokenLabels, Counter>,
    cost: Counter,
    switches: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    provider: String,
    kind: &'static str,
}

/// One more of something, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("livos"),
            requests: Family::default(),
            request_seconds: Histogram::new(REQUEST_BUCKETS),
            connections: Gauge::default(),
            subscribers: Gauge::default(),
            live_runs: Gauge::default(),
            runs: Family::default(),
            tool_calls: Family::default(),
            tokens: Family::default(),
            cost: Counter::default(),
            switches: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Answered requests", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From the head of a request to the head of its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register("http_connections", "Open connections", self.connections.clone());
        registry.register("event_subscribers", "Open event streams", self.subscribers.clone());
        registry.register("runs_live", "Runs under way", self.live_runs.clone());
        registry.register("runs", "Finished runs", self.runs.clone());
        registry.register("tool_calls", "Finished tool calls", self.tool_calls.clone());
        registry.register("tokens", "Tokens of model calls", self.tokens.clone());
        registry.register(
            "cost_micro_usd",
            "Cost of model calls with a known price",
            self.cost.clone(),
        );
        registry.register(
            "provider_switches",
            "Fallbacks to another provider",
            self.switches.clone(),
        );
    }

    /// Counts an answered request.
    pub(crate) fn request(
        &self,
        route: &'static str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        // Extension methods are the caller's choice and would grow the label without bound.
        let is_known = matches!(
            *method,
            Method::GET
                | Method::HEAD
                | Method::POST
                | Method::PUT
                | Method::PATCH
                | Method::DELETE
                | Method::OPTIONS
        );
        let method = if is_known { method.as_str() } else { "other" }.to_owned();
        self.requests
            .get_or_create(&RequestLabels { route, method, status: status.as_u16() })
            .inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    pub(crate) fn subscriber(&self) -> Counted {
        Counted::new(&self.subscribers)
    }

    /// Counts what a run did.
    pub(crate) fn event(&self, event: &AgentEvent) {
        match &event.kind {
            EventKind::AssistantMessage { usage, cost_micro_usd, provider, .. } => {
                for (kind, tokens) in [
                    ("input", usage.input_tokens),
                    ("output", usage.output_tokens),
                    ("cache_read", usage.cache_read_tokens),
                    ("cache_write", usage.cache_write_tokens),
                ] {
                    let provider = provider.to_string();
                    self.tokens.get_or_create(&TokenLabels { provider, kind }).inc_by(tokens);
                }
                self.cost.inc_by(cost_micro_usd.map_or(0, |cost| cost.0));
            }
            EventKind::ToolFinished { status, .. } => {
                self.tool_calls.get_or_create(&StatusLabel { status: word(status) }).inc();
            }
            EventKind::ProviderSwitched { .. } => {
                self.switches.inc();
            }
            EventKind::RunFinished { status, .. } => {
                self.runs.get_or_create(&StatusLabel { status: word(status) }).inc();
            }
            _ => {}
        }
    }

    /// All counts as text, with how many runs are driven now.
    pub(crate) fn encode(&self, driving: usize) -> Result<String, std::fmt::Error> {
        self.live_runs.set(i64::try_from(driving).unwrap_or(i64::MAX));
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// A status as the API writes it.
fn word(status: &impl serde::Serialize) -> String {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}
