//! HTML in any alphabet becomes Markdown, whatever it is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| livos_tools::fuzzing::page(bytes));
