//! Visits what is beneath a directory, in order, without ever following a link.

use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use ignore::Match;
use ignore::gitignore::Gitignore;
use ignore::gitignore::GitignoreBuilder;
use livos_core::CancelSignal;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::sys::stat::SFlag;

use super::WorkspaceError;
use super::WorkspacePath;
use super::WorkspaceRoot;
use super::file_type;

/// Whether `.gitignore` and `.ignore` files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IgnoreFiles {
    /// What they name is passed over.
    Respected,
    /// They are files like others.
    Disregarded,
}

/// How a walk shall go.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) ignore_files: IgnoreFiles,
    /// How many levels below the start are visited.
    pub(crate) depth: usize,
    pub(crate) stop: &'a CancelSignal,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalkEnd {
    /// Everything was visited.
    Complete,
    /// The visitor had enough, or the call was stopped.
    Stopped,
    /// There is more than [`Walk::MAX_ENTRIES`].
    TooMany,
}

/// What an entry is, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    File,
    Link,
    Other,
}

/// An entry on the way.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Relative to the workspace.
    pub(crate) path: &'a Path,
    pub(crate) kind: EntryKind,
    directory: BorrowedFd<'a>,
    name: &'a CStr,
}

impl Found<'_> {
    /// Its size in bytes; zero when it is gone.
    pub(crate) fn size(&self) -> u64 {
        nix::sys::stat::fstatat(self.directory, self.name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .ok()
            .and_then(|stat| u64::try_from(stat.st_size).ok())
            .unwrap_or(0)
    }

    /// Where a link points to, as it is written there.
    pub(crate) fn link_target(&self) -> PathBuf {
        nix::fcntl::readlinkat(self.directory, self.name).unwrap_or_default().into()
    }

    /// Opens the file; a link that took its place is not followed.
    pub(crate) fn open(&self) -> Result<File, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        open_in(self.directory, self.name, flags).map(File::from)
    }
}

impl Walk<'_> {
    /// How many entries a walk visits at most: a home directory full of caches must end some day.
    pub(crate) const MAX_ENTRIES: usize = 200_000;
    /// How deep a walk goes at most; each level holds one open directory.
    pub(crate) const MAX_DEPTH: usize = 64;
    /// How much of an ignore file counts, in bytes.
    const MAX_IGNORE_FILE: u64 = 256 * 1024;
    /// The bookkeeping of git and of LivOS; visited only when asked for by name.
    const BOOKKEEPING: [&'static [u8]; 2] = [b".git", b".livos"];

    /// Visits everything beneath `start`, directories before what is in them, names in byte order.
    pub(crate) fn visit(
        &self,
        root: &WorkspaceRoot,
        start: &WorkspacePath,
        mut visitor: impl FnMut(&Found<'_>) -> ControlFlow<()>,
    ) -> Result<WalkEnd, WorkspaceError> {
        let mut state = State { walk: self, ignores: Vec::new(), seen: 0, visitor: &mut visitor };
        state.enter_ancestors(root, start)?;
        let directory = Dir::from_fd(root.open_directory(start)?)
            .map_err(|errno| WorkspaceError::of_errno(errno, "list", start))?;
        match state.directory(directory, start.as_path(), 1) {
            ControlFlow::Continue(()) => Ok(WalkEnd::Complete),
            ControlFlow::Break(end) => Ok(end),
        }
    }
}

struct State<'a, V> {
    walk: &'a Walk<'a>,
    // The ignore rules from the workspace down to the directory being visited.
    ignores: Vec<Rules>,
    seen: usize,
    visitor: &'a mut V,
}

struct Rules {
    directory: PathBuf,
    matcher: Gitignore,
}

impl<V: FnMut(&Found<'_>) -> ControlFlow<()>> State<'_, V> {
    fn enter_ancestors(
        &mut self,
        root: &WorkspaceRoot,
        start: &WorkspacePath,
    ) -> Result<(), WorkspaceError> {
        let mut place = start.clone();
        let mut above = Vec::new();
        while place.file_name().is_some() {
            place = place.parent();
            above.push(place.clone());
        }
        for place in above.iter().rev() {
            let directory = root.open_directory(place)?;
            self.push_rules(directory.as_fd(), place.as_path());
        }
        Ok(())
    }

    fn directory(&mut self, mut directory: Dir, path: &Path, depth: usize) -> ControlFlow<WalkEnd> {
        let names = self.names(&mut directory)?;
        self.push_rules(directory.as_fd(), path);
        let result = names.iter().try_for_each(|name| self.entry(&directory, path, name, depth));
        self.ignores.pop();
        result
    }

    fn names(&mut self, directory: &mut Dir) -> ControlFlow<WalkEnd, Vec<CString>> {
        let mut names = Vec::new();
        for entry in directory.iter().filter_map(Result::ok) {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > Walk::MAX_ENTRIES {
                return ControlFlow::Break(WalkEnd::TooMany);
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        ControlFlow::Continue(names)
    }

    fn entry(
        &mut self,
        parent: &Dir,
        parent_path: &Path,
        name: &CStr,
        depth: usize,
    ) -> ControlFlow<WalkEnd> {
        if self.walk.stop.is_cancelled() {
            return ControlFlow::Break(WalkEnd::Stopped);
        }
        let path = parent_path.join(OsStr::from_bytes(name.to_bytes()));
        let Ok(kind) = kind_of(parent, name) else { return ControlFlow::Continue(()) };
        if self.is_passed_over(&path, name, kind) {
            return ControlFlow::Continue(());
        }
        let found = Found { path: &path, kind, directory: parent.as_fd(), name };
        if (self.visitor)(&found).is_break() {
            return ControlFlow::Break(WalkEnd::Stopped);
        }
        let descends = kind == EntryKind::Directory && depth < self.walk.depth;
        if !descends {
            return ControlFlow::Continue(());
        }
        match open_in(parent.as_fd(), name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .and_then(Dir::from_fd)
        {
            Ok(directory) => self.directory(directory, &path, depth + 1),
            // Not ours to read, or gone: the rest is still worth showing.
            Err(_) => ControlFlow::Continue(()),
        }
    }

    fn is_passed_over(&self, path: &Path, name: &CStr, kind: EntryKind) -> bool {
        let is_directory = kind == EntryKind::Directory;
        if is_directory && Walk::BOOKKEEPING.contains(&name.to_bytes()) {
            return true;
        }
        for rules in self.ignores.iter().rev() {
            let Ok(relative) = path.strip_prefix(&rules.directory) else { continue };
            match rules.matcher.matched(relative, is_directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }

    fn push_rules(&mut self, directory: BorrowedFd<'_>, path: &Path) {
        let matcher = match self.walk.ignore_files {
            IgnoreFiles::Respected => read_ignore_files(directory),
            IgnoreFiles::Disregarded => Gitignore::empty(),
        };
        self.ignores.push(Rules { directory: path.to_path_buf(), matcher });
    }
}

/// Rules of one directory; later lines win, so `.ignore` comes after `.gitignore`.
fn read_ignore_files(directory: BorrowedFd<'_>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for name in [c".gitignore", c".ignore"] {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let Ok(file) = open_in(directory, name, flags) else { continue };
        let mut bytes = Vec::new();
        let mut limited = File::from(file).take(Walk::MAX_IGNORE_FILE);
        if limited.read_to_end(&mut bytes).is_err() {
            continue;
        }
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern is git's to complain about.
            let _ = builder.add_line(None, line);
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

fn open_in(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: OFlag,
) -> Result<std::os::fd::OwnedFd, Errno> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    nix::fcntl::openat(directory, name, flags, Mode::empty())
}

fn kind_of(directory: &Dir, name: &CStr) -> Result<EntryKind, Errno> {
    let stat = nix::sys::stat::fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    Ok(match file_type(stat.st_mode) {
        SFlag::S_IFDIR => EntryKind::Directory,
        SFlag::S_IFREG => EntryKind::File,
        SFlag::S_IFLNK => EntryKind::Link,
        _ => EntryKind::Other,
    })
}
