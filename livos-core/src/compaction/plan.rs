//! Which messages are replaced and which stay.

use std::sync::Arc;

use crate::context::ContextError;
use crate::context::EstimatedTokens;
use crate::context::Scale;
use crate::context::cut_results;
use crate::context::message_tokens;
use crate::id::ModelName;
use crate::message::ContentBlock;
use crate::message::Message;
use crate::message::Role;

/// How many messages of the present task stay word for word beside the newest ones:
/// what the run was asked first, and what was added last.
const CARRIED: usize = 5;

/// To how many bytes tool results are cut, step by step, when nothing else helps.
const RESULT_LIMITS: [usize; 4] = [16_384, 4_096, 1_024, 256];

/// The part of the threshold that a compaction must bring to be worth a model call.
const WORTH: u64 = 5;

/// What a prompt may take.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) model: ModelName,
    /// Instructions and tools, as counted.
    pub(crate) fixed: u64,
    pub(crate) scale: Scale,
    /// Above this many tokens a prompt is compacted.
    pub(crate) threshold: u64,
    /// The window and what of it a prompt may fill.
    pub(crate) limit: Option<(u64, u64)>,
}

impl Room {
    /// The tokens of a prompt with messages that were counted as this.
    pub(crate) fn prompt(&self, counted: u64) -> u64 {
        self.scale.apply(counted + self.fixed)
    }

    /// Whether a prompt with messages that were counted as this may be sent.
    pub(crate) fn fits(&self, counted: u64) -> bool {
        self.limit.is_none_or(|(_, limit)| self.prompt(counted) <= limit)
    }

    fn too_long(&self, counted: u64) -> ContextError {
        let (window, limit) = self.limit.unwrap_or_default();
        ContextError::Conversation {
            model: self.model.clone(),
            window,
            needed: self.scale.apply(counted),
            room: limit.saturating_sub(self.scale.apply(self.fixed)),
        }
    }
}

/// How much a compaction is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Only if it is worth a model call.
    WhenWorthwhile,
    /// Somebody asked for it.
    Requested,
    /// The prompt cannot be sent as it is.
    Needed,
}

/// What there is to plan with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) messages: &'a [Arc<Message>],
    /// Tokens of all messages up to each place; one more than there are messages.
    pub(crate) sums: &'a [u64],
    /// Places of the messages of the present task, in order.
    pub(crate) tasks: &'a [usize],
    /// How many messages at the beginning stand for others already: the head of the compaction before.
    pub(crate) heads: usize,
}

/// Which messages are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) replaced: usize,
    pub(crate) carried: Vec<usize>,
    pub(crate) result_limit: Option<usize>,
}

impl Material<'_> {
    fn between(&self, from: usize, to: usize) -> u64 {
        let at = |place: usize| self.sums.get(place).copied().unwrap_or_default();
        at(to).saturating_sub(at(from))
    }

    pub(crate) fn total(&self) -> u64 {
        self.between(0, self.messages.len())
    }

    /// Tokens that a plan takes away, if what replaces them had none.
    pub(crate) fn replaced_tokens(&self, plan: &Plan) -> u64 {
        self.between(0, plan.replaced) - self.carried_tokens(&plan.carried)
    }

    /// Tokens of what stays under a plan.
    pub(crate) fn kept_tokens(&self, plan: &Plan) -> u64 {
        match plan.result_limit {
            None => self.total() - self.replaced_tokens(plan),
            Some(limit) => {
                let carried = plan.carried.iter().filter_map(|place| self.messages.get(*place));
                let kept = carried.chain(self.messages.iter().skip(plan.replaced));
                // The estimate is never below what any counter says, so that what fits here fits.
                kept.map(|message| message_tokens(&EstimatedTokens, &cut_results(message, limit)))
                    .sum()
            }
        }
    }

    /// How many messages a plan takes away, without what stood for others already.
    pub(crate) fn gone(&self, plan: &Plan) -> u64 {
        plan.replaced.saturating_sub(self.heads + plan.carried.len()) as u64
    }

    fn carried_tokens(&self, carried: &[usize]) -> u64 {
        carried.iter().map(|place| self.between(*place, place + 1)).sum()
    }

    /// The messages of the task that stay when everything before `replaced` goes.
    fn carried(&self, replaced: usize) -> Vec<usize> {
        let mut carried: Vec<usize> =
            self.tasks.iter().copied().filter(|place| *place < replaced).collect();
        if carried.len() > CARRIED {
            carried.drain(1..=carried.len() - CARRIED);
        }
        carried
    }

    /// Whether what stays may begin here: never with results whose calls would be gone.
    fn may_begin(&self, place: usize) -> bool {
        self.messages.get(place).is_some_and(|message| !has_results(message))
    }

    fn plan_at(&self, replaced: usize) -> Plan {
        Plan { replaced, carried: self.carried(replaced), result_limit: None }
    }

    /// The plan that keeps `keep` messages, or a few more where calls and results belong together.
    fn keeping(&self, keep: usize) -> Plan {
        let mut place = self.messages.len().saturating_sub(keep.max(1));
        while place > 0 && !self.may_begin(place) {
            place -= 1;
        }
        self.plan_at(place.max(self.heads))
    }

    /// Plans for a summary of at most `head_tokens`. None when nothing is worth it.
    pub(crate) fn for_summary(
        &self,
        room: &Room,
        keep: usize,
        head_tokens: u64,
        urgency: Urgency,
    ) -> Result<Option<Plan>, ContextError> {
        let preferred = self.keeping(keep);
        let gain = self.replaced_tokens(&preferred).saturating_sub(self.head_tokens());
        let fits = |plan: &Plan| room.fits(self.kept_tokens(plan) + head_tokens);
        let is_worthwhile = match urgency {
            Urgency::WhenWorthwhile => room.scale.apply(gain) * WORTH >= room.threshold,
            Urgency::Requested | Urgency::Needed => gain > 0,
        };
        if is_worthwhile && fits(&preferred) {
            return Ok(Some(preferred));
        }
        if urgency != Urgency::Needed && room.fits(self.total()) {
            return Ok(None);
        }
        self.shortest(room, preferred.replaced, head_tokens).map(Some)
    }

    /// Plans to leave out as few of the oldest turns as bring the prompt to `target` tokens,
    /// but none of the `keep` newest messages unless the window demands it.
    pub(crate) fn for_trimming(
        &self,
        room: &Room,
        keep: usize,
        head_tokens: u64,
        target: u64,
    ) -> Result<Plan, ContextError> {
        let last = self.keeping(keep).replaced;
        let first = self.heads + 1;
        let reaches = |plan: &Plan| {
            let counted = self.kept_tokens(plan) + head_tokens;
            room.prompt(counted) <= target && room.fits(counted)
        };
        let places = (first..=last).filter(|place| self.may_begin(*place));
        if let Some(plan) = places.map(|place| self.plan_at(place)).find(reaches) {
            return Ok(plan);
        }
        let most = self.plan_at(last);
        if room.fits(self.kept_tokens(&most) + head_tokens) {
            return Ok(most);
        }
        self.shortest(room, last, head_tokens)
    }

    /// Keeps fewer and fewer messages, then cuts results, until the window is kept.
    fn shortest(&self, room: &Room, from: usize, head_tokens: u64) -> Result<Plan, ContextError> {
        let fits = |plan: &Plan| room.fits(self.kept_tokens(plan) + head_tokens);
        let from = from.max(self.heads);
        let places = (from..self.messages.len()).filter(|place| self.may_begin(*place));
        let mut last = self.plan_at(from);
        for place in places {
            last = self.plan_at(place);
            if fits(&last) {
                return Ok(last);
            }
        }
        for limit in RESULT_LIMITS {
            last.result_limit = Some(limit);
            if fits(&last) {
                return Ok(last);
            }
        }
        Err(room.too_long(self.kept_tokens(&last) + head_tokens))
    }

    /// Tokens of the head of the compaction before: they are replaced, but nothing is gained by that.
    pub(crate) fn head_tokens(&self) -> u64 {
        self.between(0, self.heads)
    }
}

fn has_results(message: &Message) -> bool {
    message.role == Role::User
        && message.content.iter().any(|block| matches!(block, ContentBlock::ToolResult(_)))
}
