//! How the machine is: what a heartbeat looks at before it asks a model, and what work in the background
//! waits for.
//!
//! Read directly, without a process: disks by `statvfs`, memory and load from `/proc`.

use std::path::Path;
use std::path::PathBuf;

use async_trait::async_trait;
use livos_core::HealthProbe;
use livos_core::HealthProblem;
use nix::sys::statvfs::statvfs;

/// From how much used space on a disk is told, in percent.
const DISK_FULL: u64 = 90;
/// From how much used memory is told, in percent.
const MEMORY_FULL: u64 = 90;
/// From how many waiting processes for each processor, in the mean of five minutes, is told.
const LOAD_PER_PROCESSOR: f64 = 4.0;

/// Looks at this machine.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// On whose disks there must be space.
    directories: Vec<PathBuf>,
}

impl Vitals {
    pub(crate) fn of(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }
}

#[async_trait]
impl HealthProbe for Vitals {
    async fn problems(&self) -> Vec<HealthProblem> {
        let directories = self.directories.clone();
        // A network file system may take its time.
        let looked = tokio::task::spawn_blocking(move || look(&directories)).await;
        looked.unwrap_or_else(|error| vec![problem("probe", error.to_string())])
    }
}

/// How much of the memory is used, in percent, where the machine tells.
pub(crate) fn used_memory() -> Option<u64> {
    memory_figures(&read("meminfo")?).map(|(used, _)| used)
}

/// How many processes want each processor, in the mean of the last minute, where the machine tells.
pub(crate) fn load_for_each() -> Option<f64> {
    let mean: f64 = read("loadavg")?.split_whitespace().next()?.parse().ok()?;
    Some(mean / f64::from(processors()))
}

fn read(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc").join(name)).ok()
}

fn processors() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(processors).unwrap_or(u32::MAX)
}

fn look(directories: &[PathBuf]) -> Vec<HealthProblem> {
    let mut problems: Vec<HealthProblem> =
        directories.iter().filter_map(|path| disk(path)).collect();
    problems.dedup();
    problems.extend(read("meminfo").and_then(|text| memory(&text)));
    problems.extend(read("loadavg").and_then(|text| load(&text, processors())));
    problems
}

fn problem(name: &str, detail: String) -> HealthProblem {
    HealthProblem { name: name.to_owned(), detail }
}

fn disk(directory: &Path) -> Option<HealthProblem> {
    let shown = directory.display();
    let figures = match statvfs(directory) {
        Ok(figures) => figures,
        Err(error) => return Some(problem("disk", format!("{shown} cannot be read: {error}"))),
    };
    let (blocks, free) = (figures.blocks(), figures.blocks_available());
    let used = percent(blocks.saturating_sub(free), blocks)?;
    let free = free.saturating_mul(figures.fragment_size()) / (1024 * 1024);
    (used >= DISK_FULL).then(|| {
        problem("disk", format!("the disk of {shown} is {used} % full, {free} MiB are free"))
    })
}

fn memory(meminfo: &str) -> Option<HealthProblem> {
    let (used, available) = memory_figures(meminfo)?;
    (used >= MEMORY_FULL).then(|| {
        problem("memory", format!("{used} % of the memory are used, {available} MiB are left"))
    })
}

/// How much is used, in percent, and how many MiB are left.
fn memory_figures(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (total, available) = (field("MemTotal")?, field("MemAvailable")?);
    let used = percent(total.saturating_sub(available), total)?;
    Some((used, available / 1024))
}

fn load(loadavg: &str, processors: u32) -> Option<HealthProblem> {
    let mean: f64 = loadavg.split_whitespace().nth(1)?.parse().ok()?;
    (mean >= LOAD_PER_PROCESSOR * f64::from(processors)).then(|| {
        problem(
            "load",
            format!(
                "{mean} processes want one of {processors} processors, in the mean of five minutes"
            ),
        )
    })
}

fn percent(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(100).checked_div(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_load_are_told_from_their_limits_on() {
        let meminfo = |available: u32| {
            format!("MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:   {available} kB\n")
        };
        assert_eq!(memory(&meminfo(101)), None);
        let told = memory(&meminfo(100)).unwrap();
        assert_eq!((told.name.as_str(), &told.detail[..4]), ("memory", "90 %"));
        assert_eq!(memory("nonsense"), None);
        assert_eq!(load("9.0 7.9 1.0 1/9 1", 2), None);
        assert_eq!(load("1.0 8.0 1.0 1/9 1", 2).unwrap().name, "load");
        assert_eq!(load("", 2), None);
    }

    #[test]
    fn a_disk_that_is_not_there_is_a_problem() {
        assert_eq!(disk(Path::new("/no/such/directory")).unwrap().name, "disk");
    }
}
