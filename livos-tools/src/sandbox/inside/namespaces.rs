//! Namespaces: a view of the machine in which only the command's own things exist.

use std::path::Path;

use nix::sched::CloneFlags;
use nix::sched::unshare;
use nix::unistd::Gid;
use nix::unistd::Uid;

use super::Failure;
use crate::sandbox::plan::View;

/// Enters the namespaces that a view needs; the next child is the first process of its own.
pub(super) fn enter(view: View) -> Result<(), Failure> {
    if view == View::Host {
        return Ok(());
    }
    let (user, group) = (Uid::effective(), Gid::effective());
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if view == View::Own {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags).map_err(Failure::of("make namespaces"))?;
    map_identity(0, user.as_raw(), 0, group.as_raw())
}

/// Takes from the keeper what it still may as the root of its namespace: from here on it is
/// an ordinary user of one more namespace. The user of the host keeps its number, but for root.
pub(super) fn become_ordinary(outside: (Uid, Gid)) -> Result<(), Failure> {
    let shown = |id: u32| if id == 0 { ORDINARY } else { id };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(Failure::of("make the inner user namespace"))?;
    map_identity(shown(outside.0.as_raw()), 0, shown(outside.1.as_raw()), 0)
}

/// What root of the host is called inside.
const ORDINARY: u32 = 1000;

fn map_identity(user: u32, user_above: u32, group: u32, group_above: u32) -> Result<(), Failure> {
    let write = |file: &str, text: String| {
        std::fs::write(Path::new("/proc/self").join(file), text)
            .map_err(Failure::of("map the user into its namespace"))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user_above} 1"))?;
    write("gid_map", format!("{group} {group_above} 1"))
}

/// Lets the kernel itself refuse more processes (Linux 6.14, where each namespace has its own
/// limit); says why not where it cannot.
pub(super) fn limit_processes(processes: u32) -> Result<(), String> {
    // After the first round numbers are given out from 300 on, and no limit below 301 is taken.
    const RESERVED: u32 = 300;
    // Where the limit is the whole machine's, only its root may set it, and we are not.
    let set =
        std::fs::write("/proc/sys/kernel/pid_max", processes.saturating_add(RESERVED).to_string());
    set.map_err(|error| {
        format!("the number of processes is watched, not limited by the kernel ({error})")
    })
}
