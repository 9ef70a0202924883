//! What tests of agents, providers, stores and tools are made of (feature `testing`).
//!
//! [`ScriptedProvider`] plays a model, [`ManualClock`] plays the time, and the
//! conformance suites check that an implementation of yours keeps its trait's promises.

mod manual_clock;
mod provider_suite;
mod script;
mod store_suite;

pub use self::manual_clock::ManualClock;
pub use self::provider_suite::check_provider;
pub use self::script::Script;
pub use self::script::ScriptedProvider;
pub use self::store_suite::check_store;
