//! The tools as a program that embeds them uses them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails shall say where"
)]

mod agent;
mod containers;
mod background;
mod escapes;
mod files;
mod harness;
mod outgoing;
mod processes;
mod registry;
mod schedules;
mod sandbox;
mod shell;
mod subagents;
mod site;
mod time;
mod web;
mod todo;
