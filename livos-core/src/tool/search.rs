//! Finds tools that a model was not told about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Disclosure;
use super::Effect;
use super::Tool;
use super::ToolContext;
use super::ToolError;
use super::ToolOutput;
use super::ToolRegistry;
use super::ToolSpec;
use super::registry::WeakRegistry;

/// The name of the tool that finds tools.
pub(crate) const TOOL_SEARCH: &str = "tool_search";

/// How many tools one search finds unless asked otherwise.
const USUAL: usize = 5;

/// How many tools one search finds at most: each takes room in every request from then on.
const MOST: usize = 10;

/// How much of a description is shown; the whole of it follows with the tool.
const SHOWN: usize = 200;

/// What begins the line of a found tool.
const FOUND: &str = "- ";

/// The tool `tool_search`: finds the tools of a registry. A model is told of it only while tools are
/// withheld: those whose [`Disclosure`] is [`WhenFound`](Disclosure::WhenFound), and in a small window
/// others as well.
///
/// ```
/// use livos_core::{ToolRegistry, ToolSearch};
///
/// let tools = ToolRegistry::new();
/// tools.register(ToolSearch::of(&tools))?;
/// # Ok::<(), livos_core::RegisterToolError>(())
/// ```
#[derive(Debug)]
pub struct ToolSearch(WeakRegistry);

impl ToolSearch {
    /// Searches this registry. It does not keep it alive.
    pub fn of(tools: &ToolRegistry) -> Self {
        Self(tools.downgrade())
    }
}

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchArgs {
    /// What the tool shall do, in a few words, or its name.
    query: String,
    /// How many to find: 1 to 10, usually 5.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10))]
    limit: Option<u8>,
}

impl Tool for ToolSearch {
    type Args = SearchArgs;

    fn name(&self) -> &str {
        TOOL_SEARCH
    }

    fn description(&self) -> &str {
        include_str!("search.md").trim_ascii_end()
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: SearchArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let specs = self.0.upgrade().map(|tools| tools.specs());
        let specs = specs.as_deref().unwrap_or_default();
        let limit = args.limit.map_or(USUAL, usize::from).clamp(1, MOST);
        let found = search(specs, &args.query, limit);
        if found.is_empty() {
            return Err(ToolError::model(
                "no tool fits; try other words for what it shall do, or fewer",
            ));
        }
        let mut text = String::new();
        for spec in found {
            let about = spec.description.split_whitespace().collect::<Vec<_>>().join(" ");
            let about: String = about.chars().take(SHOWN).collect();
            // Writing to a text does not fail.
            let _ = writeln!(text, "{FOUND}{}: {about}", spec.name);
        }
        Ok(text.into())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::ToFind)
    }
}

/// The names in what a search gave: a line each.
pub(crate) fn names_found(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix(FOUND)?.split_once(':').map(|(name, _)| name))
}

/// The tools that fit best, best first; those that fit not at all are left out.
fn search<'a>(specs: &'a [ToolSpec], query: &str, limit: usize) -> Vec<&'a ToolSpec> {
    let wanted: BTreeSet<String> = words(query).filter(|word| !is_filler(word)).collect();
    let candidates: Vec<(&ToolSpec, BTreeMap<String, f64>)> = specs
        .iter()
        .filter(|spec| spec.disclosure != Disclosure::ToFind)
        .map(|spec| (spec, weights(spec)))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "there are not that many tools")]
    let worth = |word: &str| {
        let known = candidates.iter().filter(|(_, words)| fit(words, word) > 0.0).count();
        (1.0 + candidates.len() as f64 / (1.0 + known as f64)).ln()
    };
    let worth: Vec<(&String, f64)> = wanted.iter().map(|word| (word, worth(word))).collect();
    let mut scored: Vec<(f64, &ToolSpec)> = candidates
        .iter()
        .map(|(spec, words)| {
            let named = if spec.name.as_str() == query.trim() { 1_000.0 } else { 0.0 };
            let sum: f64 = worth.iter().map(|(word, worth)| fit(words, word) * worth).sum();
            (named + sum, *spec)
        })
        .filter(|(score, _)| *score > 0.0)
        .collect();
    scored.sort_by(|(one, a), (other, b)| {
        other.total_cmp(one).then_with(|| a.name.as_str().cmp(b.name.as_str()))
    });
    scored.into_iter().take(limit).map(|(_, spec)| spec).collect()
}

/// How well a word fits a tool: words of its name count most.
fn fit(words: &BTreeMap<String, f64>, wanted: &str) -> f64 {
    if let Some(weight) = words.get(wanted) {
        return *weight;
    }
    // `issue` fits `issues`, and `creating` fits `create`.
    let is_near = |word: &str| {
        let common = word.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        common >= 4 && common + 3 >= word.len().max(wanted.len())
    };
    let near = words.iter().filter(|(word, _)| is_near(word)).map(|(_, weight)| *weight);
    near.fold(0.0, f64::max) * 0.7
}

fn weights(spec: &ToolSpec) -> BTreeMap<String, f64> {
    let mut weights = BTreeMap::new();
    let mut add = |text: &str, weight: f64| {
        for word in words(text) {
            let known = weights.entry(word).or_insert(0.0);
            *known = f64::max(*known, weight);
        }
    };
    add(spec.name.as_str(), 3.0);
    add(&spec.description, 1.0);
    let properties = spec.input_schema.get("properties").and_then(serde_json::Value::as_object);
    for name in properties.into_iter().flat_map(serde_json::Map::keys) {
        add(name, 0.5);
    }
    weights
}

/// The words of a text, small; `camelCase` and `snake_case` are several.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut was_small = false;
    for letter in text.chars() {
        if was_small && letter.is_uppercase() {
            spaced.push(' ');
        }
        was_small = letter.is_lowercase();
        spaced.push(if letter.is_alphanumeric() { letter } else { ' ' });
    }
    let spaced = spaced.to_lowercase();
    spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Words that say nothing of what is wanted.
fn is_filler(word: &str) -> bool {
    const FILLER: [&str; 18] = [
        "a", "an", "and", "for", "from", "in", "mcp", "my", "of", "on", "or", "the", "this", "to",
        "tool", "tools", "with", "i",
    ];
    FILLER.contains(&word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(name: &str, description: &str) -> ToolSpec {
        let schema = json!({"type": "object", "properties": {"title": {}}});
        ToolSpec::new(name, description, schema, Effect::Mutating)
            .with_disclosure(Disclosure::WhenFound)
    }

    fn found(query: &str) -> Vec<String> {
        let specs = [
            spec("mcp__github__create_issue", "Opens a new issue in a repository."),
            spec("mcp__github__list_issues", "Lists the issues of a repository."),
            spec("mcp__calendar__createEvent", "Adds an event to the calendar."),
            spec("mcp__mail__send", "Sends a mail to somebody."),
        ];
        let found = search(&specs, query, 2);
        found.into_iter().map(|spec| spec.name.to_string()).collect()
    }

    #[test]
    fn what_fits_best_comes_first() {
        for (query, expected) in [
            ("create an issue", "mcp__github__create_issue"),
            ("listing issues", "mcp__github__list_issues"),
            ("add event to my calendar", "mcp__calendar__createEvent"),
            ("SEND email mail", "mcp__mail__send"),
            ("mcp__mail__send", "mcp__mail__send"),
        ] {
            assert_eq!(found(query).first().map(String::as_str), Some(expected), "{query}");
        }
        assert!(found("quantum chromodynamics").is_empty());
        assert!(found("").is_empty());
    }

    #[test]
    fn only_lines_of_the_search_itself_name_tools() {
        let text = "- mcp__a__b: does - c: d\n- mcp__a__c: e\nnothing: else\n";
        assert_eq!(names_found(text).collect::<Vec<_>>(), ["mcp__a__b", "mcp__a__c"]);
    }
}
