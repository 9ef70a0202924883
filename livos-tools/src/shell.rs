//! The `shell` tool: runs a command in the workspace and never leaves a process behind.
//!
//! This is no sandbox: the command may do whatever the user of this process may.
//! What is kept from it are the variables of this process, which hold its secrets.

mod capture;
mod command_line;
mod ending;
mod environment;
mod process;
mod progress;
mod report;
mod spill;
#[cfg(target_os = "linux")]
pub(crate) mod stragglers;

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
use self::process::Process;
use self::spill::SpillPlace;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;

/// Registers `shell`.
///
/// Its effect is [`Effect::Destructive`]; register it only where commands are approved
/// or the machine is the agent's own.
///
/// # Errors
/// When the name is taken.
pub fn register(
    tools: &ToolRegistry,
    root: &WorkspaceRoot,
    settings: ShellSettings,
) -> Result<(), RegisterToolError> {
    tools.register(Shell::new(root.clone(), settings))
}

/// Runs commands in the workspace. Needs a Tokio runtime with IO and time enabled.
#[derive(Debug, Clone)]
pub struct Shell {
    root: WorkspaceRoot,
    settings: ShellSettings,
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
    variables: BTreeMap<OsString, OsString>,
}

impl Default for ShellSettings {
    fn default() -> Self {
        Self {
            default_timeout: Duration::from_mins(2),
            max_timeout: Duration::from_mins(10),
            kept_output: 64 * 1024 * 1024,
            variables: BTreeMap::new(),
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
}

impl fmt::Debug for ShellSettings {
    /// Shows the names of variables and not their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShellSettings")
            .field("default_timeout", &self.default_timeout)
            .field("max_timeout", &self.max_timeout)
            .field("kept_output", &self.kept_output)
            .field("variables", &self.variables.keys())
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
    /// Where to run it, relative to the workspace. Default: the workspace.
    #[serde(default)]
    directory: String,
    /// After how many seconds it is ended. Default: 120, maximum: 600.
    timeout_seconds: Option<u64>,
}

impl Shell {
    /// Runs commands beneath `root`.
    pub fn new(root: WorkspaceRoot, settings: ShellSettings) -> Self {
        Self { root, settings }
    }

    fn time_for(&self, args: &ShellArgs, context: &ToolContext) -> Duration {
        let asked = args.timeout_seconds.map(|seconds| Duration::from_secs(seconds.max(1)));
        let allowed = asked.unwrap_or(self.settings.default_timeout).min(self.settings.max_timeout);
        context.time_left().map_or(allowed, |left| allowed.min(left))
    }
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
        let command = CommandLine::parse(args.command, args.argv)?;
        let directory = args.directory;
        let (root, directory) = run_in_workspace(&self.root, context, move |root, _| {
            let directory = root.open_directory(&root.parse(&directory)?)?;
            Ok((root.clone(), directory))
        })
        .await?;
        let environment = environment::of_command(&root, &self.settings.variables);
        let started = Instant::now();
        let mut process = Process::spawn(&command, &directory, environment)?;
        let place = SpillPlace::new(root, context, self.settings.kept_output);
        let mut capture = Capture::new(place);
        let ending = ending::follow(&mut process, &mut capture, context, started + time).await;
        let captured = capture.finish().await;
        report::write(&ending, &captured, started.elapsed())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // The tool keeps its own deadline, so that what was printed so far is not lost.
        spec.with_timeout(self.settings.max_timeout + Process::TIME_TO_END)
    }
}
