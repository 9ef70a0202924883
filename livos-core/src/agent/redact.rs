//! Takes secrets out of what a run writes down and shows.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Ending;
use super::Shared;
use super::disclosure::FoundTools;
use super::driver::Driver;
use crate::event::EventKind;
use crate::id::ModelName;
use crate::id::ToolCallId;
use crate::id::ToolName;
use crate::redaction::RedactedPieces;
use crate::redaction::Redactor;
use crate::tool::ToolRegistry;
use crate::tool::ToolSpec;

impl Shared {
    /// The fact without secrets. From here on it is what happened: the journal, the model, tools and
    /// observers get nothing else.
    pub(super) fn clean(&self, kind: EventKind) -> EventKind {
        match &self.redactor {
            Some(redactor) => redactor.cleaned(kind),
            None => kind,
        }
    }

    /// The same for several.
    pub(super) fn clean_all(&self, kinds: Vec<EventKind>) -> Vec<EventKind> {
        match &self.redactor {
            Some(redactor) => kinds.into_iter().map(|kind| redactor.cleaned(kind)).collect(),
            None => kinds,
        }
    }

    pub(super) fn clean_text(&self, text: String) -> String {
        match &self.redactor {
            Some(redactor) => redactor.cleaned(text),
            None => text,
        }
    }

    /// Why a run ended, as it may be shown.
    pub(super) fn clean_ending(&self, mut ending: Ending) -> Ending {
        ending.error = ending.error.map(|mut error| {
            error.message = self.clean_text(error.message);
            error
        });
        ending
    }

    /// What a model is told about in a session that found these: all tools, or fewer when they
    /// take too much room.
    pub(super) fn offered(
        &self,
        tools: &ToolRegistry,
        found: &FoundTools,
        model: &ModelName,
    ) -> Arc<[ToolSpec]> {
        let window = || self.provider.capabilities(model).context_window;
        self.disclosure.offered(self.shown_tools(tools), found, window)
    }

    /// The tools as a model gets them: the registry's own, unless a description has a secret.
    fn shown_tools(&self, tools: &ToolRegistry) -> Arc<[ToolSpec]> {
        let specs = tools.specs();
        match &self.redactor {
            Some(redactor) => self.clean_tools.of(specs, redactor),
            None => specs,
        }
    }

    /// For the pieces of one answer; none when no secret is known.
    pub(super) fn answer_gate(&self) -> Option<Box<AnswerGate>> {
        let redactor = self.redactor.as_ref()?;
        let (text, thinking) = (redactor.pieces()?, redactor.pieces()?);
        let redactor = redactor.clone();
        Some(Box::new(AnswerGate { redactor, text, thinking, calls: Vec::new() }))
    }
}

/// The descriptions of the tools without secrets, made once for as long as both stay the same: what is
/// sent to a model again and again must not be another text each time.
#[derive(Debug, Default)]
pub(super) struct CleanTools(Mutex<Option<CleanedTools>>);

#[derive(Debug)]
struct CleanedTools {
    specs: Arc<[ToolSpec]>,
    known: usize,
    clean: Arc<[ToolSpec]>,
}

impl CleanTools {
    fn of(&self, specs: Arc<[ToolSpec]>, redactor: &Redactor) -> Arc<[ToolSpec]> {
        let known = redactor.known();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            last.as_ref().filter(|last| Arc::ptr_eq(&last.specs, &specs) && last.known == known);
        if let Some(last) = same {
            return Arc::clone(&last.clean);
        }
        let texts =
            |spec: &ToolSpec| (Arc::clone(&spec.description), Arc::clone(&spec.input_schema));
        let clean: Vec<ToolSpec> = specs
            .iter()
            .map(|spec| {
                let (description, input_schema) = redactor.cleaned(texts(spec));
                ToolSpec { description, input_schema, ..spec.clone() }
            })
            .collect();
        // The counted size of the same tools is remembered by where they are.
        let clean = if *clean == *specs { Arc::clone(&specs) } else { clean.into() };
        *last = Some(CleanedTools { specs, known, clean: Arc::clone(&clean) });
        clean
    }
}

impl Driver {
    /// Shows a piece of an answer, as far as it is certain that no secret begins in it.
    pub(super) fn emit_piece(&mut self, gate: &mut Option<Box<AnswerGate>>, piece: EventKind) {
        let shown = match gate {
            None => Some(piece),
            Some(gate) => gate.pass(piece),
        };
        let Some(piece) = shown else { return };
        if let EventKind::TextDelta { text } = &piece {
            self.shown_text.push_str(text);
        }
        self.emit(piece);
    }

    /// The answer is whole: shows what was held back of it.
    pub(super) fn emit_rest(&self, gate: &mut Option<Box<AnswerGate>>) {
        if let Some(gate) = gate {
            gate.rest().into_iter().for_each(|piece| self.emit(piece));
        }
    }
}

/// Holds back what may be the beginning of a secret, in each of the texts that an answer consists of.
pub(super) struct AnswerGate {
    redactor: Redactor,
    text: RedactedPieces,
    thinking: RedactedPieces,
    calls: Vec<CallGate>,
}

struct CallGate {
    call_id: ToolCallId,
    name: ToolName,
    arguments: RedactedPieces,
}

impl AnswerGate {
    fn pass(&mut self, piece: EventKind) -> Option<EventKind> {
        match piece {
            EventKind::TextDelta { text } => {
                let text = self.text.push(text);
                (!text.is_empty()).then_some(EventKind::TextDelta { text })
            }
            EventKind::ThinkingDelta { text } => {
                let text = self.thinking.push(text);
                (!text.is_empty()).then_some(EventKind::ThinkingDelta { text })
            }
            EventKind::ToolCallDelta { call_id, name, partial_json } => {
                // The piece without text says that the call begins.
                let begins = partial_json.is_empty();
                let place = self.call(&call_id, &name)?;
                let gate = self.calls.get_mut(place)?;
                let partial_json = gate.arguments.push(partial_json);
                let (call_id, name) = (gate.call_id.clone(), gate.name.clone());
                let shown = EventKind::ToolCallDelta { call_id, name, partial_json };
                let is_nothing = !begins
                    && matches!(&shown, EventKind::ToolCallDelta { partial_json, .. } if partial_json.is_empty());
                (!is_nothing).then_some(shown)
            }
            other => Some(other),
        }
    }

    /// Where the gate of a call is; made at its first piece.
    fn call(&mut self, call_id: &ToolCallId, name: &ToolName) -> Option<usize> {
        let call_id = self.redactor.cleaned(call_id.clone());
        if let Some(place) = self.calls.iter().position(|call| call.call_id == call_id) {
            return Some(place);
        }
        let name = self.redactor.cleaned(name.clone());
        self.calls.push(CallGate { call_id, name, arguments: self.redactor.pieces()? });
        Some(self.calls.len() - 1)
    }

    fn rest(&mut self) -> Vec<EventKind> {
        let thinking = EventKind::ThinkingDelta { text: self.thinking.finish() };
        let text = EventKind::TextDelta { text: self.text.finish() };
        let calls = self.calls.drain(..).map(|mut call| EventKind::ToolCallDelta {
            partial_json: call.arguments.finish(),
            call_id: call.call_id,
            name: call.name,
        });
        let says_something = |piece: &EventKind| match piece {
            EventKind::ThinkingDelta { text } | EventKind::TextDelta { text } => !text.is_empty(),
            EventKind::ToolCallDelta { partial_json, .. } => !partial_json.is_empty(),
            _ => true,
        };
        [thinking, text].into_iter().chain(calls).filter(says_something).collect()
    }

    /// What was said so far is void.
    pub(super) fn discard(&mut self) {
        self.text.discard();
        self.thinking.discard();
        self.calls.clear();
    }
}
