//! A command in a process group of its own, which ends with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use livos_core::ToolError;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::process::Command;

use super::command_line::CommandLine;

/// A running command. Dropping it kills everything it started.
pub(super) struct Process {
    child: Child,
    output: Option<pipe::Receiver>,
    family: Family,
}

impl Process {
    /// How long ending a command takes at most, from the first signal to the last read.
    pub(super) const TIME_TO_END: Duration = Duration::from_secs(5);

    /// Starts a command. The directory is an open one, so it is the one that was checked.
    pub(super) fn spawn(
        line: &CommandLine,
        directory: &OwnedFd,
        environment: BTreeMap<OsString, OsString>,
    ) -> Result<Self, ToolError> {
        let failed =
            |error| ToolError::model(format!("cannot run '{}': {error}", shown(&line.program)));
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let mark = Family::new_mark();
        let mut command = Command::new(&line.program);
        command
            .args(&line.arguments)
            .env_clear()
            .envs(environment)
            .env(Family::VARIABLE, &mark)
            .current_dir(path_of(directory).map_err(failed)?)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(failed)?;
        // The command holds our copies of the writing end; while they are open there is no end.
        drop(command);
        let family = Family::of(&child, mark);
        let output = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
        Ok(Self { child, output: Some(output), family })
    }

    /// Waits for what comes first. Cancellation safe.
    pub(super) async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let Some(output) = &mut self.output else {
            return Event::Exited(self.child.wait().await);
        };
        tokio::select! {
            biased;
            status = self.child.wait() => Event::Exited(status),
            count = output.read(buffer) => {
                let count = count.unwrap_or(0);
                if count == 0 {
                    self.output = None;
                }
                Event::Printed(count)
            }
        }
    }

    /// Waits for the command itself; those it started may go on. Cancellation safe.
    pub(super) async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Reads what was printed; zero bytes at the end. Cancellation safe.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Some(output) = &mut self.output else {
            return 0;
        };
        let count = output.read(buffer).await.unwrap_or(0);
        if count == 0 {
            self.output = None;
        }
        count
    }

    /// Whether everything that was printed has been read.
    pub(super) fn is_silent(&self) -> bool {
        self.output.is_none()
    }

    /// The processes the command consists of.
    pub(super) fn family(&mut self) -> &mut Family {
        &mut self.family
    }
}

/// What a running command does next.
#[derive(Debug)]
pub(super) enum Event {
    /// It printed so many bytes; zero when it will print no more.
    Printed(usize),
    /// It ended; those it started may go on.
    Exited(std::io::Result<ExitStatus>),
}

/// A process and all it started: its group, and those that left the group but kept its mark.
#[derive(Debug)]
pub(super) struct Family {
    group: Option<Pid>,
    mark: OsString,
    is_ended: bool,
}

impl Family {
    /// Every process of a command carries this variable, with a value of the call's own.
    pub(super) const VARIABLE: &'static str = "LIVOS_SHELL_CALL";

    fn new_mark() -> OsString {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let run = livos_core::RunId::generate();
        format!("{run}.{number}").into()
    }

    fn of(child: &Child, mark: OsString) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { group, mark, is_ended: false }
    }

    /// Asks the group to end; false when there is none left.
    pub(super) fn ask_to_end(&self) -> bool {
        self.group.is_some_and(|group| killpg(group, Signal::SIGTERM).is_ok())
    }

    /// Whether the group still has a process.
    pub(super) fn is_alive(&self) -> bool {
        self.group.is_some_and(|group| killpg(group, None).is_ok())
    }

    /// Kills the group, and those that left it. Later calls do nothing.
    pub(super) async fn end(&mut self) {
        if let Some(search) = self.kill_group() {
            // Were this future dropped here, the search would go on by itself.
            let _ = tokio::task::spawn_blocking(search).await;
        }
    }

    fn kill_group(&mut self) -> Option<impl FnOnce() + Send + 'static> {
        if std::mem::replace(&mut self.is_ended, true) {
            return None;
        }
        if let Some(group) = self.group {
            let _ = killpg(group, Signal::SIGKILL);
        }
        let mark = std::mem::take(&mut self.mark);
        Some(move || {
            #[cfg(target_os = "linux")]
            super::stragglers::kill(Self::VARIABLE, &mark);
            #[cfg(not(target_os = "linux"))]
            drop(mark);
        })
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let Some(search) = self.kill_group() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(search)),
            Err(_) => search(),
        }
    }
}

/// A path that leads to exactly this open directory, in the child too, until it has changed there.
fn path_of(directory: &OwnedFd) -> std::io::Result<PathBuf> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    if cfg!(target_os = "linux") {
        return Ok(path);
    }
    std::fs::read_link(PathBuf::from(format!("/dev/fd/{}", directory.as_raw_fd())))
}

fn shown(program: &str) -> String {
    crate::workspace_root::printable(program).chars().take(200).collect()
}
