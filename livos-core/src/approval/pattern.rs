//! Which calls a rule is about: a tool by name, and globs on its arguments.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::fingerprint::ArgumentsFingerprint;

/// The longest glob, in bytes.
const MAX_GLOB: usize = 2_000;
/// How many arguments one pattern may name.
const MAX_ARGUMENTS: usize = 16;

/// Which calls a rule is about.
///
/// The tool is a glob on its name. Arguments are globs on top-level string arguments, all of which must
/// be there and match; a pattern that names none fits any arguments. `*` stands for any text, `?` for one
/// character, and `\` takes the special meaning from the next one; everything else is itself, upper and
/// lower case apart. A glob always fits the whole text.
///
/// A glob sees text and not what a program makes of it: `git *` also fits `git status; rm -r .`.
///
/// ```
/// use livos_core::RulePattern;
///
/// let pattern = RulePattern::new("file_*")?.argument("path", "notes/*")?;
/// let arguments = serde_json::json!({ "path": "notes/today.md" });
/// assert!(pattern.fits("file_write", arguments.as_object().unwrap()));
/// assert!(RulePattern::new("").is_err());
/// # Ok::<(), livos_core::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WirePattern", into = "WirePattern")]
pub struct RulePattern {
    tool: Glob,
    arguments: BTreeMap<String, Glob>,
    exactly: Option<ArgumentsFingerprint>,
}

/// Why a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
#[non_exhaustive]
pub struct PatternError {
    /// The part that is wrong: `tool`, or `arguments.NAME`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl RulePattern {
    /// All calls of the tools whose name fits this glob.
    ///
    /// # Errors
    /// When the glob is empty, too long, or ends in a lone `\`.
    pub fn new(tool: &str) -> Result<Self, PatternError> {
        let tool = Glob::parse("tool", tool)?;
        Ok(Self { tool, arguments: BTreeMap::new(), exactly: None })
    }

    /// Only those whose string argument fits this glob too.
    ///
    /// # Errors
    /// When the glob is empty, too long, or ends in a lone `\`, or too many arguments are named (16).
    pub fn argument(mut self, name: impl Into<String>, glob: &str) -> Result<Self, PatternError> {
        let name = name.into();
        let field = format!("arguments.{name}");
        if self.arguments.len() >= MAX_ARGUMENTS {
            let message = format!("a pattern names at most {MAX_ARGUMENTS} arguments");
            return Err(PatternError { field, message });
        }
        let glob = Glob::parse(&field, glob)?;
        self.arguments.insert(name, glob);
        Ok(self)
    }

    /// The calls of one tool with exactly these arguments.
    pub fn of_call(tool: &str, arguments: &Map<String, Value>) -> Self {
        let exactly = Some(ArgumentsFingerprint::of(arguments));
        Self { tool: Glob::literal(tool), arguments: BTreeMap::new(), exactly }
    }

    /// The same with arguments that are known by their fingerprint only.
    pub(crate) fn of_fingerprint(tool: &str, exactly: ArgumentsFingerprint) -> Self {
        Self { tool: Glob::literal(tool), arguments: BTreeMap::new(), exactly: Some(exactly) }
    }

    /// Whether a call is meant. Allocates nothing unless the pattern is one of exact arguments.
    pub fn fits(&self, tool: &str, arguments: &Map<String, Value>) -> bool {
        self.tool.fits(tool)
            && self.arguments.iter().all(|(name, glob)| {
                arguments.get(name).and_then(Value::as_str).is_some_and(|text| glob.fits(text))
            })
            && self.exactly.as_ref().is_none_or(|then| *then == ArgumentsFingerprint::of(arguments))
    }
}

impl fmt::Display for RulePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tool.0)?;
        for (name, glob) in &self.arguments {
            write!(f, " {name}={:?}", glob.0)?;
        }
        match (&self.exactly, self.arguments.is_empty()) {
            (Some(_), _) => f.write_str(" with the arguments it was approved with"),
            (None, true) => f.write_str(" with any arguments"),
            (None, false) => Ok(()),
        }
    }
}

/// A pattern as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePattern {
    tool: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    arguments: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exactly: Option<ArgumentsFingerprint>,
}

impl TryFrom<WirePattern> for RulePattern {
    type Error = PatternError;

    fn try_from(wire: WirePattern) -> Result<Self, PatternError> {
        let named = Self { exactly: wire.exactly, ..Self::new(&wire.tool)? };
        wire.arguments.into_iter().try_fold(named, |all, (name, glob)| all.argument(name, &glob))
    }
}

impl From<RulePattern> for WirePattern {
    fn from(pattern: RulePattern) -> Self {
        let arguments = pattern.arguments.into_iter().map(|(name, glob)| (name, glob.0)).collect();
        Self { tool: pattern.tool.0, arguments, exactly: pattern.exactly }
    }
}

/// A text with `*` and `?` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob(String);

impl Glob {
    fn parse(field: &str, text: &str) -> Result<Self, PatternError> {
        let fault = |message: String| PatternError { field: field.to_owned(), message };
        if text.is_empty() {
            return Err(fault("is empty; `*` fits everything".to_owned()));
        }
        if text.len() > MAX_GLOB {
            return Err(fault(format!("has more than {MAX_GLOB} bytes")));
        }
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character == '\\' && characters.next().is_none() {
                return Err(fault(r"ends in a lone `\`; write `\\` for a backslash".to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// What fits this text only.
    fn literal(text: &str) -> Self {
        let mut glob = String::with_capacity(text.len());
        for character in text.chars() {
            if matches!(character, '*' | '?' | '\\') {
                glob.push('\\');
            }
            glob.push(character);
        }
        Self(glob)
    }

    /// Whether the whole text fits: at worst as many steps as text and glob are long, multiplied.
    fn fits(&self, text: &str) -> bool {
        let (mut glob, mut rest) = (self.0.chars(), text.chars());
        // Where to go on when what follows the last `*` does not fit: it takes one more character then.
        let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
        loop {
            let mut next_glob = glob.clone();
            let mut next_rest = rest.clone();
            let fits = match (next_glob.next(), next_rest.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    retry = Some((next_glob.clone(), rest.clone()));
                    glob = next_glob;
                    continue;
                }
                (Some('?'), Some(_)) => true,
                (Some('\\'), found) => found.is_some() && next_glob.next() == found,
                (Some(wanted), found) => found == Some(wanted),
                (None, Some(_)) => false,
            };
            if fits {
                (glob, rest) = (next_glob, next_rest);
                continue;
            }
            let Some((after_star, star_at)) = &mut retry else { return false };
            if star_at.next().is_none() {
                return false;
            }
            (glob, rest) = (after_star.clone(), star_at.clone());
        }
    }
}

#[cfg(test)]
mod tests;
