//! Replies that are owed: list, and send again what was given up.

use livos_core::DeliveryFilter;
use livos_core::DeliveryId;
use livos_core::DeliveryRecord;
use livos_core::DeliveryState;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use super::page;
use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::ProblemKind;
use crate::http::Query;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::openapi::any_object;

/// Where a delivery can stand.
const STATES: [DeliveryState; 5] = [
    DeliveryState::Due,
    DeliveryState::InFlight,
    DeliveryState::Delivered,
    DeliveryState::Ambiguous,
    DeliveryState::Dead,
];

/// A reply owed to an address.
#[derive(Debug, Serialize, JsonSchema)]
struct Delivery {
    /// Its id, the `Idempotency-Key` of every attempt.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: DeliveryId,
    /// The run that it answers for.
    run_id: String,
    /// The session of the run.
    session_id: String,
    /// `{kind, address}`.
    #[schemars(schema_with = "any_object")]
    to: Value,
    /// `due`, `in_flight`, `delivered`, `ambiguous` (it may have arrived; decide whether to send it
    /// again) or `dead`.
    status: &'static str,
    /// How often it was attempted, attempts included that ended with their server.
    attempts: u32,
    /// How many attempts failed with an answer; after 20 it is dead.
    failures: u32,
    /// Whether an attempt may have arrived.
    possibly_sent: bool,
    /// When the run ended, RFC 3339.
    created_at: String,
    /// When it is due, RFC 3339, unless it was settled.
    next_at: Option<String>,
    /// What the last attempt failed with.
    last_error: Option<String>,
    /// What the receiver gave for it.
    receipt: Option<String>,
}

impl From<DeliveryRecord> for Delivery {
    fn from(delivery: DeliveryRecord) -> Self {
        let is_open = matches!(delivery.state, DeliveryState::Due | DeliveryState::InFlight);
        Self {
            id: delivery.id,
            run_id: delivery.run_id.to_string(),
            session_id: delivery.session_id.to_string(),
            to: json!(delivery.to),
            status: delivery.state.name(),
            attempts: delivery.attempts,
            failures: delivery.failures,
            possibly_sent: delivery.possibly_sent,
            created_at: delivery.created_at.to_string(),
            next_at: is_open.then(|| delivery.next_at.to_string()),
            last_error: delivery.last_error,
            receipt: delivery.receipt,
        }
    }
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query();
    let filter = DeliveryFilter {
        state: state(&mut query),
        session_id: query.value("session", "the id of a session"),
        run_id: query.value("run", "the id of a run"),
        before: page::cursor(&mut query),
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = call.app.store.deliveries(filter, limit).await?;
    let last = page.items.last().map(|delivery| delivery.id.to_string());
    let next_cursor = last.filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Delivery::from).collect(), next_cursor })
}

fn state(query: &mut Query<'_>) -> Option<DeliveryState> {
    query.one_of("status", STATES.map(|state| (state.name(), state)))
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let states = json!({"type": "string", "enum": STATES.map(DeliveryState::name)});
    let id = json!({"type": "string", "format": "uuid"});
    let operation = operation
        .named("list_deliveries", "List the replies owed to addresses, newest first.")
        .query("status", &states, "Only those that stand here.")
        .query("session", &id, "Only those of this session.")
        .query("run", &id, "Only those that answer for this run.");
    page::describe_paging(operation).answers::<List<Delivery>>(200, "Some of them.")
}

pub(super) async fn requeue(call: Call) -> Answer {
    let id: DeliveryId = call.id("delivery")?;
    let requeued = call.app.store.requeue(id, call.app.clock.now()).await?;
    Reply::ok(&Delivery::from(requeued))
}

pub(super) fn describe_requeue(operation: Operation) -> Operation {
    operation
        .named("requeue_delivery", "Send a dead or ambiguous delivery again.")
        .answers::<Delivery>(200, "It is due now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}
