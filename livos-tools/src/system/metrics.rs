//! The figures of a machine at one moment.

use serde::Serialize;
use sysinfo::CpuRefreshKind;
use sysinfo::Disks;
use sysinfo::MemoryRefreshKind;
use sysinfo::Networks;
use sysinfo::ProcessRefreshKind;
use sysinfo::ProcessesToUpdate;
use sysinfo::RefreshKind;
use sysinfo::System;

/// How a machine is doing. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SystemMetrics {
    /// The machine's name.
    pub host: Option<String>,
    /// The operating system, with its version.
    pub system: Option<String>,
    /// The version of its kernel.
    pub kernel: Option<String>,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// How many processors it has.
    pub cpus: usize,
    /// How busy they are together, 0 to 100, over a fifth of a second.
    pub cpu_percent: f64,
    /// How many processes wanted a processor, on average.
    pub load: Option<Load>,
    /// Its memory.
    pub memory: Memory,
    /// Its disks, at most [`MAX_DISKS`](Self::MAX_DISKS).
    pub disks: Vec<Disk>,
    /// How many processes there are.
    pub process_count: usize,
    /// Those that use most.
    pub processes: Vec<Process>,
    /// Its network interfaces, at most [`MAX_INTERFACES`](Self::MAX_INTERFACES).
    pub interfaces: Vec<Interface>,
}

/// How many processes wanted a processor, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Load {
    /// Over a minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over a quarter of an hour.
    pub fifteen: f64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Memory {
    /// All there is.
    pub total: u64,
    /// What programs can still have.
    pub available: u64,
    /// All space for memory on disk.
    pub swap_total: u64,
    /// What is used of it.
    pub swap_used: u64,
}

/// A disk that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Disk {
    /// Where.
    pub mount: String,
    /// How it is formatted.
    pub file_system: String,
    /// How much it holds.
    pub total: u64,
    /// How much is free for programs.
    pub available: u64,
    /// Whether nothing can be written to it.
    pub is_read_only: bool,
}

/// A process. Its arguments are not looked at: they may hold secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its program, as the system names it.
    pub name: String,
    /// How busy it keeps processors: 100 is one of them.
    pub cpu_percent: f64,
    /// The memory it uses.
    pub memory: u64,
    /// How long it has been running.
    pub seconds: u64,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its addresses with their prefix.
    pub addresses: Vec<String>,
    /// How much came in since it is there.
    pub received: u64,
    /// How much went out.
    pub sent: u64,
}

/// Why there are no figures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system does not give its figures: {0}")]
pub struct MetricsError(String);

impl SystemMetrics {
    /// How many processes are told of at most.
    pub const MAX_PROCESSES: usize = 50;
    /// How many disks are told of at most.
    pub const MAX_DISKS: usize = 32;
    /// How many network interfaces are told of at most.
    pub const MAX_INTERFACES: usize = 32;

    /// Takes the figures, and names that many processes. Takes about a quarter of a second: how
    /// busy processors are is the difference of two looks. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the system does not give them.
    pub async fn collect(processes: usize) -> Result<Self, MetricsError> {
        let first = tokio::task::spawn_blocking(Look::first).await;
        let look = first.map_err(|error| MetricsError(error.to_string()))??;
        tokio::time::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL).await;
        let second = tokio::task::spawn_blocking(move || look.second(processes)).await;
        second.map_err(|error| MetricsError(error.to_string()))
    }
}

/// The first of two looks.
struct Look {
    system: System,
    disks: Disks,
    networks: Networks,
}

fn of_processes() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing().with_cpu().with_memory()
}

impl Look {
    fn first() -> Result<Self, MetricsError> {
        let failed = |error: sysinfo::Error| MetricsError(error.to_string());
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::everything())
            .with_processes(of_processes());
        Ok(Self {
            system: System::new_with_specifics(wanted).map_err(failed)?,
            disks: Disks::new_with_refreshed_list().map_err(failed)?,
            networks: Networks::new_with_refreshed_list().map_err(failed)?,
        })
    }

    fn second(mut self, processes: usize) -> SystemMetrics {
        self.system.refresh_cpu_usage();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, of_processes());
        let system = &self.system;
        let load = System::load_average().ok();
        SystemMetrics {
            host: System::host_name().ok(),
            system: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            uptime_seconds: System::uptime().unwrap_or_default(),
            cpus: system.cpus().len(),
            cpu_percent: rounded(system.global_cpu_usage()),
            load: load.map(|load| Load { one: load.one, five: load.five, fifteen: load.fifteen }),
            memory: Memory {
                total: system.total_memory(),
                available: system.available_memory(),
                swap_total: system.total_swap(),
                swap_used: system.used_swap(),
            },
            disks: disks(&self.disks),
            process_count: system.processes().len(),
            processes: busiest(system, processes.min(SystemMetrics::MAX_PROCESSES)),
            interfaces: interfaces(&self.networks),
        }
    }
}

fn rounded(percent: f32) -> f64 {
    (f64::from(percent) * 10.0).round() / 10.0
}

fn disks(disks: &Disks) -> Vec<Disk> {
    let mut found: Vec<Disk> = disks
        .iter()
        .map(|disk| Disk {
            mount: disk.mount_point().display().to_string(),
            file_system: disk.file_system().to_string_lossy().into_owned(),
            total: disk.total_space(),
            available: disk.available_space(),
            is_read_only: disk.is_read_only(),
        })
        .filter(|disk| disk.total > 0)
        .collect();
    found.sort_by(|left, right| left.mount.cmp(&right.mount));
    found.truncate(SystemMetrics::MAX_DISKS);
    found
}

fn busiest(system: &System, count: usize) -> Vec<Process> {
    let mut found: Vec<Process> = system
        .processes()
        .values()
        .filter(|process| process.thread_kind().is_none())
        .map(|process| Process {
            pid: process.pid().as_u32(),
            name: process.name().to_string_lossy().into_owned(),
            cpu_percent: rounded(process.cpu_usage()),
            memory: process.memory(),
            seconds: process.run_time(),
        })
        .collect();
    let by_use = |left: &Process, right: &Process| {
        right
            .cpu_percent
            .total_cmp(&left.cpu_percent)
            .then(right.memory.cmp(&left.memory))
            .then(left.pid.cmp(&right.pid))
    };
    found.sort_by(by_use);
    found.truncate(count);
    found
}

fn interfaces(networks: &Networks) -> Vec<Interface> {
    let mut found: Vec<Interface> = networks
        .iter()
        .map(|(name, network)| Interface {
            name: name.to_string_lossy().into_owned(),
            addresses: network
                .ip_networks()
                .iter()
                .map(|network| format!("{}/{}", network.addr, network.prefix))
                .collect(),
            received: network.total_received(),
            sent: network.total_transmitted(),
        })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found.truncate(SystemMetrics::MAX_INTERFACES);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_figures_are_those_of_this_machine() {
        let metrics = SystemMetrics::collect(5).await.unwrap();
        assert!(metrics.cpus > 0 && metrics.uptime_seconds > 0);
        assert!((0.0..=100.0).contains(&metrics.cpu_percent), "{}", metrics.cpu_percent);
        assert!(metrics.memory.total > metrics.memory.available);
        assert!(metrics.processes.len() <= 5 && metrics.process_count >= metrics.processes.len());
        let all = SystemMetrics::collect(SystemMetrics::MAX_PROCESSES).await.unwrap();
        assert!(all.processes.iter().any(|process| process.memory > 0));
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total: u64 = meminfo.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(metrics.memory.total, total * 1024);
    }
}
