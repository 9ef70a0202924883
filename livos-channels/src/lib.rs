//! The place of messaging channels; there are none yet.
//!
//! What will live here: the contract between an agent and a messaging service (who may
//! write, which session a chat belongs to, how an answer is delivered exactly once and
//! split to the service's limits), and behind one feature each the services themselves,
//! beginning with Telegram. The crate will depend on [`livos_core`] alone of this
//! workspace, and consume [`AgentEvent`](livos_core::AgentEvent)s as any other surface does.
//!
//! It is published empty so that its name and its place among the crates are settled
//! before the first channel is.
