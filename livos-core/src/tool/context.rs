//! What a tool call knows about the run it belongs to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::approval::AskError;
use crate::approval::Asker;
use crate::approval::Question;
use crate::approval::QuestionReply;
use crate::budget::BudgetMeter;
use crate::cancel::CancelSignal;
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolCallId;
use crate::origin::Origin;
use crate::profile::AgentProfile;
use crate::profile::Spawning;
use crate::tool::Line;
use crate::tool::ToolRegistry;

/// What a tool call knows about the run it belongs to. It cannot be changed:
/// calls of different runs never see each other's (defect D04 of the earlier system).
#[derive(Debug, Clone)]
pub struct ToolContext {
    parts: Arc<ToolContextParts>,
    call_id: ToolCallId,
    cancel: CancelSignal,
    progress: ProgressSink,
    line: Option<Line>,
    asker: Option<Asker>,
}

/// The part of a [`ToolContext`] that all calls of a run share.
#[derive(Debug, Clone)]
pub struct ToolContextParts {
    /// The run.
    pub run_id: RunId,
    /// Its session.
    pub session_id: SessionId,
    /// Who asked, from where, and how far they are trusted.
    pub origin: Origin,
    /// What the run is instead of the agent everybody gets.
    pub profile: Option<Arc<AgentProfile>>,
    /// The tools that the run sees.
    pub tools: ToolRegistry,
    /// The directory that file tools are confined to, if the run has one.
    pub workspace: Option<Arc<Path>>,
    /// What the run may still spend.
    pub budget: BudgetMeter,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl ToolContext {
    /// The context of one call.
    pub fn new(
        parts: Arc<ToolContextParts>,
        call_id: ToolCallId,
        cancel: CancelSignal,
        progress: ProgressSink,
    ) -> Self {
        Self { parts, call_id, cancel, progress, line: None, asker: None }
    }

    /// Lets the call speak to the loop, and through it to people.
    pub(crate) fn speaking(mut self, line: Line, asker: Option<Asker>) -> Self {
        self.line = Some(line);
        self.asker = asker;
        self
    }

    /// The way to the loop, if it listens.
    pub(crate) fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }

    /// Asks a person, and waits for the answer: hours, if need be.
    ///
    /// The question is in the inbox of the agent's [`ApprovalManager`](crate::ApprovalManager). Waiting counts
    /// neither against the tool's deadline nor against the run's time. The question outlives the process: when
    /// the run goes on elsewhere, the call is made again, asks the same, and gets the answer that was given
    /// meanwhile. So a tool that asks should be [`ReadOnly`](crate::Effect::ReadOnly) or
    /// [`Idempotent`](crate::Effect::Idempotent), and ask the same questions in the same order; of any other
    /// the call is not made again, and what it asked is void. The same question of one call is asked once.
    ///
    /// Dropped, it takes the question back.
    ///
    /// # Errors
    /// When there is nobody to ask, the question is none, or it could not be kept.
    pub async fn ask(&self, question: Question) -> Result<QuestionReply, AskError> {
        let Some(asker) = &self.asker else { return Err(AskError::Nobody) };
        let _standing = self.parts.budget.pause(Arc::clone(&self.parts.clock));
        asker.ask(&self.call_id, question).await
    }

    /// Whether [`ask`](Self::ask) reaches anybody.
    pub fn can_ask(&self) -> bool {
        self.asker.is_some()
    }

    /// How long this call has waited for people so far. A tool with deadlines of its own adds it to them.
    pub fn time_with_people(&self) -> Duration {
        self.asker.as_ref().map(|asker| asker.time().total()).unwrap_or_default()
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        self.parts.run_id
    }

    /// The session of the run.
    pub fn session_id(&self) -> SessionId {
        self.parts.session_id
    }

    /// This call.
    pub fn call_id(&self) -> &ToolCallId {
        &self.call_id
    }

    /// Who asked, from where, and how far they are trusted.
    pub fn origin(&self) -> &Origin {
        &self.parts.origin
    }

    /// What the run is instead of the agent everybody gets.
    pub fn profile(&self) -> Option<&AgentProfile> {
        self.parts.profile.as_deref()
    }

    /// Whether the run may start other agents.
    pub fn may_spawn(&self) -> bool {
        self.profile().is_none_or(|profile| profile.spawning == Spawning::Allowed)
    }

    /// The tools that the run sees.
    pub fn tools(&self) -> &ToolRegistry {
        &self.parts.tools
    }

    /// The directory that file tools are confined to, if the run has one.
    pub fn workspace(&self) -> Option<&Path> {
        self.parts.workspace.as_deref()
    }

    /// What the run may still spend.
    pub fn budget(&self) -> &BudgetMeter {
        &self.parts.budget
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The signal that this call shall stop.
    pub fn cancel_signal(&self) -> &CancelSignal {
        &self.cancel
    }

    /// Waits until the call is asked to stop.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Tells observers how far the call is. Ephemeral: not kept, not shown to the model.
    pub fn report_progress(&self, text: impl Into<String>) {
        self.progress.report(&self.call_id, text.into());
    }

    /// How much of the run's wall clock is left, if it is limited.
    pub fn time_left(&self) -> Option<Duration> {
        self.parts.budget.time_left(self.parts.clock.now())
    }
}

/// Where a call's progress goes.
#[derive(Clone, Default)]
pub struct ProgressSink(Option<Arc<Report>>);

type Report = dyn Fn(&ToolCallId, String) + Send + Sync;

impl ProgressSink {
    /// A sink that hands each report to a function; it must not block.
    pub fn new(report: impl Fn(&ToolCallId, String) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    /// A sink nobody listens to.
    pub fn silent() -> Self {
        Self::default()
    }

    fn report(&self, call_id: &ToolCallId, text: String) {
        if let Some(report) = &self.0 {
            report(call_id, text);
        }
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProgressSink" } else { "ProgressSink(silent)" })
    }
}
