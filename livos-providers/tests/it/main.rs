//! Providers against servers of our own on the loopback.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod anthropic;
mod cassettes;
mod cassettes_anthropic;
mod cassettes_gemini;
mod cassettes_openai;
mod embeddings;
mod gemini;
mod local;
mod openai;
mod prefix;
mod raw_server;
mod secrets;
mod sizes;
mod stop;
mod tokens;
mod wire_faults;
mod wires;
