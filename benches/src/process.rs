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

/// User and system time of another process so far, in milliseconds, to the clock tick (10 ms).
///
/// # Errors
/// When `/proc` does not tell.
pub fn cpu_millis_of(process: u32) -> io::Result<u64> {
    const MILLIS_PER_TICK: u64 = 10;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before the last parenthesis may hold anything; user and system time are the
    // 12th and 13th field behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Ok((user + system) * MILLIS_PER_TICK),
        _ => Err(io::Error::other(format!("/proc/{process}/stat has no times"))),
    }
}

fn status(process: &str, field: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("/proc/{process}/status has no {field}")))
}
