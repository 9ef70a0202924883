//! Finds processes that left their group (`setsid`, daemons) by a variable they were given.
//!
//! A process can hide by clearing its variables; only a sandbox can stop that.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// How often the list of processes is read again: a process may start another meanwhile.
const ROUNDS: usize = 20;

/// Kills every process that has this value of this variable.
pub(super) fn kill(variable: &str, value: &OsStr) {
    let entry = [variable.as_bytes(), b"=", value.as_bytes()].concat();
    for _ in 0..ROUNDS {
        let mut found = false;
        for process in marked(&entry) {
            found |= nix::sys::signal::kill(process, Signal::SIGKILL).is_ok();
        }
        if !found {
            return;
        }
    }
    tracing::warn!(rounds = ROUNDS, "processes of a shell command keep starting others");
}

/// The processes with this entry among the variables they were started with. Processes
/// that are dead already have none; those of other users cannot be read.
fn marked(entry: &[u8]) -> impl Iterator<Item = Pid> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(move |process| {
        let process = process.ok()?;
        let id = process.file_name().to_str()?.parse().ok()?;
        let variables = std::fs::read(process.path().join("environ")).ok()?;
        variables.split(|byte| *byte == 0).any(|line| line == entry).then(|| Pid::from_raw(id))
    })
}
