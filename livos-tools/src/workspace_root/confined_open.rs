//! Opens a path beneath a directory and nowhere else.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

/// Who keeps a path beneath its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// The kernel, by `openat2` (Linux 5.6). Links that stay beneath are followed.
    #[cfg(target_os = "linux")]
    Kernel,
    /// We, opening one name at a time. Links are refused.
    NameByName,
}

impl Resolution {
    /// How often a resolution that raced with a rename is repeated (openat2(2), EAGAIN).
    #[cfg(target_os = "linux")]
    const RACES: usize = 32;

    /// The best this kernel can do; sandboxes may forbid `openat2` where the kernel has it.
    pub(super) fn of_this_kernel(directory: BorrowedFd<'_>) -> Self {
        #[cfg(target_os = "linux")]
        if Self::Kernel.open(directory, Path::new(""), OFlag::O_DIRECTORY).is_ok() {
            return Self::Kernel;
        }
        let _ = directory;
        Self::NameByName
    }

    /// Opens `path`, which holds ordinary names only, beneath `root`.
    pub(super) fn open(
        self,
        root: BorrowedFd<'_>,
        path: &Path,
        flags: OFlag,
    ) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlag::O_CLOEXEC;
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel => open_by_kernel(root, path, flags),
            Self::NameByName => open_name_by_name(root, path, flags),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_by_kernel(root: BorrowedFd<'_>, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    use nix::fcntl::OpenHow;
    use nix::fcntl::ResolveFlag;
    use nix::fcntl::openat2;

    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(flags).resolve(resolve);
    for _ in 0..Resolution::RACES {
        match openat2(root, path, how) {
            Err(Errno::EAGAIN) => {}
            opened => return opened,
        }
    }
    Err(Errno::EAGAIN)
}

fn open_name_by_name(root: BorrowedFd<'_>, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let open = |directory: BorrowedFd<'_>, name: &Path, flags| {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        nix::fcntl::openat(directory, name, flags, Mode::empty())
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return open(root, Path::new("."), flags);
    };
    let on_the_way = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut directory = open(root, Path::new("."), on_the_way)?;
    for step in parent {
        directory = open(directory.as_fd(), Path::new(step), on_the_way)?;
    }
    open(directory.as_fd(), Path::new(name), flags)
}
