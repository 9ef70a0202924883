//! An answer of Anthropic's API: no panic, and an end or an error.
//!
//! `cargo +nightly fuzz run anthropic`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_providers::fuzzing::anthropic(data));
