//! Files, shell and time tools for agents built on [`livos_core`].
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
//! - module [`shell`] has `shell`
//! - module [`time`] has `time`
//! - module `mcp`, with the feature of that name, has the tools of MCP servers
//! - [`WorkspaceRoot`] is the directory they stay beneath
//!
//! File tools cannot leave the workspace, whatever links lie in it. A command run by the
//! shell can: it gets a clean environment and leaves no process behind, but it is not
//! confined by the kernel. Unix only; the strongest confinement needs Linux 5.6.
//!
//! The feature `fuzzing` opens entry points for fuzzers and is no part of the contract.
#![expect(clippy::unnecessary_literal_bound, reason = "the signatures are the trait's")]

mod blocking;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod shell;
pub mod time;
mod workspace_root;

pub use self::workspace_root::WorkspaceError;
pub use self::workspace_root::WorkspaceRoot;
