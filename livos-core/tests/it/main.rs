//! livos-core through its public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod agent_loop;
mod compaction;
mod delivery;
mod disclosure;
mod events;
mod feeds;
mod redis_store;
mod registry;
mod replay;
mod stores;
mod transcript;
mod worker;
mod worker_chaos;
