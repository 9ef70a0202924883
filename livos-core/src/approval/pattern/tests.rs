use proptest::prelude::*;
use serde_json::json;

use super::*;

fn fits(glob: &str, text: &str) -> bool {
    Glob::parse("test", glob).unwrap().fits(text)
}

#[test]
fn globs_fit_whole_texts() {
    let cases = [
        ("*", "", true),
        ("*", "anything / at\nall", true),
        ("git *", "git status", true),
        ("git *", "git", false),
        ("git *", "a git status", false),
        ("*.md", "notes/today.md", true),
        ("*.md", "notes.md.exe", false),
        ("a*b*c", "axxbyybzc", true),
        ("a*b*c", "axxbyybz", false),
        ("?ä?", "xäy", true),
        ("?", "", false),
        ("?", "ab", false),
        (r"\*", "*", true),
        (r"\*", "x", false),
        (r"a\\b", r"a\b", true),
        ("A", "a", false),
    ];
    for (glob, text, expected) in cases {
        assert_eq!(fits(glob, text), expected, "`{glob}` on `{text}`");
    }
}

#[test]
fn a_hostile_glob_ends() {
    assert!(!fits(&"*a".repeat(200), &"a".repeat(199)));
    assert!(!fits(&format!("{}b", "*a".repeat(400)), &"a".repeat(10_000)));
}

#[test]
fn what_does_not_parse_names_its_field() {
    let empty = RulePattern::new("").unwrap_err();
    assert_eq!((empty.field.as_str(), empty.message.contains("empty")), ("tool", true));
    let lone = RulePattern::new("shell").unwrap().argument("command", r"git \").unwrap_err();
    assert_eq!(lone.field, "arguments.command");
    let long = RulePattern::new(&"x".repeat(MAX_GLOB + 1)).unwrap_err();
    assert!(long.message.contains("2000 bytes"), "{long}");
    let wire: Result<RulePattern, _> =
        serde_json::from_value(json!({ "tool": "x", "arguments": { "a": "" } }));
    assert!(wire.unwrap_err().to_string().contains("arguments.a"));
    let many = (0..=MAX_ARGUMENTS).try_fold(RulePattern::new("x").unwrap(), |pattern, number| {
        pattern.argument(number.to_string(), "*")
    });
    assert!(many.unwrap_err().message.contains("at most 16"));
}

#[test]
fn named_arguments_must_be_texts_that_fit() {
    let pattern = RulePattern::new("shell").unwrap().argument("command", "ls*").unwrap();
    let check = |arguments: Value| pattern.fits("shell", arguments.as_object().unwrap());
    assert!(check(json!({ "command": "ls -l", "timeout": 3 })));
    assert!(!check(json!({ "command": ["ls"] })));
    assert!(!check(json!({})));
    assert!(!pattern.fits("shell_output", json!({ "command": "ls" }).as_object().unwrap()));
}

#[test]
fn a_pattern_of_one_call_fits_that_call_only() {
    let arguments = json!({ "path": "a*", "force": false });
    let pattern = RulePattern::of_call("file_write", arguments.as_object().unwrap());
    let reordered = json!({ "force": false, "path": "a*" });
    assert!(pattern.fits("file_write", reordered.as_object().unwrap()));
    for other in [json!({ "path": "a*", "force": true }), json!({ "path": "ab", "force": false })] {
        assert!(!pattern.fits("file_write", other.as_object().unwrap()));
    }
}

proptest! {
    #[test]
    fn a_literal_fits_itself_and_nothing_longer(text in ".{0,40}") {
        let glob = Glob::literal(&text);
        prop_assert!(glob.fits(&text));
        let longer = format!("{text}x");
        prop_assert!(!glob.fits(&longer));
    }

    #[test]
    fn patterns_read_back_what_they_write(tool in "[a-z*?]{1,12}", glob in "[a-z*? /]{1,20}") {
        let pattern = RulePattern::new(&tool).unwrap().argument("path", &glob).unwrap();
        let text = serde_json::to_string(&pattern).unwrap();
        prop_assert_eq!(serde_json::from_str::<RulePattern>(&text).unwrap(), pattern);
    }

    #[test]
    fn any_glob_answers(glob in ".{1,30}", text in ".{0,60}") {
        if let Ok(glob) = Glob::parse("test", &glob) {
            glob.fits(&text);
        }
    }
}
