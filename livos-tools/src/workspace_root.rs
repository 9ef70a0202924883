//! The directory an agent may touch, and the one way to anything beneath it.
//!
//! Every access starts at the open directory and is resolved by the kernel
//! (`openat2` with `RESOLVE_BENEATH`), so neither `..`, nor an absolute path,
//! nor a symbolic link, nor a link put there in between leads out. On kernels
//! without `openat2` names are opened one by one and no link is followed.

mod confined_open;
mod error;
mod file_replacement;
mod path;
mod walk;

use std::fmt;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::sys::stat::SFlag;

use self::confined_open::Resolution;

pub use self::error::WorkspaceError;

pub(crate) use self::file_replacement::FileVersion;
pub(crate) use self::file_replacement::Precondition;
pub(crate) use self::file_replacement::Replaced;
pub(crate) use self::path::WorkspacePath;
pub(crate) use self::path::printable;
pub(crate) use self::walk::EntryKind;
pub(crate) use self::walk::Found;
pub(crate) use self::walk::IgnoreFiles;
pub(crate) use self::walk::Walk;
pub(crate) use self::walk::WalkEnd;

/// The directory an agent may touch. Clones are the same directory.
///
/// It stays the same directory when it is moved or its path is replaced.
///
/// ```
/// use livos_tools::WorkspaceRoot;
///
/// # fn main() -> Result<(), livos_tools::WorkspaceError> {
/// # let directory = tempfile::tempdir().expect("a temporary directory");
/// # let path = directory.path().join("workspace");
/// let root = WorkspaceRoot::create(&path)?;
/// assert!(root.path().is_absolute());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WorkspaceRoot(Arc<Inner>);

struct Inner {
    given: PathBuf,
    canonical: PathBuf,
    directory: OwnedFd,
    resolution: Resolution,
}

impl WorkspaceRoot {
    /// Opens a directory that exists. Blocks for a few file system calls.
    ///
    /// # Errors
    /// When it does not exist, is no directory or may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WorkspaceError> {
        Self::open_confined(path.as_ref(), Resolution::of_this_kernel)
    }

    fn open_confined(
        path: &Path,
        resolution: impl FnOnce(BorrowedFd<'_>) -> Resolution,
    ) -> Result<Self, WorkspaceError> {
        let given = path.to_path_buf();
        let failed = |source| WorkspaceError::Root { path: printable(&given), source };
        let canonical = given.canonicalize().map_err(failed)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = nix::fcntl::open(&canonical, flags, Mode::empty())
            .map_err(|errno| failed(errno.into()))?;
        let resolution = resolution(directory.as_fd());
        Ok(Self(Arc::new(Inner { given, canonical, directory, resolution })))
    }

    /// Opens a directory, making it and its parents first where they are missing.
    /// Blocks for a few file system calls.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WorkspaceError> {
        let path = path.as_ref();
        std::fs::create_dir_all(path)
            .map_err(|source| WorkspaceError::Root { path: printable(path), source })?;
        Self::open(path)
    }

    /// Where it was when it was opened: absolute, without links.
    pub fn path(&self) -> &Path {
        &self.0.canonical
    }

    /// The run's own workspace if it has one, else this one.
    pub(crate) fn or_of_run(&self, workspace: Option<&Path>) -> Result<Self, WorkspaceError> {
        match workspace {
            Some(path) if path != self.0.given && path != self.0.canonical => Self::open(path),
            _ => Ok(self.clone()),
        }
    }

    /// Reads a path as a model wrote it: relative to the root, or absolute beneath it.
    pub(crate) fn parse(&self, text: &str) -> Result<WorkspacePath, WorkspaceError> {
        WorkspacePath::parse(text, [self.0.canonical.as_path(), self.0.given.as_path()])
    }

    /// Opens a regular file for reading. Never waits for a pipe's other end.
    pub(crate) fn open_file(&self, path: &WorkspacePath) -> Result<File, WorkspaceError> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = self.open_beneath(path, flags, "read")?;
        require_regular(&file, path)?;
        Ok(File::from(file))
    }

    /// Opens a directory for reading.
    pub(crate) fn open_directory(&self, path: &WorkspacePath) -> Result<OwnedFd, WorkspaceError> {
        self.open_beneath(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY, "open")
    }

    /// Opens a directory, making it and its parents first where they are missing.
    pub(crate) fn create_directories(
        &self,
        path: &WorkspacePath,
    ) -> Result<OwnedFd, WorkspaceError> {
        let mut directory = self.open_directory(&WorkspacePath::root())?;
        for place in path.ancestors_from_top() {
            directory = match self.open_directory(&place) {
                Err(WorkspaceError::NotFound { .. }) => {
                    create_directory(&directory, &place)?;
                    self.open_directory(&place)?
                }
                opened => opened?,
            };
        }
        Ok(directory)
    }

    /// A directory for temporary files, made where it is missing. Git does not see it.
    pub(crate) fn temporary_directory(&self) -> Result<PathBuf, WorkspaceError> {
        const DIRECTORY: &str = ".livos/tmp";
        self.create_directories(&self.parse(DIRECTORY)?)?;
        Ok(self.path().join(DIRECTORY))
    }

    /// Where a directory is beneath the root, if it is.
    pub(crate) fn place_of(&self, directory: &Path) -> Option<WorkspacePath> {
        directory.starts_with(self.path()).then(|| self.parse(directory.to_str()?).ok())?
    }

    fn open_beneath(
        &self,
        path: &WorkspacePath,
        flags: OFlag,
        action: &'static str,
    ) -> Result<OwnedFd, WorkspaceError> {
        self.0
            .resolution
            .open(self.0.directory.as_fd(), path.as_path(), flags)
            .map_err(|errno| WorkspaceError::of_errno(errno, action, path))
    }

    /// The same directory as a kernel without `openat2` would confine it.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn without_kernel_help(&self) -> Result<Self, WorkspaceError> {
        Self::open_confined(&self.0.canonical, |_| Resolution::NameByName)
    }
}

fn create_directory(parent: &OwnedFd, place: &WorkspacePath) -> Result<(), WorkspaceError> {
    let Some(name) = place.file_name() else { return Ok(()) };
    match nix::sys::stat::mkdirat(parent, name, Mode::from_bits_truncate(0o777)) {
        // Somebody else made it first, or it is a link to nothing: opening it will tell.
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(errno) => Err(WorkspaceError::of_errno(errno, "create directory", place)),
    }
}

fn require_regular(file: &OwnedFd, path: &WorkspacePath) -> Result<(), WorkspaceError> {
    let stat = nix::sys::stat::fstat(file)
        .map_err(|errno| WorkspaceError::of_errno(errno, "read", path))?;
    match file_type(stat.st_mode) {
        SFlag::S_IFREG => Ok(()),
        SFlag::S_IFDIR => Err(WorkspaceError::IsDirectory { path: path.to_string() }),
        _ => Err(WorkspaceError::NotRegular { path: path.to_string() }),
    }
}

fn file_type(mode: nix::libc::mode_t) -> SFlag {
    SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits())
}

impl fmt::Debug for WorkspaceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkspaceRoot").field(&self.0.canonical).finish()
    }
}

#[cfg(test)]
mod tests;
