//! What the model is to do with a message: written in the message itself, so that the mock
//! needs no memory and answers the same question the same way after every crash.
//!
//! A message reads `#s3-m2# plan=mr/i~/ .`: in its first turn the model calls a mutating and a
//! read-only tool, in its second, slowly, an idempotent one, and then it says something.

use livos_core::Effect;

use crate::chance::Chance;

const EFFECTS: [Effect; 4] =
    [Effect::ReadOnly, Effect::Idempotent, Effect::Mutating, Effect::Destructive];

/// The name of the tool of an effect.
pub(crate) fn tool_of(effect: Effect) -> &'static str {
    match effect {
        Effect::ReadOnly => "record_read_only",
        Effect::Idempotent => "record_idempotent",
        Effect::Mutating => "record_mutating",
        Effect::Destructive => "record_destructive",
    }
}

/// Every effect with the letter that stands for it.
fn letter_of(effect: Effect) -> char {
    match effect {
        Effect::ReadOnly => 'r',
        Effect::Idempotent => 'i',
        Effect::Mutating => 'm',
        Effect::Destructive => 'd',
    }
}

/// The effect of a tool, by its name.
pub(crate) fn effect_of(tool: &str) -> Option<Effect> {
    EFFECTS.into_iter().find(|effect| tool_of(*effect) == tool)
}

pub(crate) fn effects() -> [Effect; 4] {
    EFFECTS
}

/// One answer of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Turn {
    /// The tools it calls; none in the last.
    pub(crate) calls: Vec<Effect>,
    pub(crate) is_slow: bool,
}

/// What the model does with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The name of the message.
    pub(crate) message: String,
    /// The last one calls nothing.
    pub(crate) turns: Vec<Turn>,
}

impl Plan {
    pub(crate) fn draw(message: String, chance: &mut Chance) -> Self {
        let mut turns = Vec::new();
        for _ in 0..chance.below(4) {
            let calls = (0..chance.between(1, 3)).map(|_| chance.pick(&EFFECTS)).collect();
            turns.push(Turn { calls, is_slow: chance.percent(20) });
        }
        turns.push(Turn { calls: Vec::new(), is_slow: chance.percent(40) });
        Self { message, turns }
    }

    /// The message that says all this.
    pub(crate) fn text(&self) -> String {
        let turn = |turn: &Turn| {
            let calls: String = turn.calls.iter().map(|effect| letter_of(*effect)).collect();
            format!("{calls}{}", if turn.is_slow { "~" } else { "" })
        };
        let turns: Vec<String> = self.turns.iter().map(turn).collect();
        format!("#{}# plan={} .", self.message, turns.join("/"))
    }

    /// The newest plan in what the model reads.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (before, turns) = text.rsplit_once("# plan=")?;
        let message = before.rsplit_once('#')?.1.to_owned();
        let turns = turns.split_once(" .")?.0.split('/').map(|turn| {
            let effect = |letter| EFFECTS.into_iter().find(|it| letter_of(*it) == letter);
            Turn { calls: turn.chars().filter_map(effect).collect(), is_slow: turn.ends_with('~') }
        });
        Some(Self { message, turns: turns.collect() })
    }

    /// The name of a call, which no other call has.
    pub(crate) fn call(&self, turn: usize, index: usize) -> String {
        format!("{}-t{turn}-c{index}", self.message)
    }
}

/// The name of the message in what was said.
pub(crate) fn message_in(text: &str) -> Option<&str> {
    text.split_once("# plan=")?.0.rsplit_once('#').map(|(_, name)| name)
}
