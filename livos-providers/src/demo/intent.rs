//! What a person wants, by a few rules on the words.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::arithmetic;

/// How many files one sentence may name.
const MAX_FILES: usize = 8;

/// What a person wants.
#[derive(Debug, PartialEq)]
pub(super) enum Intent {
    Think(String),
    Calculate(String),
    /// Tools to call, with all arguments that may fit.
    Call(Vec<(&'static str, Map<String, Value>)>),
    Other,
}

impl Intent {
    /// Stands for the tool that its argument of the same name names.
    pub(super) const ANY_TOOL: &str = "$tool";

    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        let plain = polite(text);
        let rules = [think, any_tool, write, calculate, run, list, read, search, time];
        rules.iter().find_map(|rule| rule(plain)).unwrap_or(Self::Other)
    }

    fn tool(name: &'static str, arguments: Value) -> Self {
        Self::Call(vec![call(name, arguments)])
    }
}

fn call(name: &'static str, arguments: Value) -> (&'static str, Map<String, Value>) {
    match arguments {
        Value::Object(arguments) => (name, arguments),
        _ => (name, Map::new()),
    }
}

/// Without "please", "can you" and the like.
fn polite(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) =
        ["please", "can you", "could you", "hey", "now"].iter().find_map(|word| after(rest, word))
    {
        rest = after;
    }
    rest
}

/// The text after `word`, in any case, where `word` stands alone at the beginning.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric());
    let is_meant = head.eq_ignore_ascii_case(word) && ends;
    is_meant.then(|| rest.trim_start_matches([' ', ',', ':']))
}

fn after_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| after(text, word))
}

/// A name without quotes and the sentence's end.
fn name(text: &str) -> &str {
    text.trim().trim_end_matches(['?', '!', '.']).trim_matches(['"', '\'', '`', ' '])
}

fn think(text: &str) -> Option<Intent> {
    let subject = after_any(text, &["think about", "think of", "think"])?;
    let subject = name(subject);
    let subject = if subject.is_empty() { "nothing in particular" } else { subject };
    Some(Intent::Think(subject.to_owned()))
}

/// `call NAME {"argument": …}`.
fn any_tool(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["call the tool", "call tool", "use the tool", "call"])?;
    let (tool, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
    let tool = tool.trim_matches('`');
    let mut arguments: Map<String, Value> = serde_json::from_str(arguments.trim()).ok()?;
    arguments.insert(Intent::ANY_TOOL.to_owned(), Value::from(tool));
    Some(Intent::Call(vec![(Intent::ANY_TOOL, arguments)]))
}

/// `write NAME: TEXT`.
fn write(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["write to", "write", "save to", "save", "create"])?;
    let (path, content) = rest.split_once(':')?;
    let path = after_any(path, &["the file", "a file", "file"]).unwrap_or(path);
    let content = content.strip_prefix(' ').unwrap_or(content);
    let is_path = !name(path).is_empty() && !name(path).contains(char::is_whitespace);
    is_path.then(|| Intent::tool("file_write", json!({"path": name(path), "content": content})))
}

fn calculate(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["what is", "what's", "calculate", "compute", "how much is"]);
    let expression = rest.unwrap_or(text).trim().trim_end_matches(['?', '=', '.', ' ']);
    arithmetic::is_expression(expression).then(|| Intent::Calculate(expression.to_owned()))
}

fn run(text: &str) -> Option<Intent> {
    let command = after_any(text, &["run", "execute"]).or_else(|| text.strip_prefix("$ "))?;
    let command = command.trim().trim_matches('`');
    (!command.is_empty()).then(|| Intent::tool("shell", json!({ "command": command })))
}

fn list(text: &str) -> Option<Intent> {
    let starts = ["list the files", "list all files", "list files", "show the files", "show files"];
    let rest = after_any(text, &starts).or_else(|| after(text, "ls"))?;
    let path = name(after_any(rest, &["in", "of"]).unwrap_or(rest));
    let is_here = path.is_empty() || path.contains(char::is_whitespace);
    let arguments = if is_here { json!({}) } else { json!({ "path": path }) };
    Some(Intent::tool("file_list", arguments))
}

/// `read A`, and `read A and B` as two calls.
fn read(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["read", "cat", "open", "show me", "show"])?;
    let rest = after_any(rest, &["the files", "the file", "file"]).unwrap_or(rest);
    let names = rest.split(" and ").flat_map(|part| part.split(',')).map(name);
    let paths: Vec<_> = names.filter(|path| !path.is_empty()).take(MAX_FILES).collect();
    let are_paths = paths.iter().all(|path| !path.contains(char::is_whitespace));
    let calls = paths.iter().map(|path| call("file_read", json!({ "path": path })));
    (are_paths && !paths.is_empty()).then(|| Intent::Call(calls.collect()))
}

/// `search WORDS [in PATH]`.
fn search(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["search for", "search", "find", "grep"])?;
    let (pattern, path) = rest.rsplit_once(" in ").unwrap_or((rest, ""));
    let pattern = name(pattern);
    let mut arguments = json!({"pattern": pattern, "syntax": "literal", "case": "insensitive"});
    if let (Value::Object(arguments), false) = (&mut arguments, name(path).is_empty()) {
        arguments.insert("path".to_owned(), Value::from(name(path)));
    }
    (!pattern.is_empty()).then(|| Intent::tool("file_search", arguments))
}

fn time(text: &str) -> Option<Intent> {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    let asks = words.any(|word| matches!(word, "time" | "date" | "clock" | "today"));
    asks.then(|| Intent::tool("time", json!({"operation": "now"})))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> String {
        match Intent::of(text) {
            Intent::Call(calls) => {
                let calls: Vec<_> = calls
                    .into_iter()
                    .map(|(name, arguments)| format!("{name} {}", Value::Object(arguments)))
                    .collect();
                calls.join(" + ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn sentences_become_calls() {
        for (text, expected) in [
            ("What time is it?", r#"time {"operation":"now"}"#),
            ("Please, what's the date today?", r#"time {"operation":"now"}"#),
            ("list files", "file_list {}"),
            ("List the files in src, please", "file_list {}"),
            ("ls src/demo", r#"file_list {"path":"src/demo"}"#),
            ("read notes.txt", r#"file_read {"path":"notes.txt"}"#),
            ("Could you read the file `a.txt`?", r#"file_read {"path":"a.txt"}"#),
            ("read a.txt and b.txt", r#"file_read {"path":"a.txt"} + file_read {"path":"b.txt"}"#),
            (
                "write notes.txt: buy milk",
                r#"file_write {"path":"notes.txt","content":"buy milk"}"#,
            ),
            (
                "search for \"milk\" in notes",
                r#"file_search {"pattern":"milk","syntax":"literal","case":"insensitive","path":"notes"}"#,
            ),
            ("run uname -a", r#"shell {"command":"uname -a"}"#),
            ("call memory_add {\"text\":\"x\"}", r#"$tool {"text":"x","$tool":"memory_add"}"#),
            ("12 * 7", "Calculate(\"12 * 7\")"),
            ("What is 2^10 - (3 + 4)?", "Calculate(\"2^10 - (3 + 4)\")"),
            ("think about lunch", "Think(\"lunch\")"),
            ("hello there", "Other"),
            ("read me a story about a bear", "Other"),
            ("I finished reading", "Other"),
            ("2026", "Other"),
            ("", "Other"),
            ("ßßß", "Other"),
        ] {
            assert_eq!(called(text), expected, "{text}");
        }
    }
}
