//! A streamed answer of chat completions, in every dialect: no panic, and no end without an end.
//!
//! `cargo +nightly fuzz run openai`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_providers::fuzzing::openai(data));
