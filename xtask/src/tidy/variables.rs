//! `.env.example` names the environment variables that the programs read: all of them, and no other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Findings;
use crate::environment::EXAMPLE;
use crate::environment::documented_variables;
use crate::environment::is_variable_name;
use crate::source::Source;
use crate::workspace::File;

/// Where those are that only tests and chores read.
const GUIDE: &str = "CONTRIBUTING.md";

/// What our programs set for those that they start, and never read to configure themselves.
const SET_FOR_OTHERS: [&str; 1] = ["LIVOS_SHELL_CALL"];

/// What the names of vendors' variables end in.
const VENDOR_ENDINGS: [&str; 7] =
    ["_API_KEY", "_BASE_URL", "_URL", "_BOT_TOKEN", "_TOKEN", "_HOST", "_SECRET"];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    let documented = files
        .iter()
        .find(|file| file.path == EXAMPLE)
        .and_then(|file| file.text.as_deref())
        .map(documented_variables)
        .unwrap_or_default();
    let read = read_by(files, is_program);
    for (name, path) in &read {
        if !documented.contains(name) {
            findings.error(format!("{path}: reads {name}, which {EXAMPLE} does not name"));
        }
    }
    for name in documented.iter().filter(|name| !read.contains_key(*name)) {
        findings.error(format!("{EXAMPLE}: names {name}, which nothing reads"));
    }
    check_guide(files, &documented, findings);
}

fn check_guide(files: &[File], documented: &BTreeSet<String>, findings: &mut Findings) {
    let guide = files.iter().find(|file| file.path == GUIDE).and_then(|file| file.text.as_deref());
    for (name, path) in read_by(files, |path| !is_program(path)) {
        let is_ours = name.starts_with("LIVOS_");
        let is_named = documented.contains(&name) || guide.is_some_and(|text| text.contains(&name));
        if is_ours && !is_named {
            findings.error(format!("{path}: reads {name}, which {GUIDE} does not name"));
        }
    }
}

/// Whether the file is part of what people run, and not of tests and chores.
fn is_program(path: &str) -> bool {
    let of_tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    let of_chores = path.starts_with("xtask/") || path.starts_with("benches/");
    !of_tests && !of_chores
}

fn read_by(files: &[File], wanted: impl Fn(&str) -> bool) -> BTreeMap<String, &str> {
    let mut names = BTreeMap::new();
    let sources = files.iter().filter(|file| file.is("rs") && wanted(&file.path));
    for file in sources {
        let Some(text) = &file.text else { continue };
        for literal in Source::without_tests(text).literals() {
            if is_variable(literal) {
                names.entry(literal.clone()).or_insert(file.path.as_str());
            }
        }
    }
    names
}

fn is_variable(literal: &str) -> bool {
    let is_name = is_variable_name(literal);
    let has_body = |affix: &str| literal.len() > affix.len();
    let is_ours = literal.starts_with("LIVOS_") && has_body("LIVOS_");
    let is_vendors = VENDOR_ENDINGS.iter().any(|end| literal.ends_with(end) && has_body(end));
    is_name && (is_ours || is_vendors) && !SET_FOR_OTHERS.contains(&literal)
}

#[cfg(test)]
mod tests {
    use super::Findings;
    use super::check;
    use crate::workspace::File;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), size: text.len(), text: Some(text.to_owned()) }
    }

    #[test]
    fn the_example_names_what_is_read_and_nothing_else() {
        let files = [
            file(".env.example", "# Where.\nLIVOS_HOME=x\n# ACME_API_KEY=\nLIVOS_GONE=1\n"),
            file(
                "a/src/b.rs",
                "f(\"LIVOS_HOME\"); f(\"ACME_API_KEY\"); f(\"LIVOS_NEW\"); // \"LIVOS_NO\"",
            ),
            file("a/tests/it/c.rs", "f(\"LIVOS_FOR_TESTS\"); f(\"SOME_TOKEN\")"),
            file("CONTRIBUTING.md", "nothing yet"),
        ];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        assert_eq!(
            findings.errors,
            [
                "a/src/b.rs: reads LIVOS_NEW, which .env.example does not name",
                ".env.example: names LIVOS_GONE, which nothing reads",
                "a/tests/it/c.rs: reads LIVOS_FOR_TESTS, which CONTRIBUTING.md does not name",
            ]
        );
    }
}
