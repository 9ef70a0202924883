//! The conversation a model is shown, as a fold over journal entries.

use std::sync::Arc;

use super::disclosure::FoundTools;
use crate::compaction::View;
use crate::compaction::head_message;
use crate::context::Scale;
use crate::context::TokenCounter;
use crate::context::TokenTally;
use crate::context::cut_results;
use crate::event::CompactedView;
use crate::event::EventKind;
use crate::event::ToolStatus;
use crate::id::ProviderId;
use crate::id::RunId;
use crate::message::ContentBlock;
use crate::message::Conversation;
use crate::message::Message;
use crate::message::Role;
use crate::message::ToolCall;
use crate::message::ToolResult;
use crate::origin::Company;
use crate::origin::Trigger;
use crate::origin::Trust;
use crate::profile::Duty;
use crate::tool::TOOL_SEARCH;

/// Builds the conversation of a session from its entries.
///
/// It keeps the promise that every provider asks for: each tool call is
/// answered exactly once, right after the message that made it, in the order
/// of the calls, whatever order they finished in. A compaction replaces the
/// older messages; the entries they were made of remain in the journal.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    conversation: Conversation,
    /// What was asked of runs that have not begun: it follows the answers of those before.
    waiting: Vec<Waiting>,
    /// The run whose calls are open.
    answering: Option<RunId>,
    open_calls: Vec<OpenCall>,
    /// What was said while calls were open; it follows their results.
    held_back: Vec<(Arc<Message>, Voice)>,
    /// What the present run was asked.
    tasks: Vec<Task>,
    /// How many of these a model has read, or were looked up in the memory.
    met: usize,
    /// The last compaction.
    compacted: Option<Arc<CompactedView>>,
    tally: TokenTally,
    /// The run that began last, and whether it is over.
    last_run: Option<(RunId, RunPhase)>,
    found_tools: FoundTools,
    company: Company,
}

/// Something that the present run was asked.
#[derive(Debug, Clone, Copy)]
struct Task {
    /// Its place in the conversation.
    place: usize,
    voice: Voice,
}

/// Who speaks in what a run is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// Whoever it works for.
    Person,
    /// Another service or an agent that reports.
    Report,
}

impl Voice {
    fn of(trigger: Option<Trigger>) -> Self {
        match trigger {
            Some(Trigger::Webhook | Trigger::Subagent | Trigger::Memory) => Self::Report,
            Some(Trigger::Message | Trigger::Api | Trigger::Schedule | Trigger::Task) | None => {
                Self::Person
            }
        }
    }
}

/// What was asked of a run that has not begun.
#[derive(Debug, Clone)]
struct Waiting {
    run_id: RunId,
    input: Arc<Message>,
    voice: Voice,
    duty: Duty,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunPhase {
    Going,
    Over,
}

#[derive(Debug, Clone)]
struct OpenCall {
    call: ToolCall,
    result: Option<ToolResult>,
}

impl Transcript {
    /// A session without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The conversation so far.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Takes in what happened in a run of the session.
    pub fn apply(&mut self, run_id: RunId, event: &EventKind) {
        match event {
            EventKind::RunAdmitted { input, origin, profile, trigger, .. } => {
                if origin.trust <= Trust::Group {
                    self.company = Company::Others;
                }
                let duty = profile.as_ref().map(|profile| profile.duty).unwrap_or_default();
                let (input, voice) = (Arc::clone(input), Voice::of(Some(*trigger)));
                self.waiting.push(Waiting { run_id, input, voice, duty });
            }
            EventKind::RunStarted { .. } => {
                self.last_run = Some((run_id, RunPhase::Going));
                if let Some(Waiting { input, voice, duty, .. }) = self.take_waiting(run_id) {
                    self.tasks.clear();
                    self.met = 0;
                    if duty == Duty::ExtractMemories {
                        self.begin_anew();
                    }
                    self.said(input, voice);
                }
            }
            EventKind::InputJoined { message, trigger } => {
                self.said(Arc::clone(message), Voice::of(*trigger));
            }
            EventKind::TurnStarted { .. } | EventKind::MemoriesRecalled(_) => {
                self.met = self.tasks.len();
            }
            EventKind::AssistantMessage { message, usage, provider, .. } => {
                self.close_calls();
                self.answering = Some(run_id);
                self.open_calls = message
                    .tool_calls()
                    .map(|call| OpenCall { call: call.clone(), result: None })
                    .collect();
                if !message.content.is_empty() {
                    self.conversation.push(Arc::clone(message));
                }
                self.tally.report(provider, self.conversation.len(), *usage);
            }
            EventKind::ToolFinished { call_id, name, status, content, .. } => {
                if name.as_str() == TOOL_SEARCH && *status == ToolStatus::Ok {
                    self.found_tools.take_in(content);
                }
                let open = self.open_calls.iter_mut().find(|open| open.call.call_id == *call_id);
                if let Some(open) = open {
                    open.result = Some(ToolResult {
                        call_id: call_id.clone(),
                        name: name.clone(),
                        content: content.to_vec(),
                        is_error: *status != ToolStatus::Ok,
                    });
                    if self.open_calls.iter().all(|open| open.result.is_some()) {
                        self.close_calls();
                    }
                }
            }
            EventKind::RunFinished { .. } => {
                // A run that ends before it began leaves no trace in the conversation.
                self.take_waiting(run_id);
                if self.answering == Some(run_id) {
                    self.close_calls();
                }
                if let Some((_, phase)) = self.last_run.as_mut().filter(|(last, _)| *last == run_id)
                {
                    *phase = RunPhase::Over;
                }
            }
            EventKind::Compacted { view, .. } => self.compact(view),
            _ => {}
        }
    }

    /// Who takes part besides the agent.
    pub(crate) fn company(&self) -> Company {
        self.company
    }

    /// How much the present run was asked.
    pub(crate) fn asked(&self) -> usize {
        self.tasks.len()
    }

    /// What the present run was asked beyond the first `known` by those whom it works for, and no model
    /// has read yet.
    pub(crate) fn newly_asked(&self, known: usize) -> impl Iterator<Item = &Message> {
        let new = self.tasks.iter().skip(self.met.max(known));
        new.filter(|task| task.voice == Voice::Person)
            .filter_map(|task| self.conversation.get(task.place).map(|message| &**message))
    }

    /// The run that began last, and whether it goes on.
    pub(crate) fn last_run(&self) -> Option<(RunId, RunPhase)> {
        self.last_run
    }

    /// Tools that the model is told about because it found them. A compaction leaves them.
    pub(crate) fn found_tools(&self) -> &FoundTools {
        &self.found_tools
    }

    /// The most tokens that any counter makes of the whole conversation.
    pub(crate) fn at_most_tokens(&mut self) -> u64 {
        self.tally.at_most(&self.conversation)
    }

    /// Tokens of the whole conversation as this counter counts.
    pub(crate) fn tokens(&mut self, counter: &dyn TokenCounter) -> u64 {
        self.tally.count(counter, &self.conversation).last().copied().unwrap_or_default()
    }

    /// How such counts relate to what the provider said last; valid after [`tokens`](Self::tokens).
    pub(crate) fn scale(&self, provider: Option<&ProviderId>, fixed_tokens: u64) -> Scale {
        self.tally.scale(provider, fixed_tokens)
    }

    /// What a compaction has to know.
    pub(crate) fn view(&mut self, counter: &dyn TokenCounter) -> View {
        View {
            sums: self.tally.count(counter, &self.conversation).to_vec(),
            conversation: self.conversation.clone(),
            tasks: self.tasks.iter().map(|task| task.place).collect(),
            last: self.compacted.clone(),
        }
    }

    /// Replaces the older messages. A compaction that was made for another view is void.
    fn compact(&mut self, view: &Arc<CompactedView>) {
        let generation = self.compacted.as_ref().map_or(0, |last| last.generation) + 1;
        let replaced = usize::try_from(view.replaced).unwrap_or(usize::MAX);
        if view.generation != generation || replaced > self.conversation.len() {
            tracing::warn!(view.generation, expected = generation, "a compaction is void");
            return;
        }
        let limit = view.result_limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let carried = view.carried.iter().filter_map(|place| usize::try_from(*place).ok());
        let stays: Vec<usize> = carried
            .filter(|place| *place < replaced)
            .chain(replaced..self.conversation.len())
            .collect();
        let head = head_message(view).map(Arc::new);
        let heads = head.iter().count();
        let kept = stays.iter().filter_map(|place| self.conversation.get(*place));
        let kept = kept.map(|message| match limit {
            Some(limit) => cut_results(message, limit),
            None => Arc::clone(message),
        });
        let conversation = head.into_iter().chain(kept).collect();
        let unmet = self.tasks.len() - self.met.min(self.tasks.len());
        self.tasks.retain_mut(|task| {
            let moved = stays.iter().position(|place| *place == task.place);
            task.place = moved.unwrap_or_default() + heads;
            moved.is_some()
        });
        self.met = self.tasks.len().saturating_sub(unmet);
        self.conversation = conversation;
        self.compacted = Some(Arc::clone(view));
        self.tally = TokenTally::default();
    }

    fn take_waiting(&mut self, run_id: RunId) -> Option<Waiting> {
        let place = self.waiting.iter().position(|waiting| waiting.run_id == run_id)?;
        Some(self.waiting.remove(place))
    }

    /// The run that begins sees nothing of those before it.
    fn begin_anew(&mut self) {
        self.close_calls();
        self.conversation = Conversation::default();
        self.compacted = None;
        self.tally = TokenTally::default();
    }

    fn said(&mut self, message: Arc<Message>, voice: Voice) {
        if self.open_calls.is_empty() {
            self.tasks.push(Task { place: self.conversation.len(), voice });
            self.conversation.push(message);
        } else {
            self.held_back.push((message, voice));
        }
    }

    /// Answers what is open: calls without result get one that says so.
    fn close_calls(&mut self) {
        if !self.open_calls.is_empty() {
            let open_calls = std::mem::take(&mut self.open_calls).into_iter();
            let results = open_calls.map(|open| {
                let OpenCall { call, result } = open;
                ContentBlock::ToolResult(result.unwrap_or_else(|| ToolResult {
                    call_id: call.call_id,
                    name: call.name,
                    content: vec![ContentBlock::text("the run ended before this call did")],
                    is_error: true,
                }))
            });
            let mut results: Vec<ContentBlock> = results.collect();
            // They would keep the room of the calls they were made of as long as the conversation.
            results.shrink_to_fit();
            self.conversation.push(Message::new(Role::User, results));
        }
        for (message, voice) in self.held_back.drain(..) {
            self.tasks.push(Task { place: self.conversation.len(), voice });
            self.conversation.push(message);
        }
    }
}
