//! A model server on loopback that answers by a fixed script and keeps no state.
//!
//! The script stands in the URL ([`Script`]); how far a conversation is, the
//! server reads from the request itself. So one server serves any number of
//! runs at once, and its answers are the same in every run. It speaks the
//! streams of three vendors and the whole answers of OpenAI's.

mod anthropic;
mod gemini;
mod openai;
mod process;
mod script;
mod server;

pub use self::process::MockProcess;
pub use self::script::ParseScriptError;
pub use self::script::Script;
pub use self::server::MockModel;

/// The tool that the scripted model asks for in every round.
pub const TOOL: &str = "add";

/// One answer of the scripted model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It asks for [`TOOL`]; the number of this round, from 0.
    ToolCall { round: u32 },
    /// It says its last words in this many pieces.
    Text { deltas: u32 },
}

/// The words of one text delta, of the length that models stream them in.
fn word(index: u32) -> &'static str {
    const WORDS: [&str; 8] =
        [" and", " the", " answer", " is", " forty", "-two", ",", " of course"];
    WORDS.get(index as usize % WORDS.len()).copied().unwrap_or_default()
}

/// The arguments of the tool call of a round, in the pieces that models stream them in.
fn argument_pieces(round: u32) -> [String; 4] {
    ["{\"a\"".to_owned(), format!(": {}", 1000 + round), ", \"b\": ".to_owned(), "7}".to_owned()]
}
