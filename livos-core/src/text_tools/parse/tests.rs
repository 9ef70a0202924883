use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::message::ToolInput;
use crate::tool::Effect;

fn tools() -> Arc<[ToolSpec]> {
    let tool =
        |name: &str| ToolSpec::new(name, "A tool.", json!({"type": "object"}), Effect::ReadOnly);
    Arc::from([tool("time"), tool("file_write")])
}

/// The text, then each call as `name arguments`, then whether it was cut.
fn read(text: &str) -> String {
    let answer = read_whole(text, tools());
    let calls = answer.calls.iter().map(|call| {
        let kind = if is_malformed(call) { "malformed " } else { "" };
        format!("{kind}{} {}", call.name, call.input.to_json())
    });
    let text = (!answer.text.is_empty()).then(|| format!("{:?}", answer.text));
    let cut = (answer.ending == Ending::CutInCall).then(|| "cut".to_owned());
    text.into_iter().chain(calls).chain(cut).collect::<Vec<_>>().join(" | ")
}

#[test]
fn answers_are_read_as_they_are_meant() {
    for (text, expected) in [
        // Answers.
        ("Hello there.", r#""Hello there.""#),
        ("  Hello\n\nthere.\n", r#""Hello\n\nthere.""#),
        ("", ""),
        (r#"{"answer": "Hi \"you\"\n\u00fc\ud83e\udd80"}"#, r#""Hi \"you\"\nü🦀""#),
        ("{\"answer\": \"two\nlines\"}", r#""two\nlines""#),
        (r#"{"answer": "He said "yes", then left."}"#, r#""He said \"yes\", then left.""#),
        (r#"{"answer": "yes", "confidence": 1}"#, r#""yes""#),
        (r#"{"answer": {"a": [1]}}"#, r#""{\"a\":[1]}""#),
        (r#"{"answer": "cut of"#, r#""cut of""#),
        (r#"{"answer": "done""#, r#""done""#),
        ("```json\n{\"answer\": \"fenced\"}\n```", r#""fenced""#),
        (r#"{"tool": null, "answer": "none"}"#, r#""none""#),
        // Calls.
        (r#"{"tool": "time", "arguments": {"zone": "UTC"}}"#, r#"time {"zone":"UTC"}"#),
        ("```json\n{\"tool\": \"time\", \"arguments\": {}}\n```", "time {}"),
        ("```\n{\"tool\": \"time\"}\n```\n", "time {}"),
        (r#"Sure! {"tool": "time", "arguments": {}} Done."#, r#""Sure! Done." | time {}"#),
        (
            "Let me look.\n\n```json\n{\"tool\": \"time\", \"arguments\": {}}\n```",
            r#""Let me look." | time {}"#,
        ),
        (
            r#"[{"tool": "time", "arguments": {"a": 1}}, {"tool": "x", "arguments": {}}]"#,
            r#"time {"a":1} | x {}"#,
        ),
        (
            "{\"tool\": \"time\"}\n{\"tool\": \"x\", \"arguments\": {\"b\": 2}}",
            r#"time {} | x {"b":2}"#,
        ),
        (
            "{\"tool\": \"file_write\", \"arguments\": {\"text\": \"a\nb\t}\", },}",
            r#"file_write {"text":"a\nb\t}"}"#,
        ),
        (r#"{"name": "time", "parameters": {"a": 1}}"#, r#"time {"a":1}"#),
        (r#"{"arguments": {"a": 1}, "tool": "time"}"#, r#"time {"a":1}"#),
        (r#"{"tool": "time", "arguments": "{\"a\":1}"}"#, r#"time {"a":1}"#),
        (r#"{"tool": "time", "zone": "UTC"}"#, r#"time {"zone":"UTC"}"#),
        (r#"{"tool": "time", "arguments": null}"#, "time {}"),
        (r#"{"tool": "time", "arguments": [1]}"#, "malformed time [1]"),
        ("<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>", "time {}"),
        (
            r#"{"tool_calls": [{"type": "function", "function": {"name": "time", "arguments": "{}"}}]}"#,
            "time {}",
        ),
        (
            r#"{"answer": "Let me see.", "tool": "time", "arguments": {}}"#,
            r#""Let me see." | time {}"#,
        ),
        // Neither.
        (r#"{"city": "Paris"}"#, r#""{\"city\": \"Paris\"}""#),
        (r#"{"name": "Bob", "age": 7}"#, r#""{\"name\": \"Bob\", \"age\": 7}""#),
        (r#"{"name": "Bob", "input": 7}"#, r#""{\"name\": \"Bob\", \"input\": 7}""#),
        ("Use `{}` or [1] or <b>.", r#""Use `{}` or [1] or <b>.""#),
        ("```rust\nfn main() { x[0] }\n```", r#""```rust\nfn main() { x[0] }\n```""#),
        ("a {", r#""a {""#),
        ("{\"", r#""{\"""#),
        ("<tool_call", r#""<tool_call""#),
        // Broken.
        (
            r#"{"tool": "time", "arguments": {"zone": "U"#,
            r#"malformed time {"tool": "time", "arguments": {"zone": "U | cut"#,
        ),
        (
            r#"{"tool": "time", "arguments": {"n": 12"#,
            r#"malformed time {"tool": "time", "arguments": {"n": 12 | cut"#,
        ),
        (r#"{"tool": "time", "arguments": {"n": 12}"#, r#"time {"n":12}"#),
        (r#"[{"tool": "time", "arguments": {"n": 12}}"#, r#"time {"n":12}"#),
        (r#"{"tool": "time""#, r#"malformed time {"tool": "time" | cut"#),
        (r#"{"tool": "ti"#, r#"malformed unknown {"tool": "ti | cut"#),
        (
            r#"{"tool": "time", "arguments": {zone: 1}}"#,
            r#"malformed time {"tool": "time", "arguments": {zone: 1}}"#,
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn an_answer_streams_while_it_arrives_and_a_call_does_not() {
    let shown = |pieces: &[&str]| -> Vec<String> {
        let mut reader = AnswerReader::new(tools());
        let mut shown = Vec::new();
        for piece in pieces {
            reader.feed(piece);
            shown.push(reader.news().text);
        }
        shown
    };
    assert_eq!(
        shown(&["{\"ans", "wer\": \"Hel", "lo\\", "nyou", "\"}"]),
        ["", "Hel", "lo", "\nyou", ""]
    );
    assert_eq!(shown(&["Hel", "lo ", "you {", " x }"]), ["Hel", "lo", " you", " { x }"]);
    assert_eq!(
        shown(&["Ok. ", "{\"to", "ol\": \"time\", ", "\"arguments\": {}}"]),
        ["Ok.", "", "", ""]
    );
}

#[test]
fn a_call_cut_anywhere_is_the_same_call_or_none() {
    let whole =
        r#"{"tool": "file_write", "arguments": {"path": "a", "n": 123, "list": [1, {"b": "}"}]}}"#;
    let meant = &read_whole(whole, tools()).calls[0];
    for end in 0..whole.len() {
        for call in read_whole(&whole[..end], tools()).calls {
            let is_same = call.input == meant.input && call.name == meant.name;
            assert!(is_malformed(&call) || is_same, "cut at {end}: {call:?}");
        }
    }
}

fn without_ids(answer: &ReadAnswer) -> String {
    let calls: Vec<_> = answer.calls.iter().map(|call| (&call.name, &call.input)).collect();
    format!("{:?} {calls:?} {:?}", answer.text, answer.ending)
}

fn any_arguments() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\{}\\[\\],:`\n\t a-c]{0,12}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\" ]{0,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::hash_map("[a-z]{1,6}", value, 0..4).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn the_cut_of_the_pieces_does_not_matter(
        text in "(.|\n|\\{\"tool\": \"time\"|, \"arguments\": \\{|\\}\\}|\\{\"answer\": \"|\"\\}|```json\n|```|<tool_call>|\\[|\\]){0,12}",
        size in 1usize..7,
    ) {
        let whole = read_whole(&text, tools());
        let mut reader = AnswerReader::new(tools());
        let mut shown = String::new();
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(size) {
            reader.feed(&piece.iter().collect::<String>());
            shown.push_str(&reader.news().text);
        }
        let ending = reader.end();
        shown.push_str(&reader.news().text);
        let pieces = reader.into_answer(ending);
        prop_assert_eq!(&shown, &pieces.text);
        prop_assert_eq!(without_ids(&pieces), without_ids(&whole));
    }

    #[test]
    fn every_call_is_read_as_it_was_written(
        arguments in any_arguments(),
        prose in "[A-Za-z .,!]{0,20}",
        pretty in any::<bool>(),
        fenced in any::<bool>(),
    ) {
        let call = json!({"tool": "file_write", "arguments": arguments});
        let json = if pretty { serde_json::to_string_pretty(&call).unwrap() } else { call.to_string() };
        let json = if fenced { format!("```json\n{json}\n```") } else { json };
        let answer = read_whole(&format!("{prose}\n{json}"), tools());
        prop_assert_eq!(answer.text, prose.trim());
        prop_assert_eq!(answer.calls.len(), 1);
        prop_assert_eq!(&answer.calls[0].input, &ToolInput::from(arguments));
    }

    #[test]
    fn every_answer_is_read_as_it_was_written(text in any::<String>()) {
        let answer = read_whole(&json!({"answer": text}).to_string(), tools());
        prop_assert_eq!(answer.text, text);
        prop_assert!(answer.calls.is_empty());
    }

    #[test]
    fn a_cut_call_is_never_another_call(arguments in any_arguments(), cut in 0.0f64..1.0) {
        let whole = json!({"tool": "file_write", "arguments": arguments}).to_string();
        let count = whole.chars().count();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let end = (count as f64 * cut) as usize;
        let text: String = whole.chars().take(end).collect();
        for call in read_whole(&text, tools()).calls {
            let is_same = call.input == ToolInput::from(arguments.clone());
            prop_assert!(is_malformed(&call) || is_same, "{:?}", call);
        }
    }
}
