//! Tokens of a text without a vocabulary.
//!
//! Byte-pair vocabularies have whole words of natural language, pieces of one
//! to three letters for everything else, and fall back to bytes. The estimate
//! sorts characters by these cases and takes the dear end of each. Only what is no
//! language, such as rare ideographs at random, can take more than it says.

/// Costs are counted in twelfths of a token and rounded up at the end.
const TOKEN: u64 = 12;

/// Letters of a natural word that its first token holds.
const FIRST_LETTERS: u64 = 3;

/// Shorter runs are not looked at: `x86`, `3D`, `Ed25519`.
const LEAST_SCRAMBLED: usize = 6;

/// How many spaces of an indentation one token holds at least.
const SPACES: u64 = 8;

/// How many tokens a text is, or a little more.
pub(super) fn tokens(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut cost = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (length, step_cost) = match byte {
            _ if byte.is_ascii_alphanumeric() => match scrambled(bytes, at) {
                Some(length) => (length, length as u64 * TOKEN * 5 / 6),
                None if byte.is_ascii_digit() => (1, TOKEN),
                None => word(bytes.get(at..).unwrap_or_default()),
            },
            b' ' => spaces(bytes.get(at..).unwrap_or_default()),
            0..=0x7f => (1, TOKEN),
            _ => foreign(text.get(at..).unwrap_or_default()),
        };
        at += length.max(1);
        cost += step_cost;
    }
    cost.div_ceil(TOKEN)
}

/// The length of a run of letters and digits that is no words: an encoded key or picture, where
/// small and capital letters and digits change all the time.
fn scrambled(bytes: &[u8], at: usize) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    let is_inside = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(is_part);
    if is_inside {
        return None;
    }
    let run = bytes.get(at..)?;
    let run = run.get(..run.iter().take_while(|byte| is_part(byte)).count())?;
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    // `Capitalised` has one change for its length, `camelCase` two for a word.
    let changes = run.windows(2).filter(|pair| match pair {
        [one, other] => kind(*one) != kind(*other),
        _ => false,
    });
    (run.len() >= LEAST_SCRAMBLED && changes.count() * 3 > run.len()).then_some(run.len())
}

/// A run of ASCII letters up to a change from small to capital, as in `camelCase`.
fn word(bytes: &[u8]) -> (usize, u64) {
    let mut length = 0;
    let mut vowels = 0_u64;
    let mut consonants_in_a_row = 0_u32;
    let mut most_consonants = 0;
    let mut capitals = 0;
    let mut was_small = false;
    for byte in bytes {
        let is_small = byte.is_ascii_lowercase();
        if !byte.is_ascii_alphabetic() || (was_small && !is_small) {
            break;
        }
        was_small = is_small;
        capitals += usize::from(!is_small);
        length += 1;
        match byte.to_ascii_lowercase() {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => {
                vowels += 1;
                consonants_in_a_row = 0;
            }
            _ => {
                consonants_in_a_row += 1;
                most_consonants = most_consonants.max(consonants_in_a_row);
            }
        }
    }
    let letters = length as u64;
    let is_natural = most_consonants <= 3 && vowels * 5 >= letters && letters <= 20;
    let rest = letters.saturating_sub(FIRST_LETTERS);
    let cost = if is_natural && capitals <= 1 {
        // The rest of a long word comes in pieces of about five letters, or it is known as a whole.
        TOKEN + rest * TOKEN / 5
    } else if is_natural || letters <= 2 {
        TOKEN + rest * TOKEN / 2
    } else {
        letters * TOKEN * 2 / 3 + TOKEN / 3
    };
    (length, cost)
}

/// A run of spaces. One before a word or a sign belongs to it.
fn spaces(bytes: &[u8]) -> (usize, u64) {
    let length = bytes.iter().take_while(|byte| **byte == b' ').count();
    let belongs_to_next = bytes
        .get(length)
        .is_some_and(|next| next.is_ascii_alphabetic() || next.is_ascii_punctuation());
    if length == 1 && belongs_to_next {
        return (1, 0);
    }
    (length, TOKEN * (length as u64).div_ceil(SPACES))
}

/// A character outside ASCII: by its script, and never above the number of its bytes.
fn foreign(text: &str) -> (usize, u64) {
    let Some(character) = text.chars().next() else { return (1, TOKEN) };
    let cost = match u32::from(character) {
        // Cyrillic: words are known in pieces of two or three letters.
        0x0410..=0x044f => TOKEN,
        // Letters of western Europe, Greek, Hebrew, Arabic.
        0x00a0..=0x00ff | 0x0386..=0x03ce | 0x05d0..=0x05ea | 0x0620..=0x064a => TOKEN * 5 / 4,
        // Dashes, quotation marks, kana, ideographs, syllables.
        0x2010..=0x2027 | 0x3000..=0x30ff | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xff01..=0xff5e => {
            TOKEN * 2
        }
        _ => character.len_utf8() as u64 * TOKEN,
    };
    (character.len_utf8(), cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_by_kind() {
        for (text, expected) in [
            ("", 0),
            ("the", 1),
            ("a cat sat", 3),
            ("        let", 2),
            ("12345", 5),
            ("🙂", 4),
            ("你好", 4),
            ("{\"a\": 1}", 8),
        ] {
            assert_eq!(tokens(text), expected, "{text:?}");
        }
    }

    #[test]
    fn letters_without_sense_cost_more_than_words() {
        assert!(tokens("xkcdqwrtzpsd") > 2 * tokens("conversation"));
    }
}
