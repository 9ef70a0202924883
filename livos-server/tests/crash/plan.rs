//! What the model is to do with a message: written in the message itself, so that the mock
//! needs no memory and answers the same question the same way after every crash.
//!
//! A message reads `#s3-m2# plan=mr/i~/ .`: in its first turn the model calls a mutating and a
//! read-only tool, in its second, slowly, an idempotent one, and then it says something. `a` starts an
//! agent and waits for it, `l` starts one whose result comes later; the agent's task is such a message too. A
//! second line may tell what the user likes.

use livos_core::Effect;

use crate::chance::Chance;
use crate::preference::told_by;

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

/// The tool that starts agents.
pub(crate) const AGENT_TOOL: &str = "sessions_create";
/// What an agent does: one call that must not be made twice, then its answer.
const AGENT_TURNS: &str = "m/~";
/// How many calls of a hundred start an agent.
const AGENTS_PERCENT: u64 = 12;

/// What the model calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A tool that leaves a trace.
    Record(Effect),
    /// An agent that is waited for.
    Agent,
    /// An agent that is heard of later.
    LaterAgent,
}

impl Asked {
    fn draw(chance: &mut Chance) -> Self {
        match chance.percent(AGENTS_PERCENT) {
            true => chance.pick(&[Self::Agent, Self::LaterAgent]),
            false => Self::Record(chance.pick(&EFFECTS)),
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Record(effect) => letter_of(effect),
            Self::Agent => 'a',
            Self::LaterAgent => 'l',
        }
    }

    fn of_letter(letter: char) -> Option<Self> {
        match letter {
            'a' => Some(Self::Agent),
            'l' => Some(Self::LaterAgent),
            _ => EFFECTS.into_iter().find(|effect| letter_of(*effect) == letter).map(Self::Record),
        }
    }
}

/// What the agent of a call is called, as if its task were a message. No session has a name that
/// this begins with.
pub(crate) fn agent_of(call: &str) -> String {
    format!("agent-{call}")
}

/// What the agent of a call is told.
pub(crate) fn agent_task(call: &str) -> String {
    format!("#{}# plan={AGENT_TURNS} .", agent_of(call))
}

/// One answer of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Turn {
    /// The tools it calls; none in the last.
    pub(crate) calls: Vec<Asked>,
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
            let calls = (0..chance.between(1, 3)).map(|_| Asked::draw(chance)).collect();
            turns.push(Turn { calls, is_slow: chance.percent(20) });
        }
        turns.push(Turn { calls: Vec::new(), is_slow: chance.percent(40) });
        Self { message, turns }
    }

    /// The message that says all this, and tells something of the user as well.
    pub(crate) fn telling_text(&self) -> String {
        format!("{}\n{}", self.text(), told_by(&self.message))
    }

    /// The message that says all this.
    pub(crate) fn text(&self) -> String {
        let turn = |turn: &Turn| {
            let calls: String = turn.calls.iter().map(|asked| asked.letter()).collect();
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
            let calls = turn.chars().filter_map(Asked::of_letter).collect();
            Turn { calls, is_slow: turn.ends_with('~') }
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
