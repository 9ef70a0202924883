//! `livos run`: one task, one answer.

use std::process::ExitCode;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::follow::Format;
use super::follow::exit_code;
use super::follow::follow;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// What the agent shall do
    task: String,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    /// Model to ask, as provider/model or a tier (fast, balanced, best)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Session to go on with [default: a new one]
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

pub(super) async fn run(
    target: &Target,
    environment: &Environment,
    args: RunArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_any(target, environment).await?;
    let client = &connection.client;
    let session = match args.session {
        Some(session) => session,
        None => client.create_session(args.model.as_deref()).await?,
    };
    let accepted = client.say(&session, &args.task, args.model.as_deref()).await?;
    let format = if args.json { Format::JsonLines } else { Format::People };
    let status = follow(client, &session, &accepted, format).await;
    connection.close().await;
    Ok(exit_code(status?))
}
