//! The file that holds the whole output of a command.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use livos_core::ToolContext;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use tokio::io::AsyncWriteExt;

use super::capture::Kept;
use crate::WorkspaceError;
use crate::WorkspaceRoot;

/// Where a command's output would be kept.
#[derive(Debug, Clone)]
pub(super) struct SpillPlace {
    root: WorkspaceRoot,
    /// In order of preference; call ids of some providers repeat.
    names: [String; 2],
    limit: u64,
}

impl SpillPlace {
    const DIRECTORY: &'static str = ".livos/output";
    /// How much of a call's id is used in a name.
    const MAX_NAME: usize = 100;

    pub(super) fn new(root: WorkspaceRoot, context: &ToolContext, limit: u64) -> Self {
        let call: String = context
            .call_id()
            .as_str()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .take(Self::MAX_NAME)
            .collect();
        let names = [format!("{call}.txt"), format!("{call}-{}.txt", context.run_id())];
        Self { root, names, limit }
    }

    /// Makes the file.
    pub(super) async fn open(&self) -> Spill {
        let place = self.clone();
        let opened = tokio::task::spawn_blocking(move || place.create()).await;
        let target = match opened {
            Ok(Ok((file, path))) => {
                Target::File { file: tokio::fs::File::from_std(file), path, written: 0 }
            }
            Ok(Err(error)) => Target::Lost { reason: error.to_string() },
            Err(_) => Target::Lost { reason: "making the file failed".to_owned() },
        };
        Spill { target, room: self.limit }
    }

    fn create(&self) -> Result<(File, String), WorkspaceError> {
        let place = self.root.parse(Self::DIRECTORY)?;
        let directory = self.root.create_directories(&place)?;
        self.hide_from_git()?;
        let [name, other] = &self.names;
        let (file, name) = match create_in(&directory, name, OFlag::O_EXCL) {
            Err(Errno::EEXIST) => (create_in(&directory, other, OFlag::O_TRUNC), other),
            result => (result, name),
        };
        let file = file.map_err(|errno| WorkspaceError::Io {
            action: "write",
            path: format!("{}/{name}", Self::DIRECTORY),
            source: errno.into(),
        })?;
        Ok((file, format!("{}/{name}", Self::DIRECTORY)))
    }

    /// What is kept here is nobody's work and shall not be committed.
    fn hide_from_git(&self) -> Result<(), WorkspaceError> {
        let directory = self.root.open_directory(&self.root.parse(".livos")?)?;
        if let Ok(mut file) = create_in(&directory, ".gitignore", OFlag::O_EXCL) {
            let _ = file.write_all(b"*\n");
        }
        Ok(())
    }
}

fn create_in(directory: &OwnedFd, name: &str, how: OFlag) -> Result<File, Errno> {
    let flags = how | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    nix::fcntl::openat(directory, name, flags | OFlag::O_NONBLOCK, mode).map(File::from)
}

/// The file while it is written.
#[derive(Debug)]
pub(super) struct Spill {
    target: Target,
    /// How many bytes may still be written.
    room: u64,
}

#[derive(Debug)]
enum Target {
    File { file: tokio::fs::File, path: String, written: u64 },
    Lost { reason: String },
}

impl Spill {
    /// Writes as much as there is room for; a failure is remembered and not repeated.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let Target::File { file, written, .. } = &mut self.target else { return };
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let part = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if part.is_empty() {
            return;
        }
        match file.write_all(part).await {
            Ok(()) => {
                self.room -= part.len() as u64;
                *written += part.len() as u64;
            }
            Err(error) => self.target = Target::Lost { reason: error.to_string() },
        }
    }

    /// Waits until all is written.
    pub(super) async fn close(self) -> Kept {
        match self.target {
            Target::File { mut file, path, written } => match file.flush().await {
                Ok(()) => Kept::InFile { path, bytes: written },
                Err(error) => Kept::Lost { reason: error.to_string() },
            },
            Target::Lost { reason } => Kept::Lost { reason },
        }
    }
}
