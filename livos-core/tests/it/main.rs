//! livos-core through its public face.

mod agent_loop;
mod events;
mod registry;
mod stores;
