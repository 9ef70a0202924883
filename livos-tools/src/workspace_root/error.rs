//! Why something beneath a workspace could not be reached, in words a model can act on.

use std::io;

use livos_core::ToolError;
use nix::errno::Errno;

use super::WorkspacePath;

/// Why a workspace, or something beneath it, could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// The workspace itself cannot be opened.
    #[error("cannot open the workspace directory '{path}'")]
    Root {
        /// The directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The path is none that a file system has.
    #[error("'{path}' is not a usable path: {reason}")]
    InvalidPath {
        /// The path, shortened.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The path names a place outside the workspace.
    #[error("'{path}' is outside the workspace: use a path relative to the workspace root")]
    Outside {
        /// The path.
        path: String,
    },
    /// A symbolic link on the way leads out, or cannot be followed safely.
    #[error(
        "'{path}' goes through a symbolic link that leads outside the workspace or in a circle"
    )]
    OutsideByLink {
        /// The path.
        path: String,
    },
    /// There is nothing of this name.
    #[error("'{path}' does not exist: look for the right name with file_list")]
    NotFound {
        /// The path.
        path: String,
    },
    /// A directory was expected, on the way or at the end.
    #[error("'{path}' is not a directory, or a part of it is a file or an unusable link")]
    NotDirectory {
        /// The path.
        path: String,
    },
    /// A file was expected.
    #[error("'{path}' is a directory: name a file, or use file_list")]
    IsDirectory {
        /// The path.
        path: String,
    },
    /// A pipe, socket or device.
    #[error("'{path}' is not a regular file")]
    NotRegular {
        /// The path.
        path: String,
    },
    /// A link cannot be written: it would be replaced, or lead elsewhere.
    #[error("'{path}' is a symbolic link to '{target}': write to the file it names instead")]
    IsLink {
        /// The path.
        path: String,
        /// Where it points to.
        target: String,
    },
    /// Somebody else changed the file between reading and writing.
    #[error("'{path}' was changed by somebody else meanwhile: read it again and repeat the edit")]
    Changed {
        /// The path.
        path: String,
    },
    /// The system refused.
    #[error("cannot {action} '{path}'")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl WorkspaceError {
    pub(super) fn of_errno(errno: Errno, action: &'static str, path: &WorkspacePath) -> Self {
        let path = path.to_string();
        match errno {
            Errno::EXDEV | Errno::ELOOP => Self::OutsideByLink { path },
            Errno::ENOENT => Self::NotFound { path },
            Errno::ENOTDIR => Self::NotDirectory { path },
            Errno::EISDIR => Self::IsDirectory { path },
            Errno::ENAMETOOLONG => Self::InvalidPath { path, reason: "it is too long" },
            other => Self::Io { action, path, source: other.into() },
        }
    }

    pub(crate) fn of_io(source: io::Error, action: &'static str, path: &WorkspacePath) -> Self {
        Self::Io { action, path: path.to_string(), source }
    }
}

impl From<WorkspaceError> for ToolError {
    fn from(error: WorkspaceError) -> Self {
        match std::error::Error::source(&error) {
            Some(cause) => Self::model(format!("{error}: {cause}")),
            None => Self::model(error.to_string()),
        }
    }
}
