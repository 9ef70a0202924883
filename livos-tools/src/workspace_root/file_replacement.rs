//! Writes a file whole: readers see the old content or the new one, never a part.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::fcntl::OFlag;
use nix::sys::stat::FileStat;
use nix::sys::stat::Mode;
use nix::sys::stat::SFlag;
use nix::unistd::UnlinkatFlags;

use super::WorkspaceError;
use super::WorkspacePath;
use super::WorkspaceRoot;
use super::file_type;

/// Which state of a file was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileVersion {
    inode: u64,
    size: i64,
    modified: (i64, i64),
}

impl FileVersion {
    pub(crate) fn of(file: &File) -> Result<Self, Errno> {
        nix::sys::stat::fstat(file).map(|stat| Self::of_stat(&stat))
    }

    fn of_stat(stat: &FileStat) -> Self {
        Self {
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
        }
    }
}

/// What must hold for a file to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Nothing: it may exist or not.
    Nothing,
    /// It is still what was read.
    Unchanged(FileVersion),
}

/// What was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// Nothing.
    Nothing,
    /// A file of so many bytes.
    File { bytes: i64 },
}

impl WorkspaceRoot {
    /// Writes a file whole and durably, making its directories. Its permissions are kept.
    pub(crate) fn replace_file(
        &self,
        path: &WorkspacePath,
        content: &[u8],
        precondition: Precondition,
    ) -> Result<Replaced, WorkspaceError> {
        let Some(name) = path.file_name() else {
            return Err(WorkspaceError::IsDirectory { path: path.to_string() });
        };
        let directory = self.create_directories(&path.parent())?;
        let before = Target { directory: &directory, name, path }.inspect()?;
        let temporary = TemporaryFile::create(&directory, path)?;
        temporary
            .fill(content, before.map(|stat| stat.st_mode))
            .map_err(|source| WorkspaceError::of_io(source, "write", path))?;
        if let Precondition::Unchanged(version) = precondition {
            let now = Target { directory: &directory, name, path }.inspect()?;
            if now.map(|stat| FileVersion::of_stat(&stat)) != Some(version) {
                return Err(WorkspaceError::Changed { path: path.to_string() });
            }
        }
        temporary
            .rename_to(name)
            .map_err(|errno| WorkspaceError::of_errno(errno, "write", path))?;
        Ok(before.map_or(Replaced::Nothing, |stat| Replaced::File { bytes: stat.st_size }))
    }
}

/// The name that is to be replaced.
struct Target<'a> {
    directory: &'a OwnedFd,
    name: &'a OsStr,
    path: &'a WorkspacePath,
}

impl Target<'_> {
    /// What is there: nothing, or a regular file. A link is refused, as renaming would replace it.
    fn inspect(&self) -> Result<Option<FileStat>, WorkspaceError> {
        let path = || self.path.to_string();
        let stat = match nix::sys::stat::fstatat(
            self.directory,
            self.name,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Err(Errno::ENOENT) => return Ok(None),
            stat => stat.map_err(|errno| WorkspaceError::of_errno(errno, "write", self.path))?,
        };
        match file_type(stat.st_mode) {
            SFlag::S_IFREG => Ok(Some(stat)),
            SFlag::S_IFDIR => Err(WorkspaceError::IsDirectory { path: path() }),
            SFlag::S_IFLNK => {
                let target = nix::fcntl::readlinkat(self.directory, self.name).unwrap_or_default();
                Err(WorkspaceError::IsLink { path: path(), target: super::printable(target) })
            }
            _ => Err(WorkspaceError::NotRegular { path: path() }),
        }
    }
}

/// A file beside its target; removed again unless it takes the target's place.
struct TemporaryFile<'a> {
    directory: &'a OwnedFd,
    name: OsString,
    file: File,
}

impl<'a> TemporaryFile<'a> {
    /// How many names that a crashed process left behind are passed over.
    const ATTEMPTS: usize = 100;

    fn create(directory: &'a OwnedFd, path: &WorkspacePath) -> Result<Self, WorkspaceError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut refusal = Errno::EEXIST;
        for _ in 0..Self::ATTEMPTS {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!(".livos-{}-{number}.tmp", std::process::id()));
            let mode = Mode::from_bits_truncate(0o666);
            match nix::fcntl::openat(directory, name.as_os_str(), flags, mode) {
                Ok(file) => return Ok(Self { directory, name, file: File::from(file) }),
                Err(errno) => refusal = errno,
            }
            if refusal != Errno::EEXIST {
                break;
            }
        }
        Err(WorkspaceError::of_errno(refusal, "write", path))
    }

    fn fill(
        &self,
        content: &[u8],
        permissions: Option<nix::libc::mode_t>,
    ) -> Result<(), std::io::Error> {
        let mut file = &self.file;
        file.write_all(content)?;
        if let Some(mode) = permissions {
            nix::sys::stat::fchmod(self.file.as_fd(), Mode::from_bits_truncate(mode & 0o777))?;
        }
        self.file.sync_all()
    }

    fn rename_to(mut self, name: &OsStr) -> Result<(), Errno> {
        nix::fcntl::renameat(self.directory, self.name.as_os_str(), self.directory, name)?;
        self.name = OsString::new();
        // Some file systems cannot sync a directory; the content is safe by then.
        let _ = nix::unistd::fsync(self.directory);
        Ok(())
    }
}

impl Drop for TemporaryFile<'_> {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let _ = nix::unistd::unlinkat(
                self.directory,
                self.name.as_os_str(),
                UnlinkatFlags::NoRemoveDir,
            );
        }
    }
}
