//! The one task that both sides do, so that they send and run the same.

/// The model asked for.
pub const MODEL: &str = "mock-1";
/// The key sent; the mock takes any.
pub const API_KEY: &str = "sk-bench";
/// The standing instructions.
pub const SYSTEM: &str = "You are a careful assistant. Use the tools you are given whenever a question needs a \
     calculation, and answer in one short sentence that names the result.";
/// What the user asks.
pub const QUESTION: &str = "Add the numbers of the list, one after the other, and tell me the sum.";
/// What the tool says of itself.
pub const TOOL_DESCRIPTION: &str = "Adds two whole numbers and gives their sum.";

/// The arguments of the tool.
#[derive(Debug, Clone, Copy, serde::Deserialize, schemars::JsonSchema)]
pub struct AddArguments {
    /// The first number.
    pub a: i64,
    /// The second number.
    pub b: i64,
}

impl AddArguments {
    /// What the tool answers.
    pub fn answer(self) -> String {
        format!("The sum of {} and {} is {}.", self.a, self.b, self.a + self.b)
    }
}

/// What a run came to, to be compared between the sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The model's last words.
    pub text: String,
    /// How many tools were run.
    pub tool_calls: u32,
    /// How many pieces of text an observer saw.
    pub deltas: u32,
}
