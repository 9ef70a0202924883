//! The output of a container is taken apart, however it is framed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| livos_tools::fuzzing::container_frames(bytes));
