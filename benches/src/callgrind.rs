//! Instructions of a probe, counted by valgrind's callgrind. They repeat where time does not.

use std::fs;
use std::io;
use std::process::Command;
use std::process::Stdio;

use crate::probe::Failure;
use crate::probe::Job;

/// Counts what probes do.
#[derive(Debug)]
pub struct Callgrind {
    probe: String,
    outputs: tempfile::TempDir,
}

impl Callgrind {
    /// A counter for this `probe` binary.
    ///
    /// # Errors
    /// When valgrind is not installed.
    pub fn new(probe: &str) -> Result<Self, Failure> {
        match Command::new("valgrind").arg("--version").stdout(Stdio::null()).status() {
            Ok(_) => Ok(Self { probe: probe.to_owned(), outputs: tempfile::tempdir()? }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err("valgrind is not \
                 installed, and nothing else counts instructions that repeat: install it \
                 (`apt-get install valgrind`, `dnf install valgrind`, `pacman -S valgrind`)"
                .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// All instructions of a process that does this job, from its first to its last.
    ///
    /// # Errors
    /// When the probe fails or callgrind tells no total.
    pub fn instructions(&self, job: &Job) -> Result<u64, Failure> {
        let output = self.outputs.path().join("callgrind.out");
        let mut option = std::ffi::OsString::from("--callgrind-out-file=");
        option.push(&output);
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(option)
            .arg(&self.probe)
            .args(job.arguments())
            .output()?;
        if !run.status.success() {
            let errors = String::from_utf8_lossy(&run.stderr);
            return Err(format!("the probe failed under callgrind: {errors}").into());
        }
        let text = fs::read_to_string(&output)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(total.ok_or("callgrind told no total")?.trim().parse()?)
    }
}
