//! How long files and functions may be. Tests inside a file do not count.

use super::Findings;
use crate::source::Source;
use crate::workspace::File;

/// Above this many lines of code a file wants to be two.
const FILE_WARNING: usize = 500;
/// Above this many it is refused.
const FILE_LIMIT: usize = 800;
/// An example is read in one go: above this many lines of any kind it is refused.
const EXAMPLE_LIMIT: usize = 80;
/// Above this many lines of code a function is refused.
const FUNCTION_LIMIT: usize = 80;

pub(super) fn check(file: &File, findings: &mut Findings) {
    let path = &file.path;
    let (true, Some(text)) = (file.is("rs"), &file.text) else { return };
    let lines = Source::without_tests(text).code_lines();
    if lines > FILE_LIMIT {
        findings.error(format!("{path}: {lines} lines of code are more than {FILE_LIMIT}"));
    } else if lines > FILE_WARNING {
        findings.warning(format!("{path}: {lines} lines of code are more than {FILE_WARNING}"));
    }
    let length = text.lines().count();
    if path.starts_with("examples/") && length > EXAMPLE_LIMIT {
        findings
            .error(format!("{path}: {length} lines are more than an example's {EXAMPLE_LIMIT}"));
    }
    for function in Source::new(text).functions() {
        if function.length > FUNCTION_LIMIT && !function.excused {
            findings.error(format!(
                "{path}:{}: fn {} has {} lines of code, more than {FUNCTION_LIMIT}",
                function.line, function.name, function.length
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Findings;
    use super::check;
    use crate::workspace::File;

    fn findings(text: String) -> Findings {
        let mut findings = Findings::default();
        let file = File { path: "a.rs".to_owned(), size: text.len(), text: Some(text) };
        check(&file, &mut findings);
        findings
    }

    #[test]
    fn long_files_are_warned_of_and_longer_ones_refused() {
        assert_eq!(findings("x;\n".repeat(500)).warnings.len(), 0);
        assert_eq!(findings("x;\n".repeat(501)).warnings.len(), 1);
        assert_eq!(findings("x;\n".repeat(801)).errors.len(), 1);
        assert_eq!(findings("// x\n\n".repeat(801)).errors.len(), 0);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x;\n".repeat(900));
        assert_eq!(findings(tests).errors.len(), 0);
    }

    #[test]
    fn long_functions_are_refused_unless_they_say_why() {
        let function = |lines| format!("fn f() {{\n{}}}\n", "x;\n".repeat(lines));
        assert_eq!(findings(function(80)).errors.len(), 0);
        assert_eq!(findings(function(81)).errors.len(), 1);
        let excuse = "#[expect(clippy::too_many_lines, reason = \"a table\")]\n";
        assert_eq!(findings(format!("{excuse}{}", function(81))).errors.len(), 0);
    }
}
