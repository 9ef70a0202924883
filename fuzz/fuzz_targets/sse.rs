//! Server-sent events in any cut: no panic, and every cut gives the same events.
//!
//! `cargo +nightly fuzz run sse`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_providers::fuzzing::sse(data));
