//! What a run has that came out of a queue: a lease, and inputs that may come.

use std::fmt;
use std::sync::Arc;

use crate::id::RunId;
use crate::pause::Pauses;
use crate::store::Append;
use crate::store::Journal;
use crate::store::Lease;
use crate::store::PendingInput;
use crate::store::RunFilter;
use crate::store::RunLeases;
use crate::store::RunRecord;
use crate::store::RunStore;
use crate::store::StoreError;
use crate::tool::Spent;

/// How many agents of a run are read at a time.
const AGENTS_READ: usize = 256;

/// The places of a worker, of which every run that is driven takes one.
pub(crate) trait Places: fmt::Debug + Send + Sync {
    /// A run does nothing but wait for a person: another one may be driven beside it.
    fn step_aside(&self);

    /// It goes on, whether or not there is a place.
    fn step_back(&self);
}

/// As long as this lives, its run takes no place.
#[derive(Debug)]
pub(super) struct Aside(Arc<dyn Places>);

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.step_back();
    }
}

/// What a worker drives runs in.
#[derive(Debug)]
pub(crate) struct Workplace {
    pub(crate) leases: Arc<dyn RunLeases>,
    /// The runs there are, whoever drives them.
    pub(crate) runs: Arc<dyn RunStore>,
    pub(crate) places: Arc<dyn Places>,
}

/// A run's place in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    lease: Lease,
    leases: Arc<dyn RunLeases>,
    runs: Arc<dyn RunStore>,
    places: Arc<dyn Places>,
}

impl Queued {
    pub(super) fn new(lease: Lease, workplace: Workplace) -> Self {
        let Workplace { leases, runs, places } = workplace;
        Self { lease, leases, runs, places }
    }

    /// Gives the place up while the run waits for a person.
    pub(super) fn step_aside(&self) -> Aside {
        self.places.step_aside();
        Aside(Arc::clone(&self.places))
    }

    /// Writes entries down under the lease. While the store does not take them it tries again:
    /// they tell of things that were done already. Whoever loses the lease drops the run.
    pub(super) async fn append(
        &self,
        journal: &dyn Journal,
        append: Append,
    ) -> Result<u64, StoreError> {
        let append = append.under(self.lease);
        let mut pauses = Pauses::short();
        loop {
            match journal.append(append.clone()).await {
                Err(error) if error.may_pass() => {
                    tracing::warn!(error = %error, "the journal takes nothing; trying again");
                    tokio::time::sleep(pauses.next()).await;
                }
                written => return written,
            }
        }
    }

    /// What the agents have spent that a run asked for, of those that count.
    pub(super) async fn spent_by_agents_of(
        &self,
        parent: RunId,
        counts: impl Fn(RunId) -> bool + Send,
    ) -> Result<Spent, StoreError> {
        let mut spent = Spent::default();
        let mut filter = RunFilter { parent: Some(parent), ..RunFilter::default() };
        loop {
            let page = self.runs.runs(filter.clone(), AGENTS_READ).await?;
            page.items.iter().filter(|run| counts(run.id)).for_each(|run| spent += of(run));
            filter.before = page.items.last().map(|run| run.id);
            if !page.has_more {
                return Ok(spent);
            }
        }
    }

    /// What a run has spent itself; nothing when it was deleted.
    pub(super) async fn spent_by(&self, run_id: RunId) -> Result<Spent, StoreError> {
        let run = self.runs.run(run_id).await?;
        Ok(run.as_ref().map(of).unwrap_or_default())
    }

    /// The inputs that wait. When they cannot be read they go on waiting: none is lost.
    pub(super) async fn inputs(&self) -> Vec<PendingInput> {
        match self.leases.pending_inputs(self.lease.run_id).await {
            Ok(inputs) => inputs,
            Err(error) => {
                tracing::warn!(error = %error, "the inputs of the run could not be looked up");
                Vec::new()
            }
        }
    }
}

fn of(run: &RunRecord) -> Spent {
    Spent { usage: run.usage, cost_micro_usd: run.cost_micro_usd }
}
