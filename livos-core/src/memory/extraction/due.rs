//! Looks at what a user said in a run that ended, and has a model look at it if it may be worth remembering.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::DUE;
use super::FOUND;
use super::Parts;
use super::answer::INSTRUCTIONS;
use super::answer::MOST_SHOWN;
use super::answer::question;
use super::found::Address;
use super::is_trusted;
use super::own_words::said_in;
use super::own_words::sentences;
use crate::budget::Budget;
use crate::clock::Timestamp;
use crate::crash_point::CrashPoint;
use crate::delivery::DeliveryAttempt;
use crate::delivery::Repetition;
use crate::delivery::ReplySink;
use crate::delivery::SinkAnswer;
use crate::id::SessionId;
use crate::memory::MAX_QUERY_BYTES;
use crate::memory::MemoryError;
use crate::memory::recall::beginning;
use crate::memory::search::FactQuery;
use crate::memory::worth::Junk;
use crate::memory::worth::judge;
use crate::origin::Trigger;
use crate::origin::Trust;
use crate::profile::AgentProfile;
use crate::profile::Duty;
use crate::profile::Spawning;
use crate::store::Admission;
use crate::store::FactRecord;
use crate::store::IdempotencyKey;
use crate::store::Lane;
use crate::store::NewRun;
use crate::store::Priority;
use crate::store::QueueMode;
use crate::store::ReplyAddress;
use crate::store::RunFilter;
use crate::store::RunRecord;
use crate::store::SessionRecord;
use crate::store::StoreError;
use crate::store::UsageGroup;
use crate::store::UsagePurpose;
use crate::store::UsageQuery;

/// The source of the keys of these runs.
const SOURCE: &str = "memory-extraction";
/// What people tell the session of these runs by.
const TITLE: &str = "Memory";
/// How many runs of a session are looked at for others who take part.
const RUNS: usize = 256;
/// How long the embedding model may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the model may be asked: once, and again after each crash in between.
const TURNS: u32 = 4;
/// How long the model may take.
const TIME: Duration = Duration::from_secs(600);
const MICROS_A_DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// How a sentence begins that goes on about what the one before said.
const GOING_ON: [&str; 10] =
    ["he", "she", "it", "they", "his", "her", "its", "their", "we", "that's"];

/// Takes runs in that ended, and whose users' words are to be looked through.
///
/// The run's id is the key of what it admits: however often it is told of a run, and whoever dies meanwhile, the
/// words are looked through once.
#[derive(Debug)]
pub(super) struct ExtractionDue(pub(super) Arc<Parts>);

/// What becomes of a run's words.
enum Looked {
    /// A model looks at them.
    Admitted(String),
    /// There is nothing to look at.
    Nothing(&'static str),
}

#[async_trait]
impl ReplySink for ExtractionDue {
    fn kind(&self) -> &str {
        DUE
    }

    fn repetition(&self) -> Repetition {
        Repetition::Harmless
    }

    async fn deliver(&self, attempt: &DeliveryAttempt) -> SinkAnswer {
        CrashPoint::ExtractionDue.pass();
        match self.look(attempt).await {
            Ok(Looked::Admitted(run)) => {
                CrashPoint::ExtractionAdmitted.pass();
                SinkAnswer::Receipt(run)
            }
            Ok(Looked::Nothing(why)) => {
                tracing::debug!(run_id = %attempt.run_id, why, "nothing is looked through");
                SinkAnswer::Receipt(format!("nothing: {why}"))
            }
            Err(error) => SinkAnswer::Retry { after: None, error: error.to_string() },
        }
    }
}

impl ExtractionDue {
    async fn look(&self, attempt: &DeliveryAttempt) -> Result<Looked, MemoryError> {
        let parts = &*self.0;
        let Some(run) = parts.store.run(attempt.run_id).await? else {
            return Ok(Looked::Nothing("the run was deleted"));
        };
        // A user's words may have joined a run that something else began, such as an agent's result.
        if !is_trusted(&run.origin) || self.others_take_part(run.session_id).await? {
            return Ok(Looked::Nothing("others take part, or nobody trusted said it"));
        }
        let said = said_in(parts.store.as_ref(), run.session_id, run.id).await?;
        if !said.is_answered {
            return Ok(Looked::Nothing("no model answered"));
        }
        let words = self.worth_it(&sentences(&said.messages));
        if words.is_empty() {
            return Ok(Looked::Nothing("nothing of it is worth remembering, by the rules"));
        }
        let now = parts.clock.now();
        if self.asked_today(&run, now).await? >= parts.settings.daily {
            tracing::info!(user = %run.origin.user, "no more is looked through today");
            return Ok(Looked::Nothing("the limit of the day is reached"));
        }
        self.admit(&run, &words, now).await
    }

    /// Whether others read this conversation: what is said there is not for one user's memory.
    async fn others_take_part(&self, session: SessionId) -> Result<bool, StoreError> {
        let filter = RunFilter { session_id: Some(session), ..RunFilter::default() };
        let runs = self.0.store.runs(filter, RUNS).await?;
        Ok(runs.items.iter().any(|run| run.origin.trust <= Trust::Group))
    }

    /// The sentences that the rules let pass, and what goes on about them.
    fn worth_it(&self, sentences: &[String]) -> Vec<String> {
        let mut goes_on = false;
        let redactor = &self.0.memory.0.redactor;
        let worth_it = sentences.iter().filter(|sentence| {
            let verdict = judge(sentence, redactor);
            let first = sentence.split_whitespace().next().unwrap_or_default().to_lowercase();
            let is_worth_it = match verdict {
                Ok(()) => true,
                Err(Junk::Secret | Junk::Question | Junk::Code | Junk::Request) => false,
                Err(_) => goes_on && GOING_ON.contains(&first.as_str()),
            };
            goes_on = is_worth_it;
            is_worth_it
        });
        worth_it.cloned().collect()
    }

    /// How often a model was asked for this user since midnight UTC.
    async fn asked_today(&self, run: &RunRecord, now: Timestamp) -> Result<u64, StoreError> {
        let micros = now.as_unix_micros();
        let midnight = Timestamp::from_unix_micros(micros - micros.rem_euclid(MICROS_A_DAY));
        let query = UsageQuery {
            from: Some(midnight),
            user: Some(run.origin.user.clone()),
            group_by: vec![UsageGroup::Purpose],
            limit: 16,
            ..UsageQuery::default()
        };
        let totals = self.0.store.usage(query).await?;
        let own = UsagePurpose::MemoryExtraction.name();
        let asked = totals.iter().filter(|total| total.group.iter().any(|name| name == own));
        Ok(asked.map(|total| total.answered + total.failed + total.discarded).sum())
    }

    async fn admit(
        &self,
        source: &RunRecord,
        words: &[String],
        now: Timestamp,
    ) -> Result<Looked, MemoryError> {
        let Parts { store, settings, .. } = &*self.0;
        let known = self.known(source, words).await;
        let session = SessionId::of_memory(source.session_id);
        if store.session(session).await?.is_none() {
            let mut record = SessionRecord::new(session, now);
            record.title = Some(TITLE.to_owned());
            record.parent = Some(source.session_id);
            match store.create_session(record).await {
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let shown: Vec<String> = known.iter().map(|fact| fact.text.clone()).collect();
        let mut run = NewRun::new(session, question(&shown, words), now);
        run.trigger = Trigger::Memory;
        run.origin = source.origin.clone();
        run.model.clone_from(&settings.model);
        run.budget = Some(
            Budget::default().with_turns(TURNS).with_tokens(settings.tokens).with_wall_clock(TIME),
        );
        run.profile = Some(Arc::new(AgentProfile {
            agent: None,
            instructions: Some(INSTRUCTIONS.trim().into()),
            tools: Some(Arc::default()),
            spawning: Spawning::Denied,
            duty: Duty::ExtractMemories,
            draws_on: None,
        }));
        run.mode = QueueMode::Queue;
        run.priority = Priority::Low;
        run.lane = Some(Lane::new(format!("memory:{}", source.origin.user), 1));
        run.key = Some(IdempotencyKey::new(SOURCE, source.id.to_string()));
        let address = Address {
            user: source.origin.user.clone(),
            session_id: source.session_id,
            run_id: source.id,
            shown: known.iter().map(|fact| fact.id).collect(),
        };
        let address = serde_json::to_value(address)
            .map_err(|error| StoreError::unavailable(error.to_string()))?;
        run.reply_to = Some(ReplyAddress { kind: FOUND.into(), address });
        let own = run.run_id;
        Ok(Looked::Admitted(match store.admit(run).await? {
            Admission::Admitted { .. } => own.to_string(),
            Admission::Known { run_id, .. } | Admission::Joined { run_id, .. } => {
                run_id.to_string()
            }
        }))
    }

    /// What is known already that the words may repeat or contradict.
    async fn known(&self, source: &RunRecord, words: &[String]) -> Vec<FactRecord> {
        let said = words.join("\n");
        let text = beginning(&said, MAX_QUERY_BYTES);
        let mut query = FactQuery::new(source.origin.user.clone(), text);
        query.limit = MOST_SHOWN;
        query.patience = Some(PATIENCE);
        match self.0.memory.0.search(&query).await {
            Ok(found) => found.hits.into_iter().map(|hit| hit.fact).collect(),
            Err(error) => {
                tracing::warn!(%error, "what is known is not shown to the model that extracts");
                Vec::new()
            }
        }
    }
}
