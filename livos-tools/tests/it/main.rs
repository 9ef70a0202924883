//! The tools as a program that embeds them uses them.

mod files;
mod harness;
mod registry;
mod shell;
mod time;
