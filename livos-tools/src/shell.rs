//! The tools `shell`, `shell_output` and `shell_kill`: commands in the workspace.
//!
//! With a [`Sandbox`] a command is kept in by the kernel. Without one it may do whatever
//! the user of this process may; what is kept from it then are the variables of this
//! process, which hold its secrets. No process is left behind either way.

mod background;
mod capture;
mod command_line;
mod ending;
mod environment;
mod kill;
mod output;
mod process;
mod progress;
mod report;
mod sessions;
mod spill;
#[cfg(target_os = "linux")]
mod stragglers;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use livos_core::Effect;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use self::capture::Capture;
use self::command_line::CommandLine;
use self::ending::Ending;
use self::process::FollowsDirectory;
use self::process::Launch;
use self::process::Process;
use self::progress::Progress;
use self::report::Remarks;
use self::spill::SpillPlace;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::sandbox::Sandbox;

pub use self::kill::ShellKill;
pub use self::output::ShellOutput;
pub use self::sessions::ShellSessions;

/// Registers `shell`, `shell_output` and `shell_kill`.
///
/// The effect of `shell` is [`Effect::Destructive`]. Give it a sandbox
/// ([`ShellSettings::with_sandbox`]), or register it only where commands are approved or the
/// machine is the agent's own. End what it started by [`ShellSessions::stop`].
///
/// # Errors
/// When one of the names is taken; those registered before it stay.
pub fn register(
    tools: &ToolRegistry,
    root: &WorkspaceRoot,
    settings: ShellSettings,
) -> Result<ShellSessions, RegisterToolError> {
    let shell = Shell::new(root.clone(), settings);
    let sessions = shell.sessions().clone();
    tools.register(shell)?;
    tools.register(ShellOutput::new(sessions.clone()))?;
    tools.register(ShellKill::new(sessions.clone()))?;
    Ok(sessions)
}

/// Runs commands in the workspace. Needs a Tokio runtime with IO and time enabled.
#[derive(Debug, Clone)]
pub struct Shell {
    root: WorkspaceRoot,
    settings: ShellSettings,
    sessions: ShellSessions,
}

/// What commands get and how long they may take.
#[derive(Clone)]
#[non_exhaustive]
pub struct ShellSettings {
    /// How long a command may take unless the model says otherwise. Default: 120 s.
    pub default_timeout: Duration,
    /// How long a command may take at most. Default: 600 s.
    pub max_timeout: Duration,
    /// How many bytes of one command's output are kept in a file. Default: 64 MiB.
    pub kept_output: u64,
    /// How long a command in the background may take at most. Default: 12 hours.
    pub max_background: Duration,
    variables: BTreeMap<OsString, OsString>,
    sandbox: Option<Sandbox>,
}

impl Default for ShellSettings {
    fn default() -> Self {
        Self {
            default_timeout: Duration::from_mins(2),
            max_timeout: Duration::from_mins(10),
            kept_output: 64 * 1024 * 1024,
            max_background: Duration::from_hours(12),
            variables: BTreeMap::new(),
            sandbox: None,
        }
    }
}

impl ShellSettings {
    /// Gives commands a variable, beside `PATH`, `HOME` (the workspace), `LANG` and a few
    /// that keep programs from asking questions. Commands, and so the model, can read it.
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Runs commands in this sandbox, with whatever it can enforce here.
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = Some(sandbox);
        self
    }

    /// What a model is told of what is not enforced.
    fn gaps(&self) -> Vec<&str> {
        match &self.sandbox {
            None => vec!["there is no sandbox"],
            Some(sandbox) => sandbox.confinement().gaps().iter().map(String::as_str).collect(),
        }
    }
}

impl fmt::Debug for ShellSettings {
    /// Shows the names of variables and not their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShellSettings")
            .field("default_timeout", &self.default_timeout)
            .field("max_timeout", &self.max_timeout)
            .field("kept_output", &self.kept_output)
            .field("max_background", &self.max_background)
            .field("variables", &self.variables.keys())
            .field("sandbox", &self.sandbox.as_ref().map(Sandbox::confinement))
            .finish()
    }
}

/// The arguments of `shell`: `command` or `argv`, and where and how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellArgs {
    /// A line for `sh -c`, with pipes, redirections and so on. Either this or argv.
    command: Option<String>,
    /// A program and its arguments, run without a shell. Either this or command.
    argv: Option<Vec<String>>,
    /// Where to run this one command, relative to the workspace. Default: where the last one ended.
    directory: Option<String>,
    /// After how many seconds it is ended. Default: 120, maximum: 600; in the background 12 hours.
    timeout_seconds: Option<u64>,
    /// Whether to go on at once while it runs in the background. Default: false.
    #[serde(default)]
    background: bool,
}

impl Shell {
    /// Runs commands beneath `root`.
    pub fn new(root: WorkspaceRoot, settings: ShellSettings) -> Self {
        Self { root, settings, sessions: ShellSessions::default() }
    }

    /// The directories and background processes of all sessions.
    pub fn sessions(&self) -> &ShellSessions {
        &self.sessions
    }

    fn time_for(&self, args: &ShellArgs, context: &ToolContext) -> Duration {
        let asked = args.timeout_seconds.map(|seconds| Duration::from_secs(seconds.max(1)));
        if args.background {
            let most = self.settings.max_background;
            return asked.unwrap_or(most).min(most);
        }
        let allowed = asked.unwrap_or(self.settings.default_timeout).min(self.settings.max_timeout);
        context.time_left().map_or(allowed, |left| allowed.min(left))
    }

    /// The directory of this call, and whether the session goes on where it ends.
    async fn place(
        &self,
        asked: Option<String>,
        context: &ToolContext,
    ) -> Result<Place, ToolError> {
        let remembered = self.sessions.directory_of(context.session_id());
        run_in_workspace(&self.root, context, move |root, _| {
            if let Some(asked) = asked {
                let directory = root.open_directory(&root.parse(&asked)?)?;
                return Ok(Place { root: root.clone(), directory, remark: None });
            }
            let (path, remark) = match remembered {
                None => (root.parse("")?, None),
                Some(path) => match root.parse(&path).and_then(|path| root.open_directory(&path)) {
                    Ok(directory) => {
                        return Ok(Place { root: root.clone(), directory, remark: None });
                    }
                    Err(_) => {
                        let gone = format!("'{path}' is gone, so it ran in the workspace itself");
                        (root.parse("")?, Some(gone))
                    }
                },
            };
            Ok(Place { root: root.clone(), directory: root.open_directory(&path)?, remark })
        })
        .await
    }

    /// Remembers where a command ended, and says so where it is not the workspace itself.
    fn remember(&self, ending: &Ending, place: &Place, context: &ToolContext) -> Option<String> {
        let Ending::Exited { directory: Some(directory), .. } = ending else { return None };
        let session = context.session_id();
        match place.root.place_of(directory) {
            Some(path) if path.file_name().is_none() => {
                self.sessions.forget_directory(session);
                None
            }
            Some(path) => {
                let path = path.to_string();
                self.sessions.set_directory(session, path.clone());
                Some(format!("now in {path}"))
            }
            None => Some(
                "it ended outside the workspace; the next one runs where this one did".to_owned(),
            ),
        }
    }
}

/// Where a command runs.
struct Place {
    root: WorkspaceRoot,
    directory: std::os::fd::OwnedFd,
    /// Something about it that the model has to know.
    remark: Option<String>,
}

impl Tool for Shell {
    type Args = ShellArgs;

    fn name(&self) -> &str {
        "shell"
    }

    fn description(&self) -> &str {
        include_str!("shell.md")
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(&self, args: ShellArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let time = self.time_for(&args, context);
        let ShellArgs { command, argv, directory, background, .. } = args;
        let line = CommandLine::parse(command, argv)?;
        let shown = line.to_string();
        // A command that was sent elsewhere for once does not move the session.
        let moves = directory.is_none() && !background && line.is_shell_line();
        let line = if moves { line.leaving_note(Process::NOTE) } else { line };
        let place = self.place(directory, context).await?;
        // Before anything runs: a session may have so many in the background and no more.
        let slot = if background { Some(self.sessions.reserve(context)?) } else { None };
        let started = Instant::now();
        let mut process = Process::start(Launch {
            line: &line,
            directory: &place.directory,
            root: &place.root,
            variables: environment::of_command(&place.root, &self.settings.variables),
            sandbox: self.settings.sandbox.as_ref(),
            follows_directory: if moves { FollowsDirectory::Yes } else { FollowsDirectory::No },
        })
        .await?;
        let spill = SpillPlace::new(place.root.clone(), context, self.settings.kept_output);
        if let Some(slot) = slot {
            let gaps = self.settings.gaps();
            return Ok(slot.run(process, spill, shown, started + time, &gaps).await);
        }
        let mut capture = Capture::new(spill);
        let mut printed = Printed { capture: &mut capture, progress: Progress::new(context) };
        let stop = context.cancel_signal();
        let ending = ending::follow(&mut process, &mut printed, stop, started + time).await;
        let captured = capture.finish().await;
        let moved = self.remember(&ending, &place, context);
        let remarks = Remarks::new(place.remark.into_iter().chain(moved), &self.settings.gaps());
        report::write(&ending, &captured, started.elapsed(), &remarks)
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // The tool keeps its own deadline, so that what was printed so far is not lost.
        spec.with_timeout(self.settings.max_timeout + Process::TIME_TO_END)
    }
}

/// What becomes of what a command prints while one waits for it.
struct Printed<'a> {
    capture: &'a mut Capture,
    progress: Progress<'a>,
}

impl ending::Listener for Printed<'_> {
    async fn take(&mut self, bytes: &[u8]) {
        self.progress.add(bytes);
        self.capture.add(bytes).await;
    }
}
