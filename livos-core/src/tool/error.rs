//! How a tool fails: the model is told, or the run ends.

/// How a tool fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The model is told and may try something else. The text must be safe for it to see.
    #[error("{0}")]
    Model(String),
    /// Nothing sensible can follow; the run ends as failed.
    #[error("{0}")]
    Fatal(String),
}

impl ToolError {
    /// A failure the model is told of. Say what was wrong and what would work.
    pub fn model(text: impl Into<String>) -> Self {
        Self::Model(text.into())
    }

    /// A failure that ends the run.
    pub fn fatal(text: impl Into<String>) -> Self {
        Self::Fatal(text.into())
    }
}
