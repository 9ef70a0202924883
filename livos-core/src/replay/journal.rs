//! A journal that compares instead of keeping.

use async_trait::async_trait;

use super::stage::SharedStage;
use super::stage::Written;
use crate::event::AgentEvent;
use crate::id::SessionId;
use crate::store::Append;
use crate::store::Journal;
use crate::store::StoreError;

/// Compares what is to be written with what was.
#[derive(Debug)]
pub(super) struct RecordedJournal(SharedStage);

impl RecordedJournal {
    pub(super) fn new(stage: SharedStage) -> Self {
        Self(stage)
    }
}

#[async_trait]
impl Journal for RecordedJournal {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        match self.0.write(append.entries) {
            Written::AsRecorded(seq) => Ok(seq),
            Written::Differs => Err(StoreError::unavailable("the run differs from its recording")),
            // The process that wrote the recording never came back from here.
            Written::Over => std::future::pending().await,
        }
    }

    async fn read(
        &self,
        _: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        Ok(self.0.read(after, limit))
    }

    async fn last_seq(&self, _: SessionId) -> Result<u64, StoreError> {
        Ok(self.0.last_seq())
    }
}
