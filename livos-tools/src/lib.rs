//! wip
mod blocking;
pub mod files;
pub mod shell;
pub mod time;
mod workspace_root;

pub use self::workspace_root::WorkspaceError;
pub use self::workspace_root::WorkspaceRoot;
