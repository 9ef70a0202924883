//! The tools as a program that embeds them uses them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails shall say where"
)]

mod agent;
mod background;
mod containers;
mod escapes;
mod files;
mod harness;
#[cfg(feature = "mcp")]
mod mcp;
mod memory;
mod outgoing;
mod processes;
mod registry;
mod sandbox;
mod schedules;
mod shell;
mod site;
mod subagents;
mod time;
mod todo;
mod web;
