//! The agent: asks a model, runs the tools it wants, and asks again.
//!
//! [`AgentRun`] takes every decision and does no IO; [`AgentLoop`] does the IO
//! and takes none. What happens goes to the journal first, then into the
//! `AgentRun`, then to observers.

mod accounts;
mod admitted;
mod builder;
mod compact;
mod daily_limit;
mod disclosure;
mod dispatch;
mod driver;
mod event_queue;
mod handle;
mod interrupt;
mod make_room;
mod model_call;
mod outcome;
mod permission;
mod queued;
mod recall;
mod redact;
mod rehearsal;
mod repetition;
mod request;
mod run;
mod shared_budget;
mod transcript;
mod transcript_cache;

use std::path::Path;
use std::sync::Arc;

pub use self::builder::AgentLoopBuilder;
pub use self::builder::ToolMode;
pub use self::compact::CompactError;
pub use self::compact::CompactionReport;
pub use self::compact::CompactionRequest;
pub use self::handle::RunControl;
pub use self::handle::RunHandle;
pub use self::handle::Steered;
pub use self::outcome::EndRecord;
pub use self::outcome::RunOutcome;
pub use self::request::RunRequest;
pub use self::run::AgentRun;
pub use self::run::CallProgress;
pub use self::run::Ending;
pub use self::run::PendingCall;
pub use self::run::Step;
pub use self::run::ToolAccess;
pub use self::transcript::Transcript;

pub(crate) use self::queued::Places;
pub(crate) use self::queued::Workplace;
pub(crate) use self::rehearsal::RecordedPermission;
pub(crate) use self::rehearsal::RecordedRoom;
pub(crate) use self::rehearsal::Rehearsal;
pub(crate) use self::rehearsal::Surroundings;

use self::daily_limit::DailyLimit;
use self::disclosure::ToolDisclosure;
use self::driver::Driver;
use self::driver::Start;
use self::queued::Queued;
use self::redact::CleanTools;
use self::transcript_cache::TranscriptCache;
use crate::approval::ApprovalManager;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::compaction::CompactionPolicy;
use crate::context::FixedParts;
use crate::context::LearnedWindows;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::memory::Recall;
use crate::provider::AIProvider;
use crate::provider::Delivery;
use crate::provider::ThinkingEffort;
use crate::redaction::Redactor;
use crate::store::Claim;
use crate::store::Journal;
use crate::store::StoreError;
use crate::tool::ToolRegistry;

/// An agent: a model, tools, instructions and limits. Clones are the same agent.
///
/// ```
/// use futures::StreamExt;
/// use livos_core::testing::ScriptedProvider;
/// use livos_core::{AgentLoop, EventKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let agent = AgentLoop::builder(ScriptedProvider::answering("Four."))
///     .system_prompt("You answer in one word.")
///     .build();
///
/// let mut run = agent.run("What is 2 + 2?");
/// while let Some(event) = run.next().await {
///     if let EventKind::TextDelta { text } = event.kind {
///         print!("{text}");
///     }
/// }
/// assert_eq!(run.await.text, "Four.");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AgentLoop {
    shared: Arc<Shared>,
}

/// What all runs of an agent share.
#[derive(Debug)]
struct Shared {
    provider: Arc<dyn AIProvider>,
    model: ModelName,
    system_prompt: Option<Arc<str>>,
    tools: ToolRegistry,
    journal: Arc<dyn Journal>,
    budget: Budget,
    workspace: Option<Arc<Path>>,
    clock: Arc<dyn Clock>,
    thinking: ThinkingEffort,
    max_output_tokens: Option<u32>,
    temperature: Option<f32>,
    delivery: Delivery,
    transcripts: TranscriptCache,
    compaction: CompactionPolicy,
    windows: LearnedWindows,
    fixed_parts: FixedParts,
    /// Who plays the surroundings, when a run is played again.
    rehearsal: Option<Arc<dyn Rehearsal>>,
    daily_limit: Option<DailyLimit>,
    /// Who asks people; without it nobody is asked and every call is made.
    approvals: Option<ApprovalManager>,
    /// Takes known secrets out of what happens; none where there are none.
    redactor: Option<Redactor>,
    clean_tools: CleanTools,
    disclosure: ToolDisclosure,
    /// What looks into users' memories before runs; none where nothing does.
    recall: Option<Box<Recall>>,
}

impl AgentLoop {
    /// An agent that asks this provider; everything else has defaults.
    pub fn builder(provider: impl AIProvider) -> AgentLoopBuilder {
        AgentLoopBuilder::new(Arc::new(provider))
    }

    /// An agent that asks a provider which others share.
    pub fn builder_shared(provider: Arc<dyn AIProvider>) -> AgentLoopBuilder {
        AgentLoopBuilder::new(provider)
    }

    /// Begins a run. Nothing happens until the handle is polled: await it for
    /// the outcome, or read it as a stream of events.
    pub fn run(&self, request: impl Into<RunRequest>) -> RunHandle {
        Driver::launch(Arc::clone(&self.shared), Start::Admit(Box::new(request.into())))
    }

    /// Accepts a run: when this returns, its input is in the journal and the run can be acknowledged.
    ///
    /// # Errors
    /// When it could not be written down; then there is no run.
    pub async fn admit(&self, request: impl Into<RunRequest>) -> Result<RunHandle, StoreError> {
        let admitted = admitted::admit(&self.shared, request.into()).await?;
        Ok(Driver::launch(Arc::clone(&self.shared), Start::Admitted(Box::new(admitted))))
    }

    /// Goes on with a run that the journal shows unfinished, after its process died.
    ///
    /// A model call without answer is made again. A tool call without result
    /// is made again if its [`Effect`](crate::Effect) is repeatable; otherwise
    /// the model is told that the outcome is unknown.
    ///
    /// # Errors
    /// When the journal cannot be read, or has no such run unfinished.
    pub async fn resume(
        &self,
        session_id: SessionId,
        run_id: RunId,
    ) -> Result<RunHandle, StoreError> {
        let resumed = admitted::resume(&self.shared, session_id, run_id).await?;
        Ok(Driver::launch(Arc::clone(&self.shared), Start::Admitted(Box::new(resumed))))
    }

    /// Goes on with a run that was claimed from the queue of the journal's store; every entry is
    /// written under its lease. Where an append is refused the outcome is [`EndRecord::Missing`].
    ///
    /// # Errors
    /// When the journal cannot be read, or has no such run unfinished.
    pub(crate) async fn drive(
        &self,
        claim: &Claim,
        workplace: Workplace,
    ) -> Result<RunHandle, StoreError> {
        let (session_id, run_id) = (claim.session_id, claim.lease.run_id);
        let mut admitted = match claim.attempt {
            1 => admitted::take_up(&self.shared, session_id, run_id).await?,
            _ => admitted::resume(&self.shared, session_id, run_id).await?,
        };
        admitted.queued = Some(Queued::new(claim.lease, workplace));
        Ok(Driver::launch(Arc::clone(&self.shared), Start::Admitted(Box::new(admitted))))
    }

    /// Forgets what it remembers of a session, which was deleted or made anew under the same id.
    pub fn forget(&self, session_id: SessionId) {
        self.shared.transcripts.take(session_id);
    }

    /// What tells its time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The tools of this agent.
    pub fn tools(&self) -> &ToolRegistry {
        &self.shared.tools
    }

    /// The model asked unless a run says otherwise.
    pub fn model(&self) -> &ModelName {
        &self.shared.model
    }
}
