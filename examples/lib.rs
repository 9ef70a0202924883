//! The examples of LivOS; each lives in its own file beside this one. Here is what waits for their end.

use std::time::Duration;

use livos_core::{DeliveryFilter, DeliveryState, RunFilter, Store, StoreError};

/// Waits until nothing runs and nothing is owed to anybody.
///
/// # Errors
/// When the store does not answer.
pub async fn settled(store: &dyn Store) -> Result<(), StoreError> {
    loop {
        let runs = store.runs(RunFilter::default(), 50).await?.items;
        let owed = store.deliveries(DeliveryFilter::default(), 50).await?.items;
        let is_owed = |state| matches!(state, DeliveryState::Due | DeliveryState::InFlight);
        if runs.iter().all(|run| run.state.is_final()) && !owed.iter().any(|it| is_owed(it.state)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
