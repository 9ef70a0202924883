//! `memory_add`.

use livos_core::Effect;
use livos_core::FactId;
use livos_core::FactKind;
use livos_core::Memory;
use livos_core::NewFact;
use livos_core::Remembered;
use livos_core::Timestamp;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::refused;
use super::user;

/// Remembers facts.
#[derive(Debug, Clone)]
pub struct MemoryAdd(Memory);

impl MemoryAdd {
    /// A tool that adds to this memory.
    pub fn new(memory: Memory) -> Self {
        Self(memory)
    }
}

/// The arguments of `memory_add`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryAddArgs {
    /// The fact, one sentence.
    text: String,
    /// What it is about: preference, profile, project, event or other (default).
    kind: Option<KindArg>,
    /// When it is true no more, RFC 3339.
    expires_at: Option<String>,
    /// The id of the fact that it takes the place of.
    replaces: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum KindArg {
    Preference,
    Profile,
    Project,
    Event,
    Other,
}

impl From<KindArg> for FactKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Preference => Self::Preference,
            KindArg::Profile => Self::Profile,
            KindArg::Project => Self::Project,
            KindArg::Event => Self::Event,
            KindArg::Other => Self::Other,
        }
    }
}

impl Tool for MemoryAdd {
    type Args = MemoryAddArgs;

    fn name(&self) -> &str {
        "memory_add"
    }

    fn description(&self) -> &str {
        include_str!("add.md")
    }

    fn effect(&self) -> Effect {
        // Told twice is stored once.
        Effect::Idempotent
    }

    async fn call(
        &self,
        args: MemoryAddArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let expires_at = args.expires_at.as_deref().map(str::parse::<Timestamp>).transpose();
        let replaces = args.replaces.as_deref().map(str::parse::<FactId>).transpose();
        let new = NewFact {
            kind: args.kind.map_or(FactKind::Other, FactKind::from),
            expires_at: expires_at
                .map_err(|error| ToolError::model(format!("expires_at: {error}")))?,
            replaces: replaces.map_err(|error| ToolError::model(format!("replaces: {error}")))?,
            session_id: Some(context.session_id()),
            run_id: Some(context.run_id()),
            ..NewFact::told(user(context)?, args.text)
        };
        let remembered = self.0.add(new).await.map_err(|error| refused(&error))?;
        let outcome = match &remembered {
            Remembered::Added(_) => "added",
            Remembered::Replaced { .. } => "replaced",
            Remembered::Known(_) => "known",
        };
        let fact = remembered.fact();
        let mut answer = json!({ "outcome": outcome, "id": fact.id, "text": fact.text });
        if let (Remembered::Replaced { old, .. }, Some(answer)) =
            (&remembered, answer.as_object_mut())
        {
            answer.insert("before".to_owned(), old.text.as_str().into());
        }
        ToolOutput::json(&answer)
    }
}
