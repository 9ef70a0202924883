//! Limits that the kernel keeps for each process.

use nix::errno::Errno;
use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use super::Failure;
use crate::sandbox::Limits;

/// Sets all of them. `others` is how many processes of the same user count as well: none in a
/// user namespace of one's own.
pub(super) fn set(limits: &Limits, others: u64) -> Result<(), Failure> {
    for (resource, limit) in [
        // Written memory and not address space: programs reserve far more than they use.
        (Resource::RLIMIT_DATA, limits.memory),
        (Resource::RLIMIT_FSIZE, limits.file_size),
        (Resource::RLIMIT_NOFILE, limits.open_files.into()),
        (Resource::RLIMIT_CORE, 0),
        // Counted for each user of each user namespace; root of the host is not bound by it.
        (Resource::RLIMIT_NPROC, others + u64::from(limits.processes)),
        // Messages and locked memory count outside of what is watched.
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_MEMLOCK, 64 * 1024),
    ] {
        lower(resource, limit).map_err(Failure::of("set resource limits"))?;
    }
    Ok(())
}

/// A limit that is lower already stays.
fn lower(resource: Resource, limit: u64) -> Result<(), Errno> {
    let (_, hard) = getrlimit(resource)?;
    let limit = limit.min(hard);
    setrlimit(resource, limit, limit)
}
