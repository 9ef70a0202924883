//! Servers one after the other: started, found out where they listen, killed.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use livos_core::CrashPoint;
use nix::sys::signal::Signal;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::Command;

/// The key that every server of this test wants.
pub(crate) const KEY: &str = "a-key-for-the-crash-test";
/// How long a start may take, recovery included, on a busy machine.
const START_TIME: Duration = Duration::from_secs(60);

/// A named place to die at, and at which passage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trap {
    pub(crate) point: CrashPoint,
    pub(crate) passage: u64,
}

/// How servers are started.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    pub(crate) folder: PathBuf,
    /// The value of `LIVOS_STORE`.
    pub(crate) store: String,
    pub(crate) model_url: String,
}

/// A server that runs until it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    url: String,
    /// It ends when this is closed, and waiting for a child would close it.
    _input: ChildStdin,
}

/// What became of a start.
#[derive(Debug)]
pub(crate) enum Started {
    Serves(Box<Process>),
    /// It died on its way, in the trap.
    Trapped,
    Failed(String),
}

impl Launcher {
    /// Where tools leave their traces.
    pub(crate) fn traces(&self) -> PathBuf {
        self.folder.join("traces.txt")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    pub(crate) async fn start(&self, trap: Option<Trap>) -> Started {
        let mut child = self.command(trap).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        match tokio::time::timeout(START_TIME, lines.next_line()).await {
            Ok(Ok(Some(url))) => Started::Serves(Box::new(Process { child, url, _input: input })),
            Ok(_) => match child.wait().await {
                Ok(status) if trap.is_some() && was_trapped(status) => Started::Trapped,
                ended => Started::Failed(format!("the server did not start: {ended:?}")),
            },
            Err(_) => Started::Failed(format!("the server did not start in {START_TIME:?}")),
        }
    }

    fn command(&self, trap: Option<Trap>) -> Command {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let (point, passage) = match trap {
            Some(trap) => (trap.point.name(), trap.passage),
            None => ("none", 0),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg("child")
            .arg(self.traces())
            .args([point, &passage.to_string()])
            .env_clear()
            .env("LIVOS_HOME", self.folder.join("home"))
            .env("LIVOS_LISTEN", "127.0.0.1:0")
            .env("LIVOS_API_KEY", KEY)
            .env("LIVOS_STORE", &self.store)
            .env("LIVOS_HTTP_CALLBACK_HOSTS", "127.0.0.1")
            .env("LIVOS_LOG", "warn")
            .env("LIVOS_SCHEDULES_MIN_INTERVAL_SECONDS", "1")
            .env("LIVOS_AGENT_MAX_TURNS", "1000")
            .env("LIVOS_AGENT_MAX_TOKENS", "1000000000")
            .env("LIVOS_AGENT_MAX_SECONDS", "3600")
            // A dead server has no other work here.
            .env("LIVOS_AGENT_LEASE_SECONDS", "2")
            // Nobody waits for a place, and what works in the background gets one before its server dies.
            .env("LIVOS_AGENT_MAX_CONCURRENT_RUNS", "64")
            .env("LIVOS_MEMORY_EXTRACT", "on")
            .env("LIVOS_MEMORY_EXTRACT_MODEL", "openai/m")
            // All users here are one.
            .env("LIVOS_MEMORY_EXTRACT_DAILY", "100000")
            .env("OPENAI_BASE_URL", format!("{}/v1", self.model_url))
            .env("OPENAI_API_KEY", "none")
            .env("OPENAI_MODEL", "m")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        command
    }

    /// The last words of the servers.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&self.log(), 30)
    }
}

impl Process {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits for it to die in its trap; whether it did.
    pub(crate) async fn dies_within(&mut self, time: Duration) -> Result<bool, String> {
        match tokio::time::timeout(time, self.child.wait()).await {
            Ok(Ok(status)) if was_trapped(status) => Ok(true),
            Ok(ended) => Err(format!("the server ended by itself: {ended:?}")),
            Err(_) => Ok(false),
        }
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn was_trapped(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGABRT as i32)
}

fn last_lines(file: &Path, count: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
