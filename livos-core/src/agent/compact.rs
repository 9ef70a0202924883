//! Compaction by hand, between runs.

use super::AgentLoop;
use super::Ending;
use super::accounts::Accounts;
use super::admitted::recall;
use super::disclosure::FoundTools;
use super::make_room::asked_provider;
use super::transcript::RunPhase;
use crate::compaction::SummaryError;
use crate::compaction::Urgency;
use crate::context::ContextError;
use crate::context::ContextReport;
use crate::event::CompactionCall;
use crate::event::CompactionReason;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::store::Append;
use crate::store::NewEntry;
use crate::store::StoreError;
use crate::store::UsageRow;

/// How a session shall be compacted.
///
/// ```
/// use livos_core::CompactionRequest;
///
/// let request = CompactionRequest::default().with_instructions("Keep the table of prices.");
/// assert_eq!(request.instructions, "Keep the table of prices.");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CompactionRequest {
    /// What the summary shall heed besides the usual; empty for nothing.
    pub instructions: String,
    /// The model whose window counts; the agent's where absent.
    pub model: Option<ModelName>,
    /// Who asks, for the accounts.
    pub origin: Origin,
}

impl CompactionRequest {
    /// Says what the summary shall heed.
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = instructions.into();
        self
    }

    /// Sets the model whose window counts.
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets who asks.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
}

/// What a compaction by hand saved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// Tokens of the next prompt as it was, instructions and tools included.
    pub tokens_before: u64,
    /// Its tokens as it is now.
    pub tokens_after: u64,
    /// How many messages the summary stands for; 0 when there was nothing to sum up.
    pub messages_summarised: u64,
    /// The model call. The journal's store has it in its accounts already.
    pub call: Option<CompactionCall>,
    /// The number of the entry that says so, if there is one.
    pub seq: Option<u64>,
}

impl CompactionReport {
    /// How many tokens fewer the next prompt has.
    pub fn saved_tokens(&self) -> u64 {
        self.tokens_before.saturating_sub(self.tokens_after)
    }

    /// The same in percent of what it had, rounded down.
    pub fn saved_percent(&self) -> u64 {
        self.saved_tokens() * 100 / self.tokens_before.max(1)
    }
}

/// Why a session was not compacted. It is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// A run is under way; it compacts by itself when it has to.
    #[error("run {run_id} of the session is not over; wait for it or cancel it")]
    Busy {
        /// The run.
        run_id: RunId,
    },
    /// What all runs together may cost in a day is spent; a summary costs as well.
    #[error("{0}")]
    DailyLimit(String),
    /// A run began, or somebody else compacted, while the summary was written.
    #[error("the session went on while it was summed up; try again when no run is under way")]
    Overtaken {
        /// The model call, which costs all the same.
        usage: Vec<UsageRow>,
    },
    /// There is no summary.
    #[error("the session keeps its messages, for there is no summary")]
    Summary {
        /// Why.
        source: SummaryError,
        /// The model call, if one was made.
        usage: Vec<UsageRow>,
    },
    /// What must stay does not fit the model's window.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The journal did not keep or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CompactError {
    /// What was spent for nothing, to be recorded with
    /// [`UsageLog::record_usage`](crate::UsageLog::record_usage).
    pub fn usage(&self) -> &[UsageRow] {
        match self {
            Self::Overtaken { usage } | Self::Summary { usage, .. } => usage,
            Self::Busy { .. } | Self::DailyLimit(_) | Self::Context(_) | Self::Store(_) => &[],
        }
    }
}

impl AgentLoop {
    /// Sums up the older messages of a session now, though there may be room still.
    ///
    /// The newest messages, the last task and pinned facts stay word for word, and the journal
    /// keeps everything. The entry belongs to the session's last run. A session with nothing
    /// to sum up is left as it is, and the report says that nothing was saved.
    ///
    /// Call it between runs of the session, as runs are called one after the other. Dropping
    /// the future leaves the session as it was.
    ///
    /// # Errors
    /// When a run is under way, no summary could be made, or the journal failed.
    pub async fn compact(
        &self,
        session_id: SessionId,
        request: CompactionRequest,
    ) -> Result<CompactionReport, CompactError> {
        let shared = &*self.shared;
        let known = shared.journal.last_seq(session_id).await?;
        let mut transcript = recall(shared, session_id).await?;
        let model = request.model.as_ref().unwrap_or(&shared.model);
        let counter = shared.counter(model);
        let report = self.context_report(model);
        let counted = transcript.tokens(&*counter);
        let scale = transcript.scale(asked_provider(model).as_ref(), report.fixed_tokens());
        let room = shared.room(&report, scale);
        let unchanged = CompactionReport {
            tokens_before: room.prompt(counted),
            tokens_after: room.prompt(counted),
            messages_summarised: 0,
            call: None,
            seq: None,
        };
        let run_id = match transcript.last_run() {
            None => return Ok(unchanged),
            Some((run_id, RunPhase::Going)) => return Err(CompactError::Busy { run_id }),
            Some((run_id, RunPhase::Over)) => run_id,
        };
        if let Some(limit) = &shared.daily_limit
            && let Some(Ending { error: Some(error), .. }) = limit.reached(shared.clock.now()).await
        {
            return Err(CompactError::DailyLimit(error.message));
        }
        let view = transcript.view(&*counter);
        let occasion = (CompactionReason::Requested, Urgency::Requested);
        let compactor = shared.compactor(model);
        let (author, author_model) = compactor.author();
        let author = author.or_else(|| asked_provider(&author_model));
        let author = author.unwrap_or_else(|| shared.provider.id().clone());
        let mut accounts = Accounts::default();
        accounts.summary_asked(author, author_model, shared.clock.now());
        let instructions = shared.clean_text(request.instructions);
        let compacted = compactor.compact(&view, &room, occasion, &instructions).await?;
        accounts.compacted(compacted.as_ref(), shared.clock.now());
        let usage = accounts.take((session_id, run_id), &request.origin);
        let Some(compacted) = compacted else { return Ok(unchanged) };
        let EventKind::Compacted { tokens_before, tokens_after, messages_summarised, call, .. } =
            &compacted.event
        else {
            return Ok(unchanged);
        };
        let call = call.as_deref().cloned();
        if let Some(source) = compacted.failure {
            return Err(CompactError::Summary { source, usage });
        }
        if shared.journal.last_seq(session_id).await? != known {
            return Err(CompactError::Overtaken { usage });
        }
        let report = CompactionReport {
            tokens_before: *tokens_before,
            tokens_after: *tokens_after,
            messages_summarised: *messages_summarised,
            call,
            seq: None,
        };
        let kind = shared.clean(compacted.event);
        let entry = NewEntry { run_id, at: shared.clock.now(), kind };
        let seq = shared.journal.append(Append::new(session_id, vec![entry]).using(usage)).await?;
        // The cached transcript is older than the journal now, and so is not used again.
        Ok(CompactionReport { seq: Some(seq), ..report })
    }

    /// What every request to a model takes of its window: for a check before the first message.
    pub fn context_report(&self, model: &ModelName) -> ContextReport {
        let counter = self.shared.counter(model);
        let system = self.shared.system_prompt.as_deref();
        let tools = self.shared.offered(&self.shared.tools, &FoundTools::default(), model);
        self.shared.context_report(&*counter, model, (system, &tools))
    }
}
