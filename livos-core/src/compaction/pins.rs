//! Facts that must survive a summary word for word.
//!
//! Found in what people and the model said, never in what tools brought:
//! wishes of the user, addresses, paths of files, error codes. What was pinned
//! before is kept as it is and not read again, so that pins do not nest.

use std::sync::Arc;

use crate::context::EstimatedTokens;
use crate::context::TokenCounter;
use crate::message::Message;
use crate::message::Role;

/// How many facts are pinned at most.
const CAPACITY: usize = 40;

/// How long a wish may be to be pinned, in bytes.
const WISH_BYTES: std::ops::RangeInclusive<usize> = 10..=300;

/// How long an address, path or code may be, in bytes.
const WORD_BYTES: std::ops::RangeInclusive<usize> = 4..=200;

/// Words by which people say what they want to hold from now on.
const WISHES: [&str; 14] = [
    "prefer",
    "always",
    "never",
    "don't",
    "do not",
    "must",
    "i want",
    "i need",
    "i like",
    "make sure",
    "remember",
    "from now on",
    "my name is",
    "call me",
];

/// Endings of names that are files. A list, because `e.g.` and `v1.2` look like files too.
const FILE_ENDINGS: [&str; 38] = [
    "rs", "toml", "md", "txt", "json", "yaml", "yml", "py", "js", "ts", "tsx", "jsx", "go", "c",
    "h", "cpp", "java", "kt", "rb", "php", "sh", "sql", "html", "css", "xml", "csv", "pdf", "png",
    "jpg", "svg", "log", "lock", "env", "ini", "conf", "cfg", "db", "service",
];

/// The facts to keep: those pinned before, then what these messages add, within `tokens`.
/// When there are too many, the oldest words go before the oldest wishes.
pub(super) fn collect<'a>(
    before: &[String],
    messages: impl Iterator<Item = &'a Arc<Message>>,
    tokens: u64,
) -> Vec<String> {
    let mut facts: Vec<String> = before.to_vec();
    for message in messages {
        let text = message.text();
        let found = wishes(message.role, &text).chain(text.split_whitespace().filter_map(word));
        for fact in found {
            if !facts.iter().any(|known| known == fact) {
                facts.push(fact.to_owned());
            }
        }
        shorten(&mut facts, tokens);
    }
    shorten(&mut facts, tokens);
    facts
}

fn shorten(facts: &mut Vec<String>, tokens: u64) {
    let size = |fact: &String| EstimatedTokens.count(fact) + 2;
    let mut sum: u64 = facts.iter().map(size).sum();
    while facts.len() > CAPACITY || sum > tokens {
        let oldest_word = facts.iter().position(|fact| !fact.contains(' '));
        if facts.is_empty() {
            return;
        }
        sum -= size(&facts.remove(oldest_word.unwrap_or_default()));
    }
}

fn wishes(role: Role, text: &str) -> impl Iterator<Item = &str> {
    let sentences = text.split_inclusive(['.', '!', '?', '\n']).filter(move |_| role == Role::User);
    sentences.map(str::trim).filter(|sentence| {
        let lower = sentence.to_lowercase();
        WISH_BYTES.contains(&sentence.len())
            && sentence.contains(' ')
            && WISHES.iter().any(|wish| has_words(&lower, wish))
    })
}

/// Whether the words stand there as words, and not inside others.
fn has_words(text: &str, words: &str) -> bool {
    let is_inside = |character: char| character.is_alphanumeric();
    text.match_indices(words).any(|(start, _)| {
        let (before, after) = (text.get(..start), text.get(start + words.len()..));
        !before.is_some_and(|it| it.ends_with(is_inside))
            && !after.is_some_and(|it| {
                // "prefers" is a wish too.
                it.strip_prefix('s').unwrap_or(it).starts_with(is_inside)
            })
    })
}

/// An address, a path or an error code.
fn word(text: &str) -> Option<&str> {
    let marks = |character: char| {
        matches!(
            character,
            '"' | '\'' | '`' | '(' | ')' | '[' | ']' | '<' | '>' | ',' | ';' | '!' | '?'
        )
    };
    let word = text.trim_matches(marks).trim_end_matches(['.', ':']).trim_matches(marks);
    if !WORD_BYTES.contains(&word.len()) {
        return None;
    }
    (is_address(word) || is_path(word) || is_error_code(word)).then_some(word)
}

fn is_address(word: &str) -> bool {
    let is_url = word.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && !scheme.is_empty()
            && scheme.bytes().all(|it| it.is_ascii_alphanumeric())
    });
    is_url
        || word.parse::<std::net::SocketAddr>().is_ok()
        || word.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_path(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.rsplit_once('.').is_some_and(|(stem, ending)| {
        let is_known = FILE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
        !stem.is_empty() && is_known
    })
}

/// `ERR_CONNECTION_RESET`, `E0308`, `ENOENT`, `SQLSTATE_23505`.
fn is_error_code(word: &str) -> bool {
    let is_code = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    let rust = word
        .strip_prefix('E')
        .is_some_and(|rest| rest.len() == 4 && rest.bytes().all(|digit| digit.is_ascii_digit()));
    let named = ["ERR_", "ERROR_", "SQLSTATE_"].iter().any(|start| word.starts_with(start));
    let errno = ["ENO", "EACC", "EPERM", "ECONN", "EADDR", "ETIME", "EPIPE", "EEXIST"];
    rust || (word.bytes().all(is_code) && (named || errno.iter().any(|it| word.starts_with(it))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(messages: &[Message]) -> Vec<String> {
        let messages: Vec<_> = messages.iter().cloned().map(Arc::new).collect();
        collect(&[], messages.iter(), 1_000)
    }

    #[test]
    fn wishes_of_the_user_and_hard_facts_are_found() {
        let said = [
            Message::user(
                "Hello! I prefer tabs over spaces. The build of src/main.rs fails with E0308 \
                 (see https://ci.example/7), on 10.0.0.7:8080.",
            ),
            Message::assistant("You should always rest. I read `/etc/app.conf`: ERR_BAD_CONFIG."),
        ];
        assert_eq!(
            pinned(&said),
            [
                "I prefer tabs over spaces.",
                "src/main.rs",
                "E0308",
                "https://ci.example/7",
                "10.0.0.7:8080",
                "/etc/app.conf",
                "ERR_BAD_CONFIG",
            ]
        );
    }

    #[test]
    fn ordinary_words_times_and_versions_are_no_facts() {
        let said = "At 12:30 we met, e.g. for v1.2.3, and the mustard was 3.50 in E1 nevertheless.";
        assert_eq!(pinned(&[Message::user(said)]), [""; 0]);
    }

    #[test]
    fn the_oldest_words_make_room_and_wishes_stay() {
        let mut said = vec![Message::user("Always answer in French.")];
        said.extend((0..100).map(|number| Message::user(format!("see file-{number}.rs"))));
        let facts = pinned(&said);
        assert_eq!(facts.len(), CAPACITY);
        assert_eq!(facts.first().map(String::as_str), Some("Always answer in French."));
        assert_eq!(facts.last().map(String::as_str), Some("file-99.rs"));
    }
}
