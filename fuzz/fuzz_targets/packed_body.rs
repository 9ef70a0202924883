//! What a server packs is unpacked no further than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| livos_tools::fuzzing::packed_body(bytes));
