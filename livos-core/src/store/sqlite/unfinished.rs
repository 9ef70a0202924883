//! What this backend does not keep yet.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::SqliteStore;
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::id::RunId;
use crate::message::MicroUsd;
use crate::store::Admission;
use crate::store::CancelRequest;
use crate::store::Cancellation;
use crate::store::ClaimRequest;
use crate::store::Claimed;
use crate::store::DeliveryClaim;
use crate::store::DeliveryFilter;
use crate::store::DeliveryRecord;
use crate::store::DueDeliveries;
use crate::store::Fork;
use crate::store::ImportedSession;
use crate::store::Lease;
use crate::store::NewRun;
use crate::store::Outbox;
use crate::store::Page;
use crate::store::PendingInput;
use crate::store::RenewRequest;
use crate::store::Renewal;
use crate::store::RunLeases;
use crate::store::RunQueue;
use crate::store::SessionRecord;
use crate::store::SessionTransfer;
use crate::store::Setting;
use crate::store::SettingChange;
use crate::store::Settings;
use crate::store::Settlement;
use crate::store::StoreError;
use crate::store::UsageLog;
use crate::store::UsageQuery;
use crate::store::UsageRow;
use crate::store::UsageTotal;
use crate::store::WorkSignal;
use crate::store::WorkSignals;

#[async_trait]
impl SessionTransfer for SqliteStore {
    async fn fork(&self, _: Fork) -> Result<SessionRecord, StoreError> {
        Err(unfinished())
    }

    async fn import(&self, _: ImportedSession) -> Result<(), StoreError> {
        Err(unfinished())
    }
}

#[async_trait]
impl RunQueue for SqliteStore {
    async fn admit(&self, _: NewRun) -> Result<Admission, StoreError> {
        Err(unfinished())
    }

    async fn request_cancel(&self, _: CancelRequest) -> Result<Cancellation, StoreError> {
        Err(unfinished())
    }
}

#[async_trait]
impl RunLeases for SqliteStore {
    async fn claim(&self, _: ClaimRequest) -> Result<Claimed, StoreError> {
        Err(unfinished())
    }

    async fn renew(&self, _: RenewRequest) -> Result<Renewal, StoreError> {
        Err(unfinished())
    }

    async fn release(&self, _: Lease) -> Result<(), StoreError> {
        Err(unfinished())
    }

    async fn pending_inputs(&self, _: RunId) -> Result<Vec<PendingInput>, StoreError> {
        Err(unfinished())
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_due(&self, _: DeliveryClaim) -> Result<DueDeliveries, StoreError> {
        Err(unfinished())
    }

    async fn settle(&self, _: Settlement) -> Result<(), StoreError> {
        Err(unfinished())
    }

    async fn requeue(&self, _: DeliveryId, _: Timestamp) -> Result<DeliveryRecord, StoreError> {
        Err(unfinished())
    }

    async fn deliveries(
        &self,
        _: DeliveryFilter,
        _: usize,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        Err(unfinished())
    }
}

#[async_trait]
impl UsageLog for SqliteStore {
    async fn record_usage(&self, _: Vec<UsageRow>) -> Result<(), StoreError> {
        Err(unfinished())
    }

    async fn usage(&self, _: UsageQuery) -> Result<Vec<UsageTotal>, StoreError> {
        Err(unfinished())
    }

    async fn spent_since(&self, _: Timestamp) -> Result<MicroUsd, StoreError> {
        Err(unfinished())
    }
}

#[async_trait]
impl Settings for SqliteStore {
    async fn setting(&self, _: &str) -> Result<Option<Setting>, StoreError> {
        Err(unfinished())
    }

    async fn settings(&self, _: &str) -> Result<Vec<Setting>, StoreError> {
        Err(unfinished())
    }

    async fn change_setting(&self, _: SettingChange) -> Result<u64, StoreError> {
        Err(unfinished())
    }
}

impl WorkSignals for SqliteStore {
    fn signals(&self) -> BoxStream<'static, WorkSignal> {
        futures::stream::pending().boxed()
    }
}

fn unfinished() -> StoreError {
    StoreError::unavailable("the SQLite store does not keep this yet")
}
