//! The program of a server, in a process group of its own, which ends with it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use livos_core::Secret;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::process::ChildStderr;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;

/// Every process of a server carries this variable, with a value of its own.
const MARK: &str = "LIVOS_MCP_SERVER";

/// How long a server whose input was closed may take to end by itself.
const TIME_TO_LEAVE: Duration = Duration::from_millis(400);

/// How long one that was asked to end may take.
const GRACE: Duration = Duration::from_millis(600);

/// Where programs are when this process does not know.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program of a server. Dropping it kills everything it started.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    group: Option<Pid>,
    mark: OsString,
    is_ended: bool,
}

/// What a program is spoken to through.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
    pub(super) errors: ChildStderr,
}

impl ServerProcess {
    /// Starts a program with `PATH`, `HOME` and these variables, and no others.
    pub(super) fn spawn(
        command: &str,
        arguments: &[String],
        environment: &[(String, Secret)],
        directory: Option<&PathBuf>,
    ) -> Result<(Self, Pipes), String> {
        let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
        let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
        let mark: OsString = livos_core::RunId::generate().to_string().into();
        let directory = directory.map_or_else(|| PathBuf::from(&home), PathBuf::clone);
        if !directory.is_dir() {
            return Err(format!("the directory {} is not there", directory.display()));
        }
        let mut child = Command::new(command)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .envs(environment.iter().map(|(name, value)| (name, value.expose())))
            .env(MARK, &mark)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("there is no program '{command}'; install it or correct the command")
                }
                _ => format!("cannot run '{command}': {error}"),
            })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self { child, group, mark, is_ended: false };
        match pipes {
            (Some(input), Some(output), Some(errors)) => {
                Ok((process, Pipes { input, output, errors }))
            }
            _ => Err(format!("'{command}' has no standard input or output")),
        }
    }

    /// Ends the program and all it started, whose input was closed already, and tells how it went.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        let mut status = self.exits_within(TIME_TO_LEAVE).await;
        if self.signal(Some(Signal::SIGTERM)) && status.is_none() {
            status = self.exits_within(GRACE).await;
        }
        if let Some(search) = self.kill() {
            let _ = tokio::task::spawn_blocking(search).await;
        }
        match status {
            Some(status) => Some(status),
            // Killed for certain; this only collects it.
            None => self.exits_within(GRACE).await,
        }
    }

    /// Ends it without asking, and waits until nothing is left.
    pub(super) async fn kill_now(mut self) {
        if let Some(search) = self.kill() {
            let _ = tokio::task::spawn_blocking(search).await;
        }
        self.exits_within(GRACE).await;
    }

    async fn exits_within(&mut self, time: Duration) -> Option<ExitStatus> {
        tokio::time::timeout(time, self.child.wait()).await.ok()?.ok()
    }

    fn signal(&self, signal: Option<Signal>) -> bool {
        self.group.is_some_and(|group| killpg(group, signal).is_ok())
    }

    /// Kills the group now; what is given back looks for those that left it.
    fn kill(&mut self) -> Option<impl FnOnce() + Send + 'static> {
        if std::mem::replace(&mut self.is_ended, true) {
            return None;
        }
        self.signal(Some(Signal::SIGKILL));
        let mark = std::mem::take(&mut self.mark);
        Some(move || {
            #[cfg(target_os = "linux")]
            crate::shell::stragglers::kill(MARK, &mark);
            #[cfg(not(target_os = "linux"))]
            drop(mark);
        })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let Some(search) = self.kill() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(search)),
            Err(_) => search(),
        }
    }
}
