//! Entries that the server writes itself, for runs that nobody drives.

use livos_core::AgentEvent;
use livos_core::Append;
use livos_core::EventKind;
use livos_core::NewEntry;
use livos_core::Position;
use livos_core::RunError;
use livos_core::RunId;
use livos_core::RunStatus;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::Timestamp;

/// Ends a run in the journal. None when there is no such run, or when it ended before.
pub(super) async fn finish(
    store: &dyn Store,
    run_id: RunId,
    status: RunStatus,
    error: Option<RunError>,
    at: Timestamp,
) -> Result<Option<AgentEvent>, StoreError> {
    let Some(run) = store.run(run_id).await?.filter(|run| !run.state.is_final()) else {
        return Ok(None);
    };
    let kind = EventKind::RunFinished {
        status,
        text: String::new(),
        error,
        usage: run.usage,
        cost_micro_usd: run.cost_micro_usd,
        turns: run.turns,
        tool_calls: run.tool_calls,
        duration_ms: u64::try_from(at.since(run.admitted_at).as_millis()).unwrap_or(u64::MAX),
    };
    let entry = NewEntry { run_id, at, kind: kind.clone() };
    let seq = store.append(Append::new(run.session_id, vec![entry])).await?;
    let position = Position::Seq(seq);
    Ok(Some(AgentEvent { session_id: run.session_id, run_id, position, at, kind }))
}
