//! A PDF file never ends the process.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| livos_tools::fuzzing::pdf(bytes));
