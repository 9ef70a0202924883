//! An answer of the Gemini API: no panic.
//!
//! `cargo +nightly fuzz run gemini`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_providers::fuzzing::gemini(data));
