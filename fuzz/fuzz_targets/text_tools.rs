//! Tool calls in text, of any bytes: no panic, and read in pieces it says the same as read whole.
//!
//! `cargo +nightly fuzz run text_tools`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_core::fuzz_text_tools(data));
