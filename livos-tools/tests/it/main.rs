//! The tools as a program that embeds them uses them.
#![expect(clippy::unwrap_used, reason = "a test that fails shall say where")]

mod agent;
mod files;
mod harness;
#[cfg(feature = "mcp")]
mod mcp;
mod processes;
mod registry;
mod shell;
mod time;
