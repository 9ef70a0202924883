//! From a conversation that is too long to the event that makes it shorter.

use std::sync::Arc;

use super::CompactionPolicy;
use super::SummaryError;
use super::head_message;
use super::pins;
use super::plan::Material;
use super::plan::Plan;
use super::plan::Room;
use super::plan::Urgency;
use super::summary;
use super::summary::Author;
use crate::clock::Clock;
use crate::context::ContextError;
use crate::context::EstimatedTokens;
use crate::context::message_tokens;
use crate::event::CompactedView;
use crate::event::CompactionCall;
use crate::event::CompactionMethod;
use crate::event::CompactionReason;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::ProviderId;
use crate::message::Conversation;
use crate::provider::AIProvider;

/// What pinned facts may take of a prompt.
const PINNED_TOKENS: u64 = 1_000;

/// What the words around summary and facts take.
const FRAME_TOKENS: u64 = 128;

/// Of the room for a conversation, a summary gets at most this part, and the facts half of it.
const SUMMARY_PART: u64 = 6;

/// The least room for a summary, for which no window is too small.
const LEAST_SUMMARY: u32 = 64;

/// A conversation as a model sees it, with what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) conversation: Conversation,
    /// Tokens of the messages before each place, and of all.
    pub(crate) sums: Vec<u64>,
    /// Places of the messages of the present task.
    pub(crate) tasks: Vec<usize>,
    /// The compaction before.
    pub(crate) last: Option<Arc<CompactedView>>,
}

/// What came of a compaction.
pub(crate) struct Compacted {
    /// A [`EventKind::Compacted`], to be written down.
    pub(crate) event: EventKind,
    /// Why the messages were left out instead of summed up.
    pub(crate) failure: Option<SummaryError>,
}

/// Makes conversations shorter.
pub(crate) struct Compactor<'a> {
    pub(crate) policy: &'a CompactionPolicy,
    pub(crate) provider: &'a dyn AIProvider,
    pub(crate) model: &'a ModelName,
    pub(crate) clock: &'a dyn Clock,
}

/// What the head of a compacted conversation may take.
struct HeadRoom {
    summary: u32,
    pinned: u64,
}

impl HeadRoom {
    fn tokens(&self) -> u64 {
        // A vocabulary may make fewer tokens of a summary than is counted here.
        FRAME_TOKENS + u64::from(self.summary) * 3 / 2 + self.pinned
    }
}

impl View {
    fn material(&self) -> Material<'_> {
        let heads = self.last.as_deref().and_then(head_message).map_or(0, |_| 1);
        Material { messages: &self.conversation, sums: &self.sums, tasks: &self.tasks, heads }
    }

    fn summary(&self) -> &str {
        self.last.as_ref().map_or("", |last| &last.summary)
    }

    fn pinned(&self) -> &[String] {
        self.last.as_ref().map_or(&[], |last| &last.pinned)
    }

    /// The facts to keep when the messages of a plan go.
    fn pins(&self, plan: &Plan, tokens: u64) -> Vec<String> {
        let heads = self.material().heads;
        let replaced = self.conversation.iter().take(plan.replaced).enumerate().skip(heads);
        let gone = replaced.filter(|(place, _)| !plan.carried.contains(place));
        pins::collect(self.pinned(), gone.map(|(_, message)| message), tokens)
    }
}

impl Compactor<'_> {
    /// Makes a conversation shorter if it has to be, or if it is worth it. None when it is not.
    ///
    /// # Errors
    /// When what has to stay does not fit the window.
    pub(crate) async fn compact(
        &self,
        view: &View,
        room: &Room,
        (reason, urgency): (CompactionReason, Urgency),
        wishes: &str,
    ) -> Result<Option<Compacted>, ContextError> {
        let head = self.head_room(room);
        let keep = self.policy.keep_messages;
        let material = view.material();
        let Some(plan) = material.for_summary(room, keep, head.tokens(), urgency)? else {
            return Ok(None);
        };
        if plan.replaced <= material.heads && plan.result_limit.is_none() {
            return Ok(None);
        }
        let fresh = material.replaced_tokens(&plan) > 0 && plan.replaced > material.heads;
        let (text, call) = match fresh {
            true => self.summarise(view, &plan, &head, wishes).await,
            // Only results are cut; what is known of the messages before stays.
            false => (Ok(view.summary().to_owned()), None),
        };
        let summarised = text.and_then(|text| {
            let next = next_view(view, &plan, &head, Some(text));
            check(&next, &material, &plan).map(|()| (next, CompactionMethod::Summarised))
        });
        let fits = |next: &CompactedView, plan: &Plan| {
            room.fits(material.kept_tokens(plan) + head_tokens(next))
        };
        let (next, plan, method, failure) = match summarised {
            Ok((next, method)) if fits(&next, &plan) => (next, plan, method, None),
            other => {
                let target = room.threshold / 2;
                let head_tokens = FRAME_TOKENS + head.pinned + material.head_tokens();
                let trimmed = material.for_trimming(room, keep, head_tokens, target)?;
                let next = next_view(view, &trimmed, &head, None);
                (next, trimmed, CompactionMethod::Trimmed, other.err())
            }
        };
        let after = material.kept_tokens(&plan) + head_tokens(&next);
        let event = EventKind::Compacted {
            tokens_before: room.prompt(material.total()),
            tokens_after: room.prompt(after),
            messages_summarised: match method {
                CompactionMethod::Summarised => material.gone(&plan),
                CompactionMethod::Trimmed => 0,
            },
            reason,
            method,
            view: Arc::new(next),
            call: call.map(Arc::new),
            failure: failure.as_ref().map(summary::explain),
        };
        Ok(Some(Compacted { event, failure }))
    }

    /// Who writes the summaries, with the model; no provider where the run's own does.
    pub(crate) fn author(&self) -> (Option<ProviderId>, ModelName) {
        let provider = self.policy.provider.as_ref().map(|provider| provider.id().clone());
        (provider, self.policy.model.as_ref().unwrap_or(self.model).clone())
    }

    fn head_room(&self, room: &Room) -> HeadRoom {
        let most = room.limit.map_or(u64::MAX, |(_, limit)| {
            limit.saturating_sub(room.scale.apply(room.fixed)) / SUMMARY_PART
        });
        let summary = u32::try_from(most).unwrap_or(u32::MAX).min(self.policy.summary_tokens);
        HeadRoom { summary: summary.max(LEAST_SUMMARY), pinned: (most / 2).min(PINNED_TOKENS) }
    }

    async fn summarise(
        &self,
        view: &View,
        plan: &Plan,
        head: &HeadRoom,
        wishes: &str,
    ) -> (Result<String, SummaryError>, Option<CompactionCall>) {
        let Self { policy, clock, .. } = *self;
        let provider = policy.provider.as_deref().unwrap_or(self.provider);
        let model = policy.model.as_ref().unwrap_or(self.model);
        let author = Author { policy, provider, model, clock, tokens: head.summary };
        let replaced = view.conversation.get(..plan.replaced).unwrap_or_default();
        author.summarise(replaced, wishes).await
    }
}

/// What the model sees next. Without a summary the one before stays, and says what is missing.
fn next_view(view: &View, plan: &Plan, head: &HeadRoom, summary: Option<String>) -> CompactedView {
    let last = view.last.as_deref();
    let left_out = last.map_or(0, |last| last.left_out);
    let (summary, left_out) = match summary {
        Some(summary) => (summary, left_out),
        None => (view.summary().to_owned(), left_out + view.material().gone(plan)),
    };
    CompactedView {
        generation: last.map_or(0, |last| last.generation) + 1,
        replaced: plan.replaced as u64,
        carried: plan.carried.iter().map(|place| *place as u64).collect(),
        summary,
        left_out,
        pinned: view.pins(plan, head.pinned),
        result_limit: plan.result_limit.map(|limit| limit as u64),
    }
}

fn head_tokens(view: &CompactedView) -> u64 {
    head_message(view).map_or(0, |head| message_tokens(&EstimatedTokens, &head))
}

/// A summary may move the watermark only if it saves something and has every pin.
fn check(view: &CompactedView, material: &Material<'_>, plan: &Plan) -> Result<(), SummaryError> {
    let (summary, replaced) = (head_tokens(view), material.replaced_tokens(plan));
    let saves = plan.result_limit.is_some() || summary < replaced;
    match saves {
        true => Ok(()),
        false => Err(SummaryError::TooLong { summary, replaced }),
    }
}
