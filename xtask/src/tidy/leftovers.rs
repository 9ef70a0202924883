//! What was useful while something was written, and must not stay.

use super::Findings;
use crate::source::Source;
use crate::workspace::File;

/// Places that exist on one machine only.
fn places() -> [String; 8] {
    // Put together here, so that this file does not hold what it looks for.
    [["work", ""], ["opt", "wt"], ["opt", "thirdparty"], ["root", ""], ["tmp", "bash_jobs"]]
        .map(|[first, second]| format!("/{first}/{second}"))
        .into_iter()
        .chain([["library", "search"], ["mirror", ""]].map(|[a, b]| format!(".{a}/{b}")))
        .chain([format!("shared/{}", "spec-")])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_default()
}

/// Code that says the work is not done, or that a test does not run.
fn unfinished() -> [String; 3] {
    ["todo!", "unimplemented!", "#[ignore"].map(str::to_owned)
}

/// The mark of a number or a text that is still to come.
fn placeholder() -> String {
    ["PEND", "ING"].concat()
}

pub(super) fn check(file: &File, findings: &mut Findings) {
    let Some(text) = &file.text else { return };
    for place in places() {
        report(file, text, &place, "a place that exists on one machine only", findings);
    }
    if file.is("md") {
        report(file, text, &placeholder(), "something is still to be written", findings);
    }
    if file.is("rs") {
        for word in unfinished() {
            report(file, Source::new(text).code(), &word, "unfinished", findings);
        }
    }
}

fn report(file: &File, text: &str, wanted: &str, what: &str, findings: &mut Findings) {
    for (number, line) in text.lines().enumerate() {
        if line.contains(wanted) {
            findings.error(format!("{}:{}: {what}: {wanted}", file.path, number + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Findings;
    use super::check;
    use super::placeholder;
    use super::places;
    use crate::workspace::File;

    fn errors(path: &str, text: &str) -> usize {
        let mut findings = Findings::default();
        let file = File { path: path.to_owned(), size: text.len(), text: Some(text.to_owned()) };
        check(&file, &mut findings);
        findings.errors.len()
    }

    #[test]
    fn every_place_is_found() {
        for place in places() {
            assert!(place.len() > 3, "{place}");
            assert_eq!(errors("a.toml", &format!("x = '{place}y'")), 1, "{place}");
        }
    }

    #[test]
    fn what_is_unfinished_is_found_in_code_and_documents() {
        assert_eq!(errors("a.md", &format!("so many: {}", placeholder())), 1);
        assert_eq!(errors("a.rs", &format!("const {}: u8 = 1;", placeholder())), 0);
        assert_eq!(errors("a.rs", "fn f() { todo!() }"), 1);
        assert_eq!(errors("a.rs", "// todo! later\n#[ignore = \"slow\"]"), 1);
        assert_eq!(errors("a.rs", "let s = \"todo!\";"), 0);
    }
}
