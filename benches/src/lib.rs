//! Shared parts of the benches: what LivOS costs beside a loop written by hand.
//!
//! Both sides talk to the same [`mock`] model over loopback. [`raw`] is the
//! denominator: reqwest and `serde_json`, the whole history encoded again each
//! turn. The `probe` binary runs one of them once ([`probe::Job`]).

pub mod bench;
pub mod callgrind;
pub mod durable;
pub mod in_process;
pub mod mock;
pub mod ours;
pub mod probe;
pub mod process;
pub mod raw;
pub mod redis_server;
pub mod report;
pub mod task;
pub mod wire;
