//! The forms in which a secret shows up without being changed.

use std::fmt::Write;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// How long a line of a secret is at least to be looked for by itself, in bytes.
const SHORTEST_LINE: usize = 16;

/// The secret as it is and as it is usually written; some may be the same.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let mut forms = of_one(secret);
    let lines = secret.lines().map(str::trim);
    // The first and last line of a PEM file are no secret.
    let lines = lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
    if secret.contains('\n') {
        lines.for_each(|line| forms.extend(of_one(line)));
    }
    forms
}

fn of_one(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), escaped(secret)];
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|offset| base64(secret.as_bytes(), offset, alphabet)));
    }
    for digits in [Digits::Upper, Digits::Lower] {
        forms.push(secret.bytes().fold(String::new(), |text, byte| digits.add(text, byte)));
        forms.push(percent_encoded(secret, digits, "%20"));
        forms.push(percent_encoded(secret, digits, "+"));
    }
    forms
}

#[derive(Clone, Copy)]
enum Digits {
    Upper,
    Lower,
}

impl Digits {
    fn add(self, mut text: String, byte: u8) -> String {
        let written = match self {
            Self::Upper => write!(text, "{byte:02X}"),
            Self::Lower => write!(text, "{byte:02x}"),
        };
        // A `String` takes everything.
        written.ok();
        text
    }
}

/// As it stands between the quotes of JSON; Rust and most logs escape alike.
fn escaped(secret: &str) -> String {
    let quoted = serde_json::to_string(secret).unwrap_or_default();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

fn percent_encoded(secret: &str, digits: Digits, space: &str) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| match byte {
        b' ' => text + space,
        b'-' | b'.' | b'_' | b'~' => {
            text.push(char::from(byte));
            text
        }
        _ if byte.is_ascii_alphanumeric() => {
            text.push(char::from(byte));
            text
        }
        _ => {
            text.push('%');
            digits.add(text, byte)
        }
    })
}

/// The digits of base64 that depend on the secret alone, when so many bytes stand before it.
fn base64(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> String {
    let bit = |index: usize| -> u8 {
        let byte = (index / 8).checked_sub(offset).and_then(|index| secret.get(index));
        byte.map_or(0, |byte| (byte >> (7 - index % 8)) & 1)
    };
    let first = (offset * 8).div_ceil(6);
    let end = (offset + secret.len()) * 8 / 6;
    (first..end)
        .map(|digit| (0..6).fold(0_u8, |value, index| value << 1 | bit(digit * 6 + index)))
        .filter_map(|value| alphabet.get(usize::from(value)))
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_at_every_offset() {
        // `user:swordfish99` and the like, as other programs encode them.
        for (offset, whole) in
            [(0, "c3dvcmRmaXNoOTk="), (1, "OnN3b3JkZmlzaDk5"), (2, "dTpzd29yZGZpc2g5OQ==")]
        {
            let digits = base64(b"swordfish99", offset, STANDARD);
            assert!(whole.contains(&digits), "{digits} in {whole}");
            assert!(digits.len() >= 12, "{digits}");
        }
        assert_eq!(base64(b"\xfb\xff\xfe", 0, URL_SAFE), "-__-");
    }

    #[test]
    fn the_usual_forms_are_there() {
        let forms = forms("a b\"/\u{e4}");
        for form in [
            "a b\"/\u{e4}",
            "a b\\\"/\u{e4}",
            "a%20b%22%2F%C3%A4",
            "a+b%22%2f%c3%a4",
            "612062222fc3a4",
        ] {
            assert!(forms.iter().any(|known| known == form), "{form}: {forms:?}");
        }
    }

    #[test]
    fn each_line_of_a_key_file_counts() {
        let forms =
            forms("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----");
        assert!(forms.iter().any(|form| form == "MIIEvQIBADANBgkqhkiG9w0B"));
        assert!(!forms.iter().any(|form| form == "-----BEGIN KEY-----" || form == "short"));
    }
}
