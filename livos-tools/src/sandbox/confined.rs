//! The host's end of a command in the sandbox.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::process::Command;

use super::Launcher;
use super::Sandbox;
use super::SandboxError;
use super::plan::MARKER;
use super::plan::Message;
use super::plan::Order;
use super::plan::Plan;
use super::plan::PlannedCommand;
use super::plan::Role;

/// How long a launcher may take until its walls stand; a machine may be busy.
const TIME_TO_START: Duration = Duration::from_secs(20);
/// How long a sandbox may take to end. It kills what it holds until nothing is left, which a busy machine
/// draws out, and killed before that it leaves some of it behind: so this is for one that hangs.
const TIME_TO_DIE: Duration = Duration::from_secs(30);

/// What to run in the sandbox, and how.
pub(crate) struct ConfinedCommand {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// The directory that can be written, without links.
    pub(crate) workspace: PathBuf,
    /// A path that leads to where it runs, beneath the workspace.
    pub(crate) directory: PathBuf,
    pub(crate) environment: BTreeMap<OsString, OsString>,
    /// Where to leave the directory it ended in.
    pub(crate) directory_note: Option<PathBuf>,
    /// For temporary files, where the sandbox has no place of its own.
    pub(crate) temporary: Option<PathBuf>,
    pub(crate) output: PipeWriter,
}

impl Sandbox {
    /// Where a command finds room for temporary files.
    pub(crate) fn temporary_directory(&self, otherwise: Option<PathBuf>) -> Option<PathBuf> {
        if self.has_own_files() { Some(PathBuf::from("/tmp")) } else { otherwise }
    }

    /// Starts a command. It runs when this returns.
    pub(crate) async fn start(&self, command: ConfinedCommand) -> Result<Confined, SandboxError> {
        let settings = self.settings();
        let temporary = command.temporary.filter(|_| !self.has_own_files());
        let plan = Plan {
            workspace: command.workspace,
            readable: settings.readable.clone(),
            hidden: settings.hidden.clone(),
            network: settings.network,
            layers: self.confinement().enforced(),
            limits: settings.limits,
            temporary,
            command: Some(PlannedCommand {
                program: command.program,
                arguments: command.arguments,
                directory_note: command.directory_note,
            }),
        };
        let start = Start {
            launcher: &self.0.launcher,
            plan: &plan,
            environment: command.environment,
            directory: command.directory,
            output: Some(command.output),
        };
        start.start().await.map(|(confined, _)| confined)
    }
}

/// What a launcher is started with.
pub(super) struct Start<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) plan: &'a Plan,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) directory: PathBuf,
    pub(super) output: Option<PipeWriter>,
}

impl Start<'_> {
    /// Starts it and waits until the walls stand. Says what holds by weaker means.
    pub(super) async fn start(self) -> Result<(Confined, Vec<String>), SandboxError> {
        let program = self.launcher.program().to_owned();
        let plan = self.plan.encode().map_err(SandboxError::Start)?;
        let mut confined = self.spawn().map_err(SandboxError::Start)?;
        let not_a_launcher =
            || SandboxError::NotALauncher { program: program.to_string_lossy().into_owned() };
        // One that does not read says why on the other way.
        let _ = tokio::time::timeout(TIME_TO_START, confined.socket.write_all(&plan)).await;
        let answer = tokio::time::timeout(TIME_TO_START, confined.next_message()).await;
        match answer {
            Ok(Ok(Some(Message::Ready { notes }))) => Ok((confined, notes)),
            Ok(Ok(Some(Message::Failed { step, error }))) => {
                Err(SandboxError::Wall { step, error })
            }
            Ok(Ok(Some(Message::NotRun { error }))) => Err(SandboxError::NotRun { error }),
            // It ended, or said something else, or nothing.
            Ok(_) | Err(_) => Err(not_a_launcher()),
        }
    }

    fn spawn(self) -> std::io::Result<Confined> {
        let (socket, theirs) = UnixStream::pair()?;
        let theirs = theirs.into_std()?;
        theirs.set_nonblocking(false)?;
        let mut command = Command::new(self.launcher.program());
        command
            .arg0("livos-sandbox")
            .args([MARKER, Role::Supervisor(self.plan.view()).as_str()])
            .env_clear()
            .envs(self.environment)
            .current_dir(self.directory)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .process_group(0);
        match self.output {
            Some(output) => command.stdout(output.try_clone()?).stderr(output),
            None => command.stdout(Stdio::null()).stderr(Stdio::null()),
        };
        let child = command.spawn()?;
        Ok(Confined { child, socket, heard: Vec::new(), ended: None })
    }
}

/// A command in the sandbox. Dropping it ends everything it started.
#[derive(Debug)]
pub(crate) struct Confined {
    child: Child,
    socket: UnixStream,
    /// What came after the last whole message.
    heard: Vec<u8>,
    ended: Option<Ended>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, or by a signal.
    Exited {
        status: ExitStatus,
        /// How many processes it left, which were ended.
        left_behind: usize,
        /// The directory it was in, if it left word.
        directory: Option<String>,
    },
    /// It used more than it may.
    OverLimit(String),
    /// The sandbox itself was killed.
    Lost,
}

impl Confined {
    /// Waits for the end of the command itself. Cancellation safe.
    pub(crate) async fn ended(&mut self) -> Ended {
        if self.ended.is_none() {
            let ended = loop {
                match self.next_message().await {
                    Ok(Some(Message::Exited { code, signal, left_behind, directory })) => {
                        let status = ExitStatus::from_raw(match (code, signal) {
                            (Some(code), _) => (code & 0xff) << 8,
                            (None, signal) => signal.unwrap_or_default() & 0x7f,
                        });
                        break Ended::Exited { status, left_behind, directory };
                    }
                    Ok(Some(Message::OverLimit { limit })) => break Ended::OverLimit(limit),
                    // What says nothing to us is not from the keeper.
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break Ended::Lost,
                }
            };
            self.ended = Some(ended);
        }
        self.ended.clone().unwrap_or(Ended::Lost)
    }

    /// Asks the command to end.
    pub(crate) fn ask_to_end(&self) {
        // One that cannot even take a byte is killed soon.
        let _ = self.socket.try_write(&[Order::AskToEnd.byte()]);
    }

    /// Whether anything of it is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends everything, and returns when it is gone.
    pub(crate) async fn end(&mut self) {
        let _ = self.socket.shutdown().await;
        if tokio::time::timeout(TIME_TO_DIE, self.child.wait()).await.is_err() {
            tracing::warn!("a sandbox did not end when asked and is killed");
            let _ = self.child.kill().await;
        }
    }

    /// The next message; none when there are no more. Cancellation safe.
    async fn next_message(&mut self) -> std::io::Result<Option<Message>> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return Ok(Some(Message::parse(&line).ok_or(std::io::ErrorKind::InvalidData)?));
            }
            if self.heard.len() > Message::MAX_BYTES {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if self.socket.read_buf(&mut self.heard).await? == 0 {
                return Ok(None);
            }
        }
    }
}
