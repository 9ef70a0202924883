//! The `livos` command: a client of the server, like any other.
//!
//! Every command speaks HTTP to the server of this home. `chat` and `run`
//! start one inside the process when none is running, on a port of its own, so
//! that there is one way to do each thing and nothing to start first.

mod agents;
mod answer;
mod approvals;
mod attendance;
mod backup;
mod chat;
mod client;
mod compact;
mod connection;
mod doctor;
mod export;
mod follow;
mod list;
mod mcp;
mod memory;
mod replay;
mod run;
mod runs;
mod schedules;
mod secrets;
mod sessions;
mod status;
mod tasks;
mod terminal;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::config::Environment;

pub use self::client::ClientError;

/// The exit codes of `livos`, as scripts see them.
mod exit {
    /// The run did not complete, the request was refused, or a check failed.
    pub(super) const FAILED: u8 = 1;
    /// The command was not typed as it must be; clap's own code for it.
    pub(super) const USAGE: u8 = 2;
    /// The server could not be reached or used, or does not take the key.
    pub(super) const NO_SERVER: u8 = 3;
    /// The run's budget is used up; what it printed is its summary.
    pub(super) const EXHAUSTED: u8 = 4;
    /// The agent asked, and nobody could answer; the run was stopped.
    pub(super) const NEEDS_APPROVAL: u8 = 5;
    /// The run was stopped, as by Ctrl-C.
    pub(super) const CANCELLED: u8 = 130;
}

/// What was typed after `livos`.
#[derive(Debug, Parser)]
#[command(name = "livos", version, about = "Talks to your LivOS agent from the terminal.")]
pub struct Cli {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

/// Which server is meant.
#[derive(Debug, Clone, clap::Args)]
struct Target {
    /// Directory of everything that is kept [default: ~/.livos]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<std::path::PathBuf>,
    /// Server to talk to instead of this home's; the key comes from LIVOS_API_KEY
    #[arg(long, global = true, value_name = "URL", env = "LIVOS_URL")]
    url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Chat with the agent
    Chat(chat::ChatArgs),
    /// Give the agent one task and print its answer
    ///
    /// The answer goes to standard output, everything else (reasoning, tools, errors) to standard error.
    ///
    /// Exit codes: 0 completed, 1 failed or refused, 2 not typed as it must be, 3 no server that
    /// takes the key, 4 budget used up, 5 nobody could answer what the agent asked, 130 stopped.
    Run(run::RunArgs),
    /// List, search, show, fork, export and import conversations
    Sessions(sessions::SessionsArgs),
    /// Sum up the older messages of a conversation, in what the model sees; the history stays
    Compact(compact::CompactArgs),
    /// List, show and stop runs
    Runs(runs::RunsArgs),
    /// Have things done in the background; list, show and stop them
    Tasks(tasks::TasksArgs),
    /// List, show, keep and forget agents that have a name
    Agents(agents::AgentsArgs),
    /// See what waits for you, answer it, and make rules about tool calls
    Approvals(approvals::ApprovalsArgs),
    /// List, make, show, pause, resume, fire and delete schedules
    Schedules(schedules::SchedulesArgs),
    /// Add, list, start again and remove MCP servers, whose tools agents have
    Mcp(mcp::McpArgs),
    /// List, search, add and forget what is remembered; export, import, report
    Memory(memory::MemoryArgs),
    /// Show what model calls used and cost
    Usage(usage::UsageArgs),
    /// Show what the server is doing
    Status(status::StatusArgs),
    /// Write one run to a file that replays offline
    ///
    /// The file holds what was said before the run, the instructions and tools of this server as they
    /// are now, the model's answers and the tools' results; keys that the server knows are taken out.
    Export(export::ExportArgs),
    /// Run the agent loop against a recorded run, offline, and show the first difference
    ///
    /// Exit codes: 0 the same, 1 a difference or no recording.
    Replay(replay::ReplayArgs),
    /// Copy the store into one file, also while the server runs
    ///
    /// The copy has all sessions, runs and settings as they are at one moment. It does not have the
    /// configuration, the API key, the workspace, or the key that opens the sealed secrets: keep
    /// `secrets.key` of the home in another place.
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the store, while no server runs
    ///
    /// The backup is checked first: its format, its integrity, and that no journal has a gap.
    Restore(backup::RestoreArgs),
    /// Keep keys and tokens sealed: for providers, MCP servers and tools
    Secrets(secrets::SecretsArgs),
    /// Look for what is wrong with this installation
    Doctor(doctor::DoctorArgs),
}

impl Cli {
    /// Does what was asked. Errors are printed here; the code tells scripts.
    pub async fn execute(self, environment: &Environment) -> ExitCode {
        let outcome = match self.command {
            Command::Chat(args) => chat::chat(&self.target, environment, args).await,
            Command::Run(args) => run::run(&self.target, environment, args).await,
            Command::Sessions(args) => sessions::sessions(&self.target, environment, args).await,
            Command::Compact(args) => compact::compact(&self.target, environment, &args).await,
            Command::Runs(args) => runs::runs(&self.target, environment, args).await,
            Command::Tasks(args) => tasks::tasks(&self.target, environment, args).await,
            Command::Agents(args) => agents::agents(&self.target, environment, args).await,
            Command::Approvals(args) => approvals::approvals(&self.target, environment, args).await,
            Command::Schedules(args) => schedules::schedules(&self.target, environment, args).await,
            Command::Mcp(args) => mcp::mcp(&self.target, environment, args).await,
            Command::Memory(args) => memory::memory(&self.target, environment, args).await,
            Command::Usage(args) => usage::usage(&self.target, environment, &args).await,
            Command::Status(args) => status::status(&self.target, environment, &args).await,
            Command::Export(args) => export::export(&self.target, environment, &args).await,
            Command::Replay(args) => replay::replay(&args).await,
            Command::Backup(args) => backup::backup(&self.target, environment, &args).await,
            Command::Restore(args) => backup::restore(&self.target, environment, &args).await,
            Command::Secrets(args) => secrets::secrets(&self.target, environment, args).await,
            Command::Doctor(args) => doctor::doctor(&self.target, environment, &args).await,
        };
        match outcome {
            Ok(code) => code,
            Err(ClientError::ReaderGone) => ExitCode::SUCCESS,
            Err(error) => {
                terminal::error(&error);
                ExitCode::from(error.exit_code())
            }
        }
    }
}
