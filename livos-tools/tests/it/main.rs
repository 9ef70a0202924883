//! The tools as a program that embeds them uses them.
#![expect(clippy::unwrap_used, reason = "a test that fails shall say where")]

mod agent;
mod background;
mod escapes;
mod files;
mod harness;
mod processes;
mod registry;
mod sandbox;
mod shell;
mod time;
mod todo;
