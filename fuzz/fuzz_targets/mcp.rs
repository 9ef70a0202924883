//! Schemas, names and the file of MCP servers: reading them ends, and names are ones that providers take.
//!
//! `cargo +nightly fuzz run mcp`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| livos_tools::fuzzing::mcp(data));
