//! livos-server from outside: over its socket, and as a process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod access;
mod approvals;
mod archive;
mod bad_input;
mod broken_store;
mod callbacks;
mod caller;
mod cli;
mod compaction;
mod completions;
mod counting_model;
mod description;
mod disk;
mod edge;
mod events;
mod gated_provider;
mod killed;
mod leaks;
mod many_tasks;
mod many_tools;
mod mcp;
mod mcp_clients;
mod memories;
mod peer;
mod process;
mod queueing;
mod recovery;
mod redis_server;
mod schedules;
mod sessions;
mod shared_schedules;
mod shell;
mod small_disk;
mod subagents;
mod surroundings;
mod tasks;
mod test_server;
mod two_servers;
mod windows;
