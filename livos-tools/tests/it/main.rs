//! The tools as a program that embeds them uses them.
#![expect(clippy::unwrap_used, reason = "a test that fails shall say where")]

mod agent;
mod files;
mod harness;
mod processes;
mod registry;
mod schedules;
mod shell;
mod subagents;
mod time;
