//! A file system of the command's own, put together from what is granted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use nix::mount::MntFlags;
use nix::mount::MsFlags;
use nix::mount::mount;
use nix::mount::umount2;
use nix::sys::statvfs::FsFlags;
use nix::sys::statvfs::statvfs;

use super::Failure;
use super::grants::Access;
use super::grants::Grant;

/// Where the tree is put together; any directory that every system has.
const STAGE: &str = "/tmp";
/// On the stage: the host's file system, and the new one.
const OLD: &str = "/old";
const NEW: &str = "/new";

/// What is bound read-only over itself or emptied in `/proc`: it is about the machine.
const PROC_READ_ONLY: [&str; 4] = ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"];
const PROC_EMPTY: [&str; 6] = [
    "/proc/sysrq-trigger",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/timer_list",
    "/proc/sched_debug",
];

/// One thing of the tree. Built from the top down, so that the deeper one wins.
enum Piece<'a> {
    Bound(&'a Grant),
    Hidden,
}

/// Makes the tree and moves there. The host's file system is gone from sight then.
pub(super) fn enter(
    grants: &[Grant],
    hidden: &[PathBuf],
    scratch_bytes: u64,
) -> Result<(), Failure> {
    let links = links_at_the_top();
    let pieces = in_order(grants, hidden);
    take_the_stage()
        .and_then(|()| make_scratch(scratch_bytes))
        .map_err(Failure::of("set the stage for the file system"))?;
    for (path, pieces) in &pieces {
        for piece in pieces {
            place(path, piece).map_err(|error| Failure {
                step: "put the file system together",
                error: format!("{}: {error}", path.display()),
            })?;
        }
    }
    furnish(&links).map_err(Failure::of("furnish the file system"))?;
    remount(Path::new(NEW), MsFlags::MS_RDONLY | MsFlags::MS_NOSUID)
        .map_err(Failure::of("make the file system read-only"))?;
    move_in().map_err(Failure::of("move into the file system"))
}

/// Closes what in `/proc` is about the whole machine. After this no limit of it can be set.
pub(super) fn close_proc() -> Result<(), Failure> {
    let close = || -> io::Result<()> {
        for path in PROC_READ_ONLY.iter().map(Path::new).filter(|path| path.exists()) {
            bind(path, path, MsFlags::MS_RDONLY)?;
        }
        for path in PROC_EMPTY.iter().map(Path::new).filter(|path| path.exists()) {
            bind(Path::new("/dev/null"), path, MsFlags::empty())?;
        }
        Ok(())
    };
    close().map_err(Failure::of("close what in /proc is about the machine"))
}

/// `/bin -> usr/bin` and the like stay links.
fn links_at_the_top() -> Vec<(PathBuf, PathBuf)> {
    let entries = fs::read_dir("/").into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            target.starts_with("usr").then(|| (entry.path(), target))
        })
        .collect()
}

fn in_order<'a>(grants: &'a [Grant], hidden: &'a [PathBuf]) -> BTreeMap<&'a Path, Vec<Piece<'a>>> {
    // Paths sort before what is beneath them.
    let mut pieces: BTreeMap<&Path, Vec<Piece<'_>>> = BTreeMap::new();
    for grant in grants {
        pieces.entry(&grant.at).or_default().push(Piece::Bound(grant));
    }
    for path in hidden {
        let at = pieces.entry(path).or_default();
        // A workspace that is itself to be hidden would be no workspace.
        if at.is_empty() {
            at.push(Piece::Hidden);
        }
    }
    pieces
}

fn take_the_stage() -> io::Result<()> {
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    tmpfs(Path::new(STAGE), "mode=755,size=1m")?;
    let on_stage = |path: &str| PathBuf::from(format!("{STAGE}{path}"));
    fs::create_dir(on_stage(OLD))?;
    fs::create_dir(on_stage(NEW))?;
    nix::unistd::pivot_root(STAGE, &on_stage(OLD))?;
    nix::unistd::chdir("/")?;
    tmpfs(Path::new(NEW), "mode=755,size=1m")
}

/// Room for temporary files. Before all else, so that a workspace may lie beneath it.
fn make_scratch(bytes: u64) -> io::Result<()> {
    for path in ["/new/tmp", "/new/dev/shm"] {
        fs::create_dir_all(path)?;
        tmpfs(Path::new(path), &format!("mode=1777,size={bytes}"))?;
    }
    Ok(())
}

fn place(path: &Path, piece: &Piece<'_>) -> io::Result<()> {
    let target = beneath(NEW, path);
    match piece {
        Piece::Bound(grant) => {
            if fs::symlink_metadata(&target).is_ok_and(|there| there.is_symlink())
                || (top_is_link(&grant.at) && grant.access == Access::Read)
            {
                // Seen through the link already.
                return Ok(());
            }
            let source = beneath(OLD, &grant.source);
            make_room(&source, &target)?;
            let how = match grant.access {
                Access::Read => MsFlags::MS_RDONLY | MsFlags::MS_NOSUID,
                Access::Write => MsFlags::MS_NOSUID,
            };
            // Devices are themselves what must work.
            let devices =
                if grant.at.starts_with("/dev") { MsFlags::empty() } else { MsFlags::MS_NODEV };
            bind(&source, &target, how | devices)
        }
        Piece::Hidden => match fs::metadata(&target) {
            Ok(there) if there.is_dir() => tmpfs(&target, "mode=755,size=64k"),
            Ok(_) => bind(&beneath(OLD, Path::new("/dev/null")), &target, MsFlags::MS_RDONLY),
            // It is not in the tree at all.
            Err(_) => Ok(()),
        },
    }
}

/// Whether the first name of a path is one of the links of [`links_at_the_top`].
fn top_is_link(path: &Path) -> bool {
    let top: PathBuf = path.components().take(2).collect();
    path == top && fs::read_link(beneath(OLD, &top)).is_ok()
}

/// Makes what a mount needs to be put on.
fn make_room(source: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    if source.is_dir() {
        return fs::create_dir_all(target);
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::File::create(target).map(drop)
}

/// What every command finds: its processes, a few devices, room for temporary files.
fn furnish(links: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    for (link, target) in links {
        let place = beneath(NEW, link);
        if fs::symlink_metadata(&place).is_err() {
            symlink(target, place)?;
        }
    }
    for (link, target) in [
        ("/new/dev/fd", "/proc/self/fd"),
        ("/new/dev/stdin", "/proc/self/fd/0"),
        ("/new/dev/stdout", "/proc/self/fd/1"),
        ("/new/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, link)?;
    }
    fs::create_dir_all("/new/var")?;
    symlink("/tmp", "/new/var/tmp").or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })?;
    fs::create_dir_all("/new/proc")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/new/proc", Some("proc"), flags, NOTHING)?;
    Ok(())
}

fn move_in() -> io::Result<()> {
    umount2(OLD, MntFlags::MNT_DETACH)?;
    nix::unistd::chdir(NEW)?;
    // The stage ends up beneath the new root and is let go of.
    nix::unistd::pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    nix::unistd::chdir("/")?;
    Ok(())
}

const NOTHING: Option<&str> = None;

fn tmpfs(target: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))?;
    Ok(())
}

/// Shows `source` at `target`, with everything mounted beneath it.
fn bind(source: &Path, target: &Path, how: MsFlags) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, NOTHING, flags, NOTHING)?;
    remount(target, how)?;
    for mounted in mounts_beneath(target)? {
        match remount(&mounted, how) {
            // Something was mounted over it; it cannot be reached.
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => {}
            done => done?,
        }
    }
    Ok(())
}

/// Adds restrictions to a mount; those it has cannot be taken away and are repeated.
fn remount(target: &Path, how: MsFlags) -> io::Result<()> {
    let has = statvfs(target)?.flags();
    let kept = [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept: MsFlags = kept
        .into_iter()
        .filter(|(has_it, _)| has.contains(*has_it))
        .map(|(_, flag)| flag)
        .collect();
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | kept | how;
    mount(NOTHING, target, NOTHING, flags, NOTHING)?;
    Ok(())
}

/// Mounts below a path, as the kernel lists them.
fn mounts_beneath(target: &Path) -> io::Result<Vec<PathBuf>> {
    // The new tree has no /proc yet; the host's shows this process as well.
    let table = fs::read_to_string("/old/proc/self/mountinfo")
        .or_else(|_| fs::read_to_string("/proc/self/mountinfo"))?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescaped)
        .filter(|path| path != target && path.starts_with(target))
        .collect())
}

/// The kernel writes spaces, tabs, line ends and backslashes of paths in octal.
fn unescaped(text: &str) -> PathBuf {
    let text = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character));
    PathBuf::from(text)
}

fn beneath(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}
