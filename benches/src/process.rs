//! What the operating system knows about this process.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;

/// User and system time of all threads so far.
///
/// # Errors
/// When the system does not tell.
pub fn cpu_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .sum::<i64>();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

/// Memory resident now, in KiB.
///
/// # Errors
/// When `/proc` does not tell.
pub fn resident_kib() -> io::Result<u64> {
    status("self", "VmRSS:")
}

/// The most memory that was ever resident, in KiB.
///
/// # Errors
/// When `/proc` does not tell.
pub fn peak_resident_kib() -> io::Result<u64> {
    status("self", "VmHWM:")
}

/// Memory of another process that is resident now, in KiB.
///
/// # Errors
/// When `/proc` does not tell.
pub fn resident_kib_of(process: u32) -> io::Result<u64> {
    status(&process.to_string(), "VmRSS:")
}

/// How often the threads of another process went to sleep so far: as often as something woke one.
///
/// # Errors
/// When `/proc` does not tell.
pub fn sleeps_of(process: u32) -> io::Result<u64> {
    let mut sleeps = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?.file_name();
        let thread = format!("{process}/task/{}", thread.to_string_lossy());
        sleeps += status(&thread, "voluntary_ctxt_switches:")?;
    }
    Ok(sleeps)
}

fn status(process: &str, field: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("/proc/{process}/status has no {field}")))
}
