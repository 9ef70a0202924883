//! Texts that look like the keys of well-known services.

/// How well-known services begin their keys.
const PREFIXES: [&str; 13] = [
    "sk-",
    "sk_",
    "AIza",
    "gsk_",
    "ghp_",
    "gho_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "glpat-",
    "hf_",
];
/// How many bytes a key has at least after its beginning.
const SHORTEST_KEY: usize = 16;

/// The text without what has the shape of a key; none when it has nothing of the kind.
pub(super) fn without_known_shapes(text: &str) -> Option<String> {
    let mut clean = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((start, end)) = next_key(rest) {
        found = true;
        clean.push_str(rest.get(..start).unwrap_or_default());
        clean.push_str(super::REDACTED);
        rest = rest.get(end..).unwrap_or_default();
    }
    clean.push_str(rest);
    found.then_some(clean)
}

/// Where the first text of a key's shape begins and ends.
fn next_key(text: &str) -> Option<(usize, usize)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let mut from = 0;
    while let Some(word) = text.get(from..)?.find(is_part) {
        let start = from + word;
        let rest = text.get(start..)?;
        let end = start + rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let word = text.get(start..end)?;
        let is_key = PREFIXES.iter().any(|prefix| {
            word.strip_prefix(prefix).is_some_and(|secret| {
                secret.len() >= SHORTEST_KEY && secret.bytes().any(|byte| byte.is_ascii_digit())
            })
        });
        if is_key {
            return Some((start, end));
        }
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_known_shape_go_out_unasked() {
        let cases = [
            ("OPENAI_API_KEY=sk-proj-abcdefghijklm0123456\n", "OPENAI_API_KEY=[redacted]\n"),
            ("two ghp_0123456789abcdef0123, AIzaSyA0123456789abcdef", "two [redacted], [redacted]"),
            ("a task-list sk-learn and sk-something-long-without-digits", "="),
            ("", "="),
        ];
        for (text, expected) in cases {
            let expected = Some(expected).filter(|expected| *expected != "=").map(str::to_owned);
            assert_eq!(without_known_shapes(text), expected);
        }
    }
}
