//! livos-core through its public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod agent_loop;
mod approvals;
mod commits;
mod compaction;
mod delivery;
mod disclosure;
mod events;
mod feeds;
mod recollection;
mod redaction;
mod redis_store;
mod registry;
mod replay;
mod schedules;
mod stores;
mod subagents;
mod tasks;
mod transcript;
mod worker;
mod worker_chaos;
