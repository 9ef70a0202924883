//! Finds processes that left their group (`setsid`, daemons) by a variable they were given.
//!
//! A process can hide by clearing its variables; only a sandbox can stop that.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// For how long they are looked for: until none is found that was not there before, and no process is in
/// the middle of becoming another. This is for a machine on which that never comes true.
const LONGEST_SEARCH: Duration = Duration::from_secs(20);
/// The pause before a process that is just becoming another program is looked at again.
const EXEC_TIME: Duration = Duration::from_millis(1);

/// Kills every process that has this value of this variable. Blocks while it looks.
pub(crate) fn kill(variable: &str, value: &OsStr) {
    let entry = [variable.as_bytes(), b"=", value.as_bytes()].concat();
    let begun = Instant::now();
    let mut killed = BTreeSet::new();
    while begun.elapsed() < LONGEST_SEARCH {
        let mut look_again = false;
        let mut pause = Duration::ZERO;
        for (process, mark) in processes(&entry) {
            match mark {
                Mark::Ours => {
                    // One that was killed may be seen for a while; a new one may have started others.
                    let is_killed = nix::sys::signal::kill(process, Signal::SIGKILL).is_ok();
                    look_again |= is_killed && killed.insert(process);
                }
                Mark::NotReadableYet => pause = EXEC_TIME,
                Mark::NotOurs => {}
            }
        }
        if !look_again && pause.is_zero() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "nothing tells when an exec is over")]
        std::thread::sleep(pause);
    }
    tracing::debug!("not every process could be told to be one of those or not");
}

/// What a process' variables say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ours,
    NotOurs,
    /// It runs a program but has no variables, as in the middle of an `exec`.
    NotReadableYet,
}

/// All processes whose variables can be read: those of other users cannot.
fn processes(entry: &[u8]) -> impl Iterator<Item = (Pid, Mark)> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(move |process| {
        let process = process.ok()?;
        let id = process.file_name().to_str()?.parse().ok()?;
        let variables = std::fs::read(process.path().join("environ")).ok()?;
        Some((Pid::from_raw(id), mark(&variables, entry, &process.path())))
    })
}

fn mark(variables: &[u8], entry: &[u8], process: &Path) -> Mark {
    if variables.split(|byte| *byte == 0).any(|line| line == entry) {
        Mark::Ours
    } else if variables.is_empty() && is_becoming_another(process) {
        Mark::NotReadableYet
    } else {
        Mark::NotOurs
    }
}

/// Whether a process runs a program whose variables are not in place yet. The dead and the kernel's own have
/// no program; those that have no variables at all have a place for them.
fn is_becoming_another(process: &Path) -> bool {
    /// Where `stat` says where the variables end, counted from the state, which follows the name.
    const END_OF_VARIABLES: usize = 48;
    let Ok(stat) = std::fs::read_to_string(process.join("stat")) else { return false };
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let end = fields.split_whitespace().nth(END_OF_VARIABLES);
    end == Some("0") && std::fs::read_link(process.join("exe")).is_ok()
}
