//! Documents: links that lead somewhere, and a map that fits into a head.

use std::collections::BTreeSet;

use super::Findings;
use crate::workspace::File;

/// A longer map of the code is not read.
const MAX_ARCHITECTURE_LINES: usize = 250;

pub(super) fn check(files: &[File], findings: &mut Findings) {
    let places = places(files);
    for file in files.iter().filter(|file| file.is("md")) {
        let text = file.text.as_deref().unwrap_or_default();
        for target in links(text).filter(|target| is_relative(target)) {
            let place = resolve(&file.path, target);
            if !places.contains(place.as_str()) {
                findings.error(format!("{}: the link to {target} leads nowhere", file.path));
            }
        }
        let lines = text.lines().count();
        if file.path == "ARCHITECTURE.md" && lines > MAX_ARCHITECTURE_LINES {
            findings.error(format!(
                "ARCHITECTURE.md: {lines} lines, more than {MAX_ARCHITECTURE_LINES}"
            ));
        }
    }
}

/// Every file and every folder.
fn places(files: &[File]) -> BTreeSet<&str> {
    let mut places = BTreeSet::from([""]);
    for file in files {
        let path = file.path.as_str();
        places.insert(path);
        places.extend(path.match_indices('/').filter_map(|(at, _)| path.get(..at)));
    }
    places
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split([')', '\n']).next())
}

fn is_relative(target: &str) -> bool {
    let is_path = !target.starts_with('#') && !target.starts_with("mailto:");
    is_path && !target.contains("://") && !target.contains(' ') && !target.is_empty()
}

fn resolve(from: &str, target: &str) -> String {
    let path = target.split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
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
    fn a_link_must_lead_to_a_file_or_a_folder() {
        let text = "[a](../LICENSE) [b](errors.md#x) [c](https://x.y) [d](../docs/) [e](no.md)";
        let files = [file("docs/guide.md", text), file("docs/errors.md", ""), file("LICENSE", "")];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        assert_eq!(findings.errors, ["docs/guide.md: the link to no.md leads nowhere"]);
    }
}
