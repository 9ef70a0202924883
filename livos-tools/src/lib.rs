//! Files, shell, time and questions to people, for agents built on [`livos_core`].
//! Files, shell, time and schedule tools for agents built on [`livos_core`].
//!
//! ```
//! use livos_core::ToolRegistry;
//! use livos_tools::WorkspaceRoot;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("workspace");
//! let root = WorkspaceRoot::create(path)?;
//! let tools = ToolRegistry::new();
//! livos_tools::files::register(&tools, &root)?;
//! livos_tools::time::register(&tools)?;
//! assert_eq!(tools.specs().len(), 6);
//! # Ok(())
//! # }
//! ```
//!
//! - module [`files`] has `file_read`, `file_write`, `file_edit`, `file_list`, `file_search`
//! - module [`ask_user`] has `ask_user`
//! - module [`memory`] has `memory_search`, `memory_add`, `memory_forget`
//! - module [`schedules`] has `schedule_create`, `schedule_list`, `schedule_delete`
//! - module [`shell`] has `shell`
//! - module [`subagents`] has `sessions_create`, `sessions_list`, `sessions_send`, `sessions_history`,
//!   `agent_create`, `agent_list`
//! - module [`time`] has `time`
//! - [`WorkspaceRoot`] is the directory they stay beneath
//!
//! File tools cannot leave the workspace, whatever links lie in it. A command run by the
//! shell can: it gets a clean environment and leaves no process behind, but it is not
//! confined by the kernel. Unix only; the strongest confinement needs Linux 5.6.
//!
//! The feature `fuzzing` opens entry points for fuzzers and is no part of the contract.
#![expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]

pub mod ask_user;
mod blocking;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod memory;
pub mod schedules;
pub mod shell;
pub mod subagents;
pub mod time;
mod workspace_root;

pub use self::workspace_root::WorkspaceError;
pub use self::workspace_root::WorkspaceRoot;
