//! The file tools: read, write, edit, list and search beneath a workspace.

pub(crate) mod content;
mod edit;
mod glob_filter;
mod line_reader;
mod list;
mod read;
mod search;
mod write;

use livos_core::RegisterToolError;
use livos_core::ToolRegistry;

use crate::WorkspaceRoot;

pub use self::edit::FileEdit;
pub use self::list::FileList;
pub use self::read::FileRead;
pub use self::search::FileSearch;
pub use self::write::FileWrite;

/// Registers `file_read`, `file_write`, `file_edit`, `file_list` and `file_search`.
///
/// They stay beneath `root`, or beneath the run's own workspace where it has one.
///
/// # Errors
/// When one of the names is taken; those registered before it stay.
pub fn register(tools: &ToolRegistry, root: &WorkspaceRoot) -> Result<(), RegisterToolError> {
    tools.register(FileRead::new(root.clone()))?;
    tools.register(FileWrite::new(root.clone()))?;
    tools.register(FileEdit::new(root.clone()))?;
    tools.register(FileList::new(root.clone()))?;
    tools.register(FileSearch::new(root.clone()))
}
