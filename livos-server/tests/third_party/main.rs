//! LivOS against programs that others wrote: mocks of the three model APIs, the official OpenAI client,
//! a fuzzer of described APIs, a browser.
//!
//! `cargo xtask third-party` installs them and `cargo xtask test` runs these
//! tests. One whose program is missing fails and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod clients;
mod conversations;
mod faults;
mod mcp;
mod memories;
mod program;
mod vendor;
mod weather;
