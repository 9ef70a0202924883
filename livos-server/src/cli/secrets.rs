//! `livos secrets`: keys and tokens that the server uses and nobody sees.

mod prompt;
mod sealed_here;

use std::io::IsTerminal;
use std::io::Read;
use std::process::ExitCode;

use livos_core::Secret;
use livos_core::SecretName;
use serde_json::Value;
use serde_json::json;

use self::sealed_here::SealedHere;
use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::connection::load;
use super::list::moment;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;
use crate::home::RunningServer;

/// The longest value that is read from standard input, in bytes.
const MAX_INPUT: u64 = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct SecretsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Seal a secret; its value comes from standard input, or is asked for without being shown
    ///
    /// A key of a provider has the name of its variable, such as ANTHROPIC_API_KEY, and is used from the
    /// next start of the server on; the environment wins over it.
    Set {
        /// What to call it: letters, digits and `_`
        name: SecretName,
    },
    /// List the secrets by name, never by value
    List {
        /// Print JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Make a new sealing key and seal every secret with it
    Rotate,
    /// Take a secret away
    Remove {
        /// What it is called
        name: SecretName,
    },
}

/// Who carries it out: the running server, or this process while none runs.
enum Place {
    Server(Client),
    Here(Box<SealedHere>),
}

pub(super) async fn secrets(
    target: &Target,
    environment: &Environment,
    args: SecretsArgs,
) -> Result<ExitCode, ClientError> {
    let mut terminal = Terminal::of_process();
    match args.action {
        Action::Set { name } => {
            let secret = value(&name).await?;
            let place = Place::find(target, environment).await?;
            place.set(&name, &secret).await?;
            terminal.line(Style::Good, format!("✓ {name} is sealed"))?;
            if name.as_str().ends_with("_API_KEY") && matches!(place, Place::Server(_)) {
                let aside = "a provider takes its key at the next start of the server";
                terminal.aside(Style::Quiet, aside)?;
            }
        }
        Action::List { json } => {
            let listed = Place::find(target, environment).await?.list().await?;
            if listed.is_empty() && !json {
                terminal.aside(Style::Quiet, "no secret is sealed")?;
            }
            for secret in listed {
                let line = if json { secret.to_string() } else { line(&secret) };
                terminal.line(Style::Plain, line)?;
            }
        }
        Action::Rotate => {
            let (key_id, count) = Place::find(target, environment).await?.rotate().await?;
            let line = format!("✓ {count} secrets are sealed with the new key {key_id}");
            terminal.line(Style::Good, line)?;
            let aside = "the old key opens only older backups; servers that share the store need the new key file";
            terminal.aside(Style::Quiet, aside)?;
        }
        Action::Remove { name } => {
            Place::find(target, environment).await?.remove(&name).await?;
            terminal.line(Style::Good, format!("✓ {name} is gone"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(secret: &Value) -> String {
    let shadowed = secret.get("shadowed").and_then(Value::as_bool) == Some(true);
    let note = if shadowed { "  (the environment's variable is used instead)" } else { "" };
    format!("{}  set {}{note}", text(secret, "name"), moment(text(secret, "changed_at")))
}

/// The value, from wherever it is not seen: never from the command line, which others can read.
async fn value(name: &SecretName) -> Result<Secret, ClientError> {
    if std::io::stdin().is_terminal() {
        return prompt::hidden(&format!("Value of {name} (not shown): ")).await;
    }
    let mut input = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut input);
    read.map_err(|error| ClientError::Terminal(format!("standard input is no text: {error}")))?;
    let secret = Secret::new(input);
    if secret.is_empty() {
        let problem = "standard input is empty; write `livos secrets set NAME < FILE`";
        return Err(ClientError::Terminal(problem.to_owned()));
    }
    Ok(secret)
}

impl Place {
    async fn find(target: &Target, environment: &Environment) -> Result<Self, ClientError> {
        if target.url.is_none() {
            let config = load(target, environment)?;
            if RunningServer::find(config.home()).is_none() {
                let here = SealedHere::open(&config, environment).await?;
                return Ok(Self::Here(Box::new(here)));
            }
        }
        Ok(Self::Server(Connection::to_running(target, environment)?.client))
    }

    async fn set(&self, name: &SecretName, secret: &Secret) -> Result<(), ClientError> {
        match self {
            Self::Server(client) => {
                let body = json!({ "value": secret.expose() });
                client.put(&format!("/api/secrets/{name}"), &body).await
            }
            Self::Here(here) => here.set(name, secret).await,
        }
    }

    async fn list(&self) -> Result<Vec<Value>, ClientError> {
        match self {
            Self::Server(client) => {
                let list: Value = client.get("/api/secrets").await?;
                Ok(items(&list, "items").cloned().collect())
            }
            Self::Here(here) => here.list().await,
        }
    }

    async fn rotate(&self) -> Result<(String, u64), ClientError> {
        match self {
            Self::Server(client) => {
                let done: Value = client.post("/api/secret-key/rotate", &json!({})).await?;
                let count = done.get("secrets").and_then(Value::as_u64).unwrap_or_default();
                Ok((text(&done, "key_id").to_owned(), count))
            }
            Self::Here(here) => here.rotate().await,
        }
    }

    async fn remove(&self, name: &SecretName) -> Result<(), ClientError> {
        match self {
            Self::Server(client) => client.delete(&format!("/api/secrets/{name}")).await,
            Self::Here(here) => here.remove(name).await,
        }
    }
}
