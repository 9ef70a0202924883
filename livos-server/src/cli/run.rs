//! `livos run`: one task, one answer.

use std::io::IsTerminal;
use std::io::Read;
use std::process::ExitCode;

use livos_core::QueueMode;
use livos_core::RunStatus;

use super::Target;
use super::attendance::Attendance;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::follow::Format;
use super::follow::exit_code;
use super::follow::follow;
use super::follow::interrupts;
use crate::config::Environment;

/// The longest task that is read from standard input, in bytes.
const MAX_TASK_BYTES: u64 = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// What the agent shall do [default: standard input, if that is no terminal; `-` means it too]
    task: Option<String>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    /// Model to ask, as provider/model or a tier (fast, balanced, best)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Session to go on with [default: a new one]
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// What becomes of the task while a run of the session is under way [default: steer]
    #[arg(long, requires = "session")]
    mode: Option<Mode>,
    /// Who answers when the agent asks [default: ask at a terminal, else fail]
    #[arg(long, value_name = "WHO", value_enum)]
    approvals: Option<Attendance>,
}

/// What becomes of a task while a run is under way.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    /// It joins that run
    Steer,
    /// It has a run of its own, after it
    Queue,
    /// It has a run of its own, and that one is stopped
    Interrupt,
}

impl From<Mode> for QueueMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Steer => Self::Steer,
            Mode::Queue => Self::Queue,
            Mode::Interrupt => Self::Interrupt,
        }
    }
}

pub(super) async fn run(
    target: &Target,
    environment: &Environment,
    args: RunArgs,
) -> Result<ExitCode, ClientError> {
    let task = match args.task.as_deref() {
        Some(task) if task != "-" => task.to_owned(),
        None if std::io::stdin().is_terminal() => return Err(ClientError::NoTask),
        _ => from_standard_input().await?,
    };
    let connection = Connection::to_any(target, environment).await?;
    let status = carry_out(&connection.client, &args, &task).await;
    connection.close().await;
    Ok(exit_code(status?))
}

async fn carry_out(client: &Client, args: &RunArgs, task: &str) -> Result<RunStatus, ClientError> {
    let session = match &args.session {
        Some(session) => session.clone(),
        None => client.create_session(args.model.as_deref()).await?,
    };
    // Before the task is sent, so that Ctrl-C never leaves a run behind.
    let mut interrupts = interrupts()?;
    let accepted =
        client.say(&session, task, args.model.as_deref(), args.mode.map(QueueMode::from)).await?;
    let format = if args.json { Format::JsonLines } else { Format::People };
    let is_attended = !args.json && std::io::stdin().is_terminal();
    let usual = if is_attended { Attendance::Ask } else { Attendance::Fail };
    let how = (format, args.approvals.unwrap_or(usual));
    follow(client, &session, &accepted, how, &mut interrupts).await
}

async fn from_standard_input() -> Result<String, ClientError> {
    let failed = |reason: String| ClientError::Terminal(format!("standard input: {reason}"));
    let read = tokio::task::spawn_blocking(|| {
        let mut task = String::new();
        std::io::stdin().lock().take(MAX_TASK_BYTES + 1).read_to_string(&mut task).map(|_| task)
    });
    let task = read.await.map_err(|error| failed(error.to_string()))?;
    let task = task.map_err(|error| failed(error.to_string()))?;
    if task.len() as u64 > MAX_TASK_BYTES {
        return Err(failed(format!("a task has at most {MAX_TASK_BYTES} bytes")));
    }
    match task.trim() {
        "" => Err(ClientError::NoTask),
        task => Ok(task.to_owned()),
    }
}
