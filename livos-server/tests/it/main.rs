//! livos-server from outside: over its socket, and as a process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod access;
mod archive;
mod callbacks;
mod cli;
mod compaction;
mod completions;
mod description;
mod disk;
mod edge;
mod events;
mod gated_provider;
mod killed;
mod mcp;
mod process;
mod queueing;
mod recovery;
mod sessions;
mod small_disk;
mod test_server;
