//! File names say what is inside; these do not.

use super::Findings;
use crate::workspace::File;

/// Names that hold anything and so tell nothing.
const SAY_NOTHING: [&str; 11] = [
    "utils", "util", "helpers", "common", "misc", "types", "imp", "impl", "manager", "base", "ext",
];

/// Endings of files that editors, tools and crashes leave behind.
const LEFT_BEHIND: [&str; 11] = [
    ".orig",
    ".rej",
    ".bak",
    ".swp",
    ".tmp",
    ".log",
    ".pyc",
    ".snap.new",
    ".pending-snap",
    "~",
    ".DS_Store",
];

/// Nothing in the repository is larger; what is belongs elsewhere.
const MAX_FILE_BYTES: usize = 1024 * 1024;

pub(super) fn check(file: &File, findings: &mut Findings) {
    let path = &file.path;
    if let Some(reason) = refusal(path) {
        findings.error(format!("{path}: {reason}"));
    }
    if file.size > MAX_FILE_BYTES {
        findings.error(format!("{path}: {} bytes are more than {MAX_FILE_BYTES}", file.size));
    }
}

fn refusal(path: &str) -> Option<String> {
    if LEFT_BEHIND.iter().any(|ending| path.ends_with(ending)) || path.contains("__pycache__/") {
        return Some("a file that some program left behind".to_owned());
    }
    let module = path.strip_suffix(".rs")?;
    let mut words = module.split('/');
    if module.ends_with("/mod") {
        return Some("write foo.rs beside foo/ and not foo/mod.rs".to_owned());
    }
    let word = words.find(|word| SAY_NOTHING.contains(word))?;
    Some(format!("'{word}' says nothing about what is inside"))
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn names_that_say_nothing_are_refused() {
        for path in ["a/src/utils.rs", "a/src/common/x.rs", "a/src/b/mod.rs", "x.orig", "y.rs~"] {
            assert!(refusal(path).is_some(), "{path}");
        }
        for path in ["a/src/extension.rs", "a/src/mode.rs", "a/base.css", "README.md"] {
            assert_eq!(refusal(path), None, "{path}");
        }
    }
}
