//! A command in a process group of its own, which ends with it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
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
use crate::WorkspaceRoot;
use crate::sandbox::Confined;
use crate::sandbox::ConfinedCommand;
use crate::sandbox::Ended;
use crate::sandbox::Sandbox;
use crate::sandbox::SandboxError;

/// A running command. Dropping it kills everything it started.
pub(super) struct Process {
    output: Option<pipe::Receiver>,
    running: Running,
}

enum Running {
    /// With all that the user of this process may do.
    Free(Box<Free>),
    /// In the sandbox.
    Confined(Box<Confined>),
}

/// What a command is started with.
pub(super) struct Launch<'a> {
    pub(super) line: &'a CommandLine,
    /// An open directory, so it is the one that was checked.
    pub(super) directory: &'a OwnedFd,
    pub(super) root: &'a WorkspaceRoot,
    pub(super) variables: BTreeMap<OsString, OsString>,
    pub(super) sandbox: Option<&'a Sandbox>,
    /// Whether it shall leave word of the directory it ends in.
    pub(super) follows_directory: FollowsDirectory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FollowsDirectory {
    Yes,
    No,
}

impl Process {
    /// The variable that names the file in which a command leaves its directory.
    pub(super) const NOTE: &'static str = "LIVOS_SHELL_NOTE";
    /// How long ending a command takes at most, from the first signal to the last read.
    pub(super) const TIME_TO_END: Duration = Duration::from_secs(5);

    /// Starts a command.
    pub(super) async fn start(launch: Launch<'_>) -> Result<Self, ToolError> {
        let program = shown(&launch.line.program);
        let failed = |error| ToolError::model(format!("cannot run '{program}': {error}"));
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let output = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
        let running = match launch.sandbox {
            None => Running::Free(Box::new(Free::start(launch, writer).map_err(failed)?)),
            Some(sandbox) => {
                let sandbox = sandbox.clone();
                let command = confined_command(launch, &sandbox, writer).map_err(failed)?;
                let confined = sandbox.start(command).await.map_err(|error| match error {
                    SandboxError::NotRun { error } => {
                        ToolError::model(format!("cannot run '{program}': {error}"))
                    }
                    error => {
                        tracing::error!(%error, "a command was not run");
                        ToolError::model(format!("the command was not run: {error}"))
                    }
                })?;
                Running::Confined(Box::new(confined))
            }
        };
        Ok(Self { output: Some(output), running })
    }

    /// Waits for what comes first. Cancellation safe.
    pub(super) async fn next_event(&mut self, buffer: &mut [u8]) -> Event {
        let Some(output) = &mut self.output else {
            return Event::Exited(self.running.exited().await);
        };
        tokio::select! {
            biased;
            exit = self.running.exited() => Event::Exited(exit),
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
    pub(super) async fn exited(&mut self) -> Exit {
        self.running.exited().await
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

    /// Asks the group to end; false when there is none left.
    pub(super) fn ask_to_end(&mut self) -> bool {
        match &mut self.running {
            Running::Free(free) => free.family.ask_to_end(),
            Running::Confined(confined) => {
                confined.ask_to_end();
                confined.is_alive()
            }
        }
    }

    /// Whether a process of it is left. In the sandbox none outlives the command.
    pub(super) fn is_alive(&mut self) -> bool {
        match &mut self.running {
            Running::Free(free) => free.family.is_alive(),
            Running::Confined(confined) => confined.is_alive(),
        }
    }

    /// Whether processes that outlive the command must be asked to end.
    pub(super) fn has_survivors(&mut self) -> bool {
        match &mut self.running {
            Running::Free(free) => free.family.is_alive(),
            Running::Confined(_) => false,
        }
    }

    /// Kills all of it. Later calls do nothing.
    pub(super) async fn end(&mut self) {
        match &mut self.running {
            Running::Free(free) => free.family.end().await,
            Running::Confined(confined) => confined.end().await,
        }
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        if let Some(note) = self.note.take() {
            // One that was killed left none.
            let _ = std::fs::remove_file(note);
        }
    }
}

impl Running {
    async fn exited(&mut self) -> Exit {
        match self {
            Self::Free(free) => free.exited().await,
            Self::Confined(confined) => match confined.ended().await {
                Ended::Exited { status, left_behind, directory } => {
                    Exit::Ended { status, left_behind, directory: directory.map(PathBuf::from) }
                }
                Ended::OverLimit(limit) => Exit::OverLimit(limit),
                Ended::Lost => Exit::Unknown("the sandbox was killed".to_owned()),
            },
        }
    }
}

fn confined_command(
    launch: Launch<'_>,
    sandbox: &Sandbox,
    output: std::io::PipeWriter,
) -> std::io::Result<ConfinedCommand> {
    // Where the workspace lets us make none the command does without.
    let own = launch.root.temporary_directory().ok();
    let temporary = sandbox.temporary_directory(own.clone());
    let mut environment = launch.variables;
    if let Some(temporary) = &temporary {
        environment.insert("TMPDIR".into(), temporary.into());
    }
    let directory_note = temporary
        .filter(|_| launch.follows_directory == FollowsDirectory::Yes)
        .map(|temporary| Family::note_in(&temporary, &Family::new_mark()));
    if let Some(note) = &directory_note {
        environment.insert(Process::NOTE.into(), note.into());
    }
    Ok(ConfinedCommand {
        program: launch.line.program.clone(),
        arguments: launch.line.arguments.clone(),
        workspace: launch.root.path().to_path_buf(),
        directory: path_of(launch.directory)?,
        environment,
        directory_note,
        temporary: own,
        output,
    })
}

/// What a running command does next.
#[derive(Debug)]
pub(super) enum Event {
    /// It printed so many bytes; zero when it will print no more.
    Printed(usize),
    /// It ended; those it started may go on.
    Exited(Exit),
}

/// How a command itself ended.
#[derive(Debug)]
pub(super) enum Exit {
    Ended {
        status: ExitStatus,
        /// Processes that the sandbox ended with it.
        left_behind: usize,
        /// Where it was at its end, if it left word.
        directory: Option<PathBuf>,
    },
    /// It used more than the sandbox lets it.
    OverLimit(String),
    /// Nobody knows.
    Unknown(String),
}

/// A command outside of any sandbox.
struct Free {
    child: Child,
    family: Family,
    note: Option<PathBuf>,
}

impl Free {
    fn start(launch: Launch<'_>, output: std::io::PipeWriter) -> std::io::Result<Self> {
        let mark = Family::new_mark();
        let note = match launch.follows_directory {
            // Where the workspace lets us make no place for it, the session stays where it is.
            FollowsDirectory::Yes => launch.root.temporary_directory().ok(),
            FollowsDirectory::No => None,
        }
        .map(|place| Family::note_in(&place, &mark));
        let mut command = Command::new(&launch.line.program);
        command
            .args(&launch.line.arguments)
            .env_clear()
            .envs(launch.variables)
            .env(Family::VARIABLE, &mark)
            .current_dir(path_of(launch.directory)?)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        if let Some(note) = &note {
            command.env(Process::NOTE, note);
        }
        // The command holds our copies of the writing end; while they are open there is no end.
        let child = command.spawn()?;
        drop(command);
        let family = Family::of(&child, mark);
        Ok(Self { child, family, note })
    }

    async fn exited(&mut self) -> Exit {
        match self.child.wait().await {
            Ok(status) => {
                let directory = self.note.take().and_then(|note| {
                    let text = std::fs::read_to_string(&note).ok()?;
                    let _ = std::fs::remove_file(note);
                    Some(PathBuf::from(text.strip_suffix('\n').unwrap_or(&text)))
                });
                Exit::Ended { status, left_behind: 0, directory }
            }
            Err(error) => Exit::Unknown(error.to_string()),
        }
    }
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

    fn note_in(directory: &Path, mark: &OsStr) -> PathBuf {
        let mut name = OsString::from(".directory-");
        name.push(mark);
        directory.join(name)
    }

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
