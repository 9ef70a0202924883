//! What is known of a model by its name: its generation, its abilities, how it is told to think.

use livos_core::Capabilities;
use livos_core::ThinkingEffort;
use livos_core::ToolSupport;
use serde::Serialize;

use crate::catalog;

/// Families that take different requests.
///
/// Rules from <https://ai.google.dev/gemini-api/docs/thinking> and
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Open weights: no tools, no system instruction, no JSON mode.
    Gemma,
    /// Up to 2.0: does not think.
    Two,
    /// Thinks by a token budget.
    TwoFive,
    /// Thinks by level, and insists on its thought signatures.
    Three,
    /// Aliases such as `gemini-flash-latest`, tuned models.
    Unknown,
}

impl Generation {
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        if name.starts_with("gemma") {
            return Self::Gemma;
        }
        let Some(version) = name.strip_prefix("gemini-") else { return Self::Unknown };
        let version = version.split('-').next().unwrap_or_default();
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        match (major.parse::<u32>(), minor.parse::<u32>()) {
            (Ok(3..), _) => Self::Three,
            (Ok(2), Ok(5..)) => Self::TwoFive,
            (Ok(_), _) => Self::Two,
            (Err(_), _) => Self::Unknown,
        }
    }

    /// Whether a tool's images may be given inside its response. Others get them beside it.
    pub(super) fn has_multimodal_responses(self) -> bool {
        self == Self::Three
    }

    /// Whether the first call of each answer must carry a thought signature.
    pub(super) fn requires_signatures(self) -> bool {
        self == Self::Three
    }

    /// Whether an answer can be held to a schema while tools are on offer.
    pub(super) fn combines_tools_and_schema(self) -> bool {
        self == Self::Three
    }
}

/// What a model can do. Names that are not known get what the family has today.
pub(super) fn capabilities(model: &str) -> Capabilities {
    let generation = Generation::of(model);
    let mut known = Capabilities::default();
    known.images = true;
    if generation == Generation::Gemma {
        known.tools = ToolSupport::JsonInText;
        known.context_window = Some(131_072);
        known.max_output_tokens = Some(8_192);
        return known;
    }
    known.documents = true;
    known.structured_output = true;
    known.thinking = generation != Generation::Two;
    known.context_window = Some(1_048_576);
    known.max_output_tokens = Some(match generation {
        Generation::Two => 8_192,
        _ => 65_536,
    });
    catalog::capabilities(catalog::Vendor::Gemini, model, known)
}

/// `generationConfig.thinkingConfig`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// How to tell `model` to think as hard as asked; `None` where it cannot be told.
pub(super) fn thinking(model: &str, effort: ThinkingEffort) -> Option<ThinkingConfig> {
    let include_thoughts = effort != ThinkingEffort::Off;
    let by_budget = |budget| {
        Some(ThinkingConfig {
            include_thoughts,
            thinking_budget: Some(budget),
            thinking_level: None,
        })
    };
    match Generation::of(model) {
        Generation::Gemma | Generation::Two => None,
        // An alias may stand for a model that cannot stop thinking: better not to ask it.
        Generation::Unknown if effort == ThinkingEffort::Off => None,
        Generation::TwoFive | Generation::Unknown => by_budget(budget(model, effort)),
        Generation::Three => Some(ThinkingConfig {
            include_thoughts,
            thinking_budget: None,
            thinking_level: Some(level(model, effort)),
        }),
    }
}

/// Tokens to think with; -1 lets the model decide. 2.5 Pro cannot go below 128.
fn budget(model: &str, effort: ThinkingEffort) -> i32 {
    match effort {
        ThinkingEffort::Off if model.contains("-pro") => 128,
        ThinkingEffort::Off => 0,
        ThinkingEffort::Low => 1_024,
        ThinkingEffort::Medium => -1,
        ThinkingEffort::High => 24_576,
    }
}

/// Every model of the third generation knows `low` and `high`, the others only some.
fn level(model: &str, effort: ThinkingEffort) -> &'static str {
    let knows_minimal = model.contains("gemini-3-flash") || model.contains("flash-lite");
    let knows_medium = !model.contains("gemini-3-pro");
    match effort {
        ThinkingEffort::Off if knows_minimal => "minimal",
        ThinkingEffort::Off | ThinkingEffort::Low => "low",
        ThinkingEffort::Medium if knows_medium => "medium",
        ThinkingEffort::Medium | ThinkingEffort::High => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_is_read_from_the_name() {
        for (model, generation) in [
            ("gemini-2.0-flash", Generation::Two),
            ("gemini-1.5-pro-002", Generation::Two),
            ("gemini-2.5-flash-lite", Generation::TwoFive),
            ("models/gemini-3-flash-preview", Generation::Three),
            ("gemini-3.8-flash", Generation::Three),
            ("gemini-4-pro", Generation::Three),
            ("gemini-flash-latest", Generation::Unknown),
            ("tunedModels/mine", Generation::Unknown),
            ("gemma-3-27b-it", Generation::Gemma),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }

    #[test]
    fn thinking_is_told_in_the_way_of_the_generation() {
        use ThinkingEffort::{High, Low, Medium, Off};
        for (model, effort, expected) in [
            ("gemini-2.0-flash", High, "null"),
            ("gemini-2.5-flash", Off, r#"{"includeThoughts":false,"thinkingBudget":0}"#),
            ("gemini-2.5-pro", Off, r#"{"includeThoughts":false,"thinkingBudget":128}"#),
            ("gemini-2.5-pro", Medium, r#"{"includeThoughts":true,"thinkingBudget":-1}"#),
            ("gemini-flash-latest", Off, "null"),
            ("gemini-flash-latest", Low, r#"{"includeThoughts":true,"thinkingBudget":1024}"#),
            (
                "gemini-3-flash-preview",
                Off,
                r#"{"includeThoughts":false,"thinkingLevel":"minimal"}"#,
            ),
            ("gemini-3.8-flash", Off, r#"{"includeThoughts":false,"thinkingLevel":"low"}"#),
            ("gemini-3.8-flash", Medium, r#"{"includeThoughts":true,"thinkingLevel":"medium"}"#),
            ("gemini-3-pro-preview", Medium, r#"{"includeThoughts":true,"thinkingLevel":"high"}"#),
        ] {
            let config = serde_json::to_string(&thinking(model, effort)).unwrap();
            assert_eq!(config, expected, "{model} {effort:?}");
        }
    }
}
