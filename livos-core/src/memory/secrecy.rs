//! Whether a text has a secret in it.

use super::words::key;
use crate::redaction::Redactor;
use crate::redaction::has_known_shape;

/// Words that name a secret; what follows them is one.
const NAMES: [&str; 18] = [
    "password",
    "passwd",
    "passwort",
    "contraseña",
    "passphrase",
    "passcode",
    "pin",
    "cvv",
    "cvc",
    "api key",
    "apikey",
    "secret key",
    "access token",
    "auth token",
    "private key",
    "seed phrase",
    "recovery code",
    "ssn",
];
/// What may stand between a secret and its name.
const LINKS: [&str; 9] = ["is", "are", "was", "for", "ist", "es", "code", "number", "to"];
/// The fewest characters of a text without spaces that looks made by a machine.
const LONG: usize = 24;

/// Whether a text has what looks like a password, a key or the number of a card in it.
pub(super) fn has_secret(text: &str, known: &Redactor) -> bool {
    known.finds(text)
        || has_known_shape(text)
        || text.contains("-----BEGIN")
        || has_named_secret(text)
        || has_card_number(text)
        || text.split_whitespace().any(looks_random)
}

/// `my password is hunter2`, `PIN: 1234`. A name alone, or one that plain words follow, is none.
fn has_named_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    NAMES.iter().any(|name| {
        lower.match_indices(name).any(|(start, _)| {
            let end = start + name.len();
            let is_whole = |edge: Option<char>| !edge.is_some_and(char::is_alphanumeric);
            let (before, after) = (lower.get(..start), lower.get(end..).unwrap_or_default());
            let before = before.and_then(|before| before.chars().next_back());
            is_whole(before) && is_whole(after.chars().next()) && is_value(after)
        })
    })
}

/// Whether a secret comes next: a word after `:`, `=` or `is`, or one with a digit, within a few words.
fn is_value(after: &str) -> bool {
    let said = after.trim_start();
    if said.starts_with([':', '=']) {
        return said.chars().any(char::is_alphanumeric);
    }
    let mut words = said.split_whitespace().take(8).peekable();
    let mut linked = false;
    while let Some(word) = words.next() {
        let bare = key(word);
        let is_code = bare.bytes().any(|byte| byte.is_ascii_digit());
        let is_odd = word
            .trim_end_matches(['.', ',', '!', '?'])
            .contains(['!', '@', '#', '$', '%', '^', '&', '*']);
        if is_code || is_odd {
            return true;
        }
        // One word and the end: `the password is swordfish`.
        if linked && words.peek().is_none() {
            return true;
        }
        linked = LINKS.contains(&bare.as_str());
    }
    false
}

/// 13 to 19 digits, spaces and dashes aside, whose check digit is right.
fn has_card_number(text: &str) -> bool {
    let parts = text.split(|letter: char| !letter.is_ascii_digit() && !" -".contains(letter));
    parts.map(|part| part.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>()).any(|digits| {
        (13..=19).contains(&digits.len()) && {
            let sum: u32 = digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
                let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
                sum + if digit > 9 { digit - 9 } else { digit }
            });
            sum.is_multiple_of(10)
        }
    })
}

/// Long, of letters and digits mixed, and no address of anything.
fn looks_random(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let is_made = |letter: u8| letter.is_ascii_alphanumeric() || b"+/=_".contains(&letter);
    word.len() >= LONG
        && word.bytes().all(is_made)
        && word.bytes().any(|letter| letter.is_ascii_digit())
        && word.bytes().any(|letter| letter.is_ascii_lowercase())
        && word.matches('/').count() < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_talk_of_them() {
        for text in [
            "my password is hunter2",
            "The wifi password is swordfish",
            "PIN: 4711",
            "the api key for the weather service is abc123def",
            "use sk-proj-abcdefghijklm0123456",
            "card 4111 1111 1111 1111 expires in May",
            "token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ] {
            assert!(has_secret(text, &Redactor::new()), "{text}");
        }
        for text in [
            "I use a password manager called Bitwarden",
            "I always forget my password",
            "I changed my pin number yesterday evening and it went well",
            "My phone number is +351 912 345 678",
            "The repository is at https://example.com/some/long/path/to/a/file1",
            "I like pineapple pizza",
        ] {
            assert!(!has_secret(text, &Redactor::new()), "{text}");
        }
    }
}
