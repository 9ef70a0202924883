//! Whether the disk of the store can take more.
//!
//! Only looked at, never written to: `/readyz` asks for this, and needs no key.

use std::path::Path;
use std::path::PathBuf;

use nix::sys::statvfs::FsFlags;
use nix::sys::statvfs::statvfs;

/// Below this much free space the disk counts as full, in KiB: the store may
/// need more than what is left for its next write.
const MIN_FREE_KIB: u64 = 1_024;

/// The directory that the store writes to; none for a store in memory.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Option<PathBuf>);

impl Disk {
    pub(crate) fn of_store(file: &Path) -> Self {
        Self(file.parent().map(Path::to_owned))
    }

    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Whether the store can write; else what is wrong, and what would help.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let Some(directory) = self.0.clone() else { return Ok(()) };
        // A network file system may take its time.
        let looked = tokio::task::spawn_blocking(move || look(&directory)).await;
        looked.unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn look(directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    let figures = statvfs(directory).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if figures.flags().contains(FsFlags::ST_RDONLY) {
        return Err(format!("the disk of {shown} is read-only; mount it writable"));
    }
    let free = figures.blocks_available() * figures.fragment_size() / 1_024;
    if free < MIN_FREE_KIB {
        return Err(format!("the disk of {shown} is full ({free} KiB free); free some space"));
    }
    Ok(())
}
