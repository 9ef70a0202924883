//! A refusal of any service: no panic, and a bounded message.
//!
//! `cargo +nightly fuzz run failure`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_providers::fuzzing::failure(data));
