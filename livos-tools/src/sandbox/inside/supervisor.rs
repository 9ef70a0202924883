//! The outer of the two: makes the namespaces, starts the keeper, and waits.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Stdio;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::Failure;
use super::exit_code;
use super::namespaces;
use super::process_table;
use crate::sandbox::plan::MARKER;
use crate::sandbox::plan::Role;
use crate::sandbox::plan::View;

/// How long a process that was killed may take to be collected before others are looked for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(2);

pub(super) fn supervise(view: View) -> Result<i32, Failure> {
    // Without a namespace of their own, orphans of the command become our children, and
    // so none of them gets away.
    nix::sys::prctl::set_child_subreaper(true).map_err(Failure::of("become the reaper"))?;
    namespaces::enter(view)?;
    // Opened now: when the keeper has moved into its own file system, so have we.
    let nothing = std::fs::File::open("/dev/null").map_err(Failure::of("let go of the socket"))?;
    let mut keeper = Command::new("/proc/self/exe")
        .arg0("livos-sandbox-keeper")
        .args([MARKER, Role::Keeper.as_str()])
        .stdin(Stdio::inherit())
        .spawn()
        .map_err(Failure::of("start the keeper"))?;
    // The keeper has the socket; were it ours too, its end would not be seen.
    nix::unistd::dup2_stdin(&nothing).map_err(Failure::of("let go of the socket"))?;
    let ended = keeper.wait().map_err(Failure::of("wait for the keeper"))?;
    end_orphans();
    Ok(ended.code().unwrap_or(exit_code::FAILED))
}

/// Kills what is left until nothing is. In a namespace there is nothing by now.
fn end_orphans() {
    loop {
        for orphan in process_table::descendants_of(Pid::this()) {
            let _ = nix::sys::signal::kill(orphan, Signal::SIGKILL);
        }
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::EINTR) => {}
            Err(_) => return,
            Ok(nix::sys::wait::WaitStatus::StillAlive) => {
                #[expect(clippy::disallowed_methods, reason = "the kernel is still killing them")]
                std::thread::sleep(LOOK);
            }
            Ok(_) => {}
        }
    }
}
