//! From bytes to text, whatever alphabet a page is written in.

use encoding_rs::Encoding;
use encoding_rs::UTF_8;
use encoding_rs::UTF_16BE;
use encoding_rs::UTF_16LE;
use encoding_rs::WINDOWS_1252;

/// How far into a page its own word on its alphabet is looked for.
const PRESCAN: usize = 2048;

/// Reads bytes as text: by their byte order mark, else as the server says, else as the page says,
/// else as UTF-8, and what is none as Windows-1252. What cannot be read becomes `\u{FFFD}`.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    let encoding = declared
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .or_else(|| of_page(bytes))
        .unwrap_or_else(|| guessed(bytes));
    // A byte order mark wins over all that was declared.
    let (text, _, _) = encoding.decode(bytes);
    text.into_owned()
}

/// Whether the bytes begin with the mark of an alphabet in which text may have zero bytes.
pub(super) fn is_wide(bytes: &[u8], declared: Option<&str>) -> bool {
    let by_mark = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let by_name = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    matches!(by_mark.or(by_name), Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE)
}

/// What the page says: `<meta charset=…>`, `<?xml encoding=…?>`.
fn of_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let beginning = bytes.get(..bytes.len().min(PRESCAN)).unwrap_or_default();
    let text = String::from_utf8_lossy(beginning).to_ascii_lowercase();
    let label = text
        .split("charset")
        .skip(1)
        .chain(text.starts_with("<?xml").then(|| text.split("encoding").nth(1)).flatten())
        .find_map(|rest| {
            let rest = rest.trim_start().strip_prefix('=')?.trim_start();
            let rest = rest.trim_start_matches(['"', '\'']);
            let is_end = |letter: char| !letter.is_ascii_alphanumeric() && !"-_:.".contains(letter);
            let label = rest.split(is_end).next()?;
            Encoding::for_label(label.as_bytes())
        })?;
    // What could be read as ASCII so far is not UTF-16, whatever it says.
    Some(if label == UTF_16LE || label == UTF_16BE { UTF_8 } else { label })
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        // A page that was cut may end in the middle of a letter, if it had whole ones before.
        Err(error) => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let is_cut = error.error_len().is_none() && !whole.is_ascii();
            if is_cut { UTF_8 } else { WINDOWS_1252 }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_are_read_in_their_alphabet() {
        for (bytes, declared, text) in [
            (&b"caf\xc3\xa9"[..], None, "café"),
            (b"caf\xe9", None, "café"),
            (b"caf\xe9", Some("latin1"), "café"),
            (b"caf\xe9", Some("no such alphabet"), "café"),
            (b"<meta charset=\"koi8-r\">\xd0\xd2", None, "<meta charset=\"koi8-r\">пр"),
            (
                b"<meta http-equiv=x content='text/html; charset=shift_jis'>\x83\x65",
                None,
                "<meta http-equiv=x content='text/html; charset=shift_jis'>テ",
            ),
            (
                b"<?xml version='1.0' encoding='gbk'?>\xc4\xe3",
                None,
                "<?xml version='1.0' encoding='gbk'?>你",
            ),
            (b"\xff\xfea\0b\0", Some("utf-8"), "ab"),
            (b"\xfe\xff\0a\0b", None, "ab"),
            (b"\xef\xbb\xbfx", Some("latin1"), "x"),
            (b"<meta charset=utf-16>caf\xc3\xa9", None, "<meta charset=utf-16>café"),
            (b"\xc3\xa9 cut \xe2\x82", None, "é cut \u{fffd}"),
            (b"", None, ""),
        ] {
            assert_eq!(decode(bytes, declared), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_text(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            label in proptest::option::of("[a-z0-9-]{0,12}"),
        ) {
            let text = decode(&bytes, label.as_deref());
            prop_assert!(text.len() <= bytes.len() * 3 + 3);
        }
    }
}
