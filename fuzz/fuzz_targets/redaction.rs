//! Any secret in any text: read in pieces it is redacted as read whole, and it is not left in it.
//!
//! `cargo +nightly fuzz run redaction`
#![no_main]

use livos_core::Redactor;
use livos_core::Secret;

libfuzzer_sys::fuzz_target!(|parts: (&str, &str, Vec<u8>)| {
    let (secret, text, cuts) = parts;
    let secret = Secret::new(secret);
    let redactor = Redactor::of(&[secret]);
    let Some(mut pieces) = redactor.pieces() else { return };
    let whole = redactor.clean(text).into_owned();
    let (mut shown, mut rest) = (String::new(), text);
    for cut in cuts {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(usize::from(cut)));
        shown.push_str(&pieces.push(piece.to_owned()));
        rest = later;
    }
    shown.push_str(&pieces.push(rest.to_owned()));
    shown.push_str(&pieces.finish());
    assert_eq!(shown, whole);
});
