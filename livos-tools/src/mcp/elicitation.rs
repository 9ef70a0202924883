//! Questions that servers have for a person.

use std::fmt;

use async_trait::async_trait;
use serde_json::Map;
use serde_json::Value;

use super::ServerName;

/// Puts questions of servers before a person.
///
/// Without one, servers are told that nobody can be asked, and whoever asks all the same is
/// declined. `ask` may be dropped at any await point: the call it belongs to was given up.
#[async_trait]
pub trait Elicitation: fmt::Debug + Send + Sync + 'static {
    /// Asks, and waits for the answer.
    async fn ask(&self, question: ServerQuestion) -> ServerAnswer;
}

/// A question of a server. Its text is the server's own and to be shown as such.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerQuestion {
    /// Who asks.
    pub server: ServerName,
    /// What it asks.
    pub message: String,
    /// JSON Schema of the answer: an object of plain values.
    pub schema: Value,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerAnswer {
    /// This.
    Given(Map<String, Value>),
    /// They will not answer.
    Declined,
    /// They answered neither so nor so.
    Cancelled,
}
