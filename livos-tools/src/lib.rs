//! Files, shell, task list, web, system, container, schedule and time tools, questions to people and other agents,
//! for agents built on [`livos_core`].
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
//! - module [`subagents`] has `sessions_create`, `sessions_list`, `sessions_send`, `sessions_history`,
//!   `agent_create`, `agent_list`
//! - module [`web`] has `web_fetch`, `web_search`, `http_request` (feature `web`)
//! - module [`system`] has `system_info`
//! - module [`containers`] has `containers` and `containers_manage` (feature `containers`)
//! - module [`outgoing`] is the HTTP client for addresses of other people's choice, and its guard
//! - module [`shell`] has `shell`, `shell_output`, `shell_kill`; [`sandbox`] keeps commands in
//! - module [`mod@todo`] has `todo`, [`time`] has `time`
//! - module `mcp`, with the feature of that name, has the tools of MCP servers
//! - [`WorkspaceRoot`] is the directory they stay beneath
//!
//! File tools cannot leave the workspace, whatever links lie in it, and commands of the shell
//! cannot where they are given a sandbox. Unix only; the sandbox is Linux only, and the
//! strongest confinement of files needs Linux 5.6.
//!
//! The feature `fuzzing` opens entry points for fuzzers and is no part of the contract.
#![expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]

pub mod ask_user;
mod blocking;
#[cfg(feature = "containers")]
pub mod containers;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod memory;
#[cfg(feature = "web")]
pub mod outgoing;
pub mod sandbox;
pub mod schedules;
pub mod shell;
pub mod subagents;
pub mod system;
pub mod time;
pub mod todo;
#[cfg(feature = "web")]
pub mod web;
mod workspace_root;

pub use self::workspace_root::WorkspaceError;
pub use self::workspace_root::WorkspaceRoot;
