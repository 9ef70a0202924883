//! Which processes there are, as `/proc` shows them.

use std::collections::HashMap;

use nix::unistd::Pid;
use nix::unistd::Uid;

/// All processes that can be seen.
pub(super) fn all() -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .collect()
}

/// How many threads a user has, which is what the kernel counts.
pub(super) fn threads_of(user: Uid) -> u64 {
    let threads = |process: Pid| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        (field("Uid:")? == u64::from(user.as_raw())).then(|| field("Threads:"))?
    };
    all().into_iter().filter_map(threads).sum()
}

/// Everything a process started, and what that started, without the dead.
pub(super) fn descendants_of(ancestor: Pid) -> Vec<Pid> {
    let parents: HashMap<Pid, Pid> =
        all().into_iter().filter_map(|process| Some((process, living_parent(process)?))).collect();
    let descends = |process: &Pid| {
        // A list that was read while it changed could hold a circle.
        let mut above = *process;
        for _ in 0..parents.len() {
            match parents.get(&above) {
                Some(parent) if *parent == ancestor => return true,
                Some(parent) => above = *parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(descends).collect()
}

/// The parent, unless the process is dead and only waits to be collected.
fn living_parent(process: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything, also ") Z 1": what follows the last parenthesis counts.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then(|| Pid::from_raw(parent))
}

/// How many bytes of memory a process holds. Shared pages count for each that has them.
pub(super) fn resident_bytes(process: Pid, page: u64) -> u64 {
    std::fs::read_to_string(format!("/proc/{process}/statm"))
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages.saturating_mul(page))
}

/// The same with shared pages divided among those that have them; dearer to find out.
pub(super) fn proportional_bytes(process: Pid) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
