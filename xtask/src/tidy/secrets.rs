//! Keys that somebody pasted.

use super::Findings;
use crate::workspace::File;

/// How keys begin, and how many letters, digits, `-` and `_` follow in a real one.
const SHAPES: [(&str, usize); 12] = [
    ("sk-ant-", 24),
    ("sk-proj-", 24),
    ("sk-or-v1-", 24),
    ("sk-", 40),
    ("AIzaSy", 30),
    ("gsk_", 40),
    ("ghp_", 30),
    ("github_pat_", 30),
    ("xoxb-", 24),
    ("xapp-", 24),
    ("AKIA", 16),
    ("hf_", 30),
];

/// A key is random; a placeholder such as `sk-ant-xxxxxxxx` is not.
const FEWEST_DIFFERENT_CHARACTERS: usize = 12;

pub(super) fn check(file: &File, findings: &mut Findings) {
    let Some(text) = &file.text else { return };
    for (number, line) in text.lines().enumerate() {
        if let Some(shape) = key_in(line) {
            findings.error(format!("{}:{}: looks like a key: {shape}...", file.path, number + 1));
        }
    }
}

fn key_in(line: &str) -> Option<&'static str> {
    if line.contains(&["PRIVATE", "KEY-----"].join(" ")) {
        return Some("-----BEGIN");
    }
    SHAPES.iter().find(|(prefix, length)| has_key(line, prefix, *length)).map(|(prefix, _)| *prefix)
}

fn has_key(line: &str, prefix: &str, length: usize) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let begins_word = !line.get(..at).unwrap_or_default().ends_with(char::is_alphanumeric);
        let tail = line.get(at + prefix.len()..).unwrap_or_default();
        let body: Vec<char> = tail
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .collect();
        let mut different = body.clone();
        different.sort_unstable();
        different.dedup();
        begins_word && body.len() >= length && different.len() >= FEWEST_DIFFERENT_CHARACTERS
    })
}

#[cfg(test)]
mod tests {
    use super::key_in;

    #[test]
    fn keys_are_found_and_placeholders_are_not() {
        let random = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5kL7n";
        for prefix in ["sk-ant-", "sk-", "AIzaSy", "ghp_"] {
            assert!(key_in(&format!("key = \"{prefix}{random}\"")).is_some(), "{prefix}");
        }
        for harmless in ["sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "task-list", "risk-free", "sk-test"]
        {
            assert_eq!(key_in(harmless), None, "{harmless}");
        }
    }
}
