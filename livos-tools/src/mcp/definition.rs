//! What the owner says about a server.

mod written;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use livos_core::Effect;
use serde::Deserialize;
use serde::Serialize;

pub use self::written::WrittenServer;

use super::HiddenValue;

/// What the owner says about a server: how it is reached and how far it is trusted.
/// Made of a [`WrittenServer`], which is how people and files write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenServer", into = "WrittenServer")]
pub struct ServerDefinition {
    pub(super) transport: ServerTransport,
    pub(super) is_enabled: bool,
    pub(super) description: Option<String>,
    pub(super) trust: ServerTrust,
    pub(super) effect_floor: Option<Effect>,
    pub(super) effects: BTreeMap<String, Effect>,
    pub(super) protocol: Option<String>,
    pub(super) start_timeout: Duration,
    pub(super) call_timeout: Duration,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerTransport {
    /// A program that is started and spoken to over its standard input and output.
    Stdio {
        /// The program, found on the `PATH` unless it is a path.
        command: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// Its variables, beside `PATH` and `HOME`.
        environment: BTreeMap<String, HiddenValue>,
        /// Where it runs; the owner's home directory unless told otherwise.
        directory: Option<PathBuf>,
    },
    /// A service at an address, spoken to over streamable HTTP.
    Http {
        /// The address, sent as written.
        url: String,
        /// Headers of every request.
        headers: BTreeMap<String, HiddenValue>,
    },
}

/// How far the owner trusts a server.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerTrust {
    /// What it says of its tools can only make them count as more dangerous than `mutating`,
    /// and tools that it adds later wait for the owner.
    #[default]
    Untrusted,
    /// It is believed which of its tools only read. Tools that it adds later are offered at once;
    /// those it changes wait for the owner all the same.
    Trusted,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct DefinitionError {
    /// The field as people write it, such as `command`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl DefinitionError {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl ServerDefinition {
    /// How long a server may take to start and list its tools unless it is told otherwise.
    pub const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long a call may take unless the server is told otherwise.
    pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(60);

    /// A program that is started, with nothing but its arguments.
    ///
    /// # Errors
    /// When the command is empty.
    pub fn stdio<A: Into<String>>(
        command: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, DefinitionError> {
        WrittenServer {
            command: Some(command.into()),
            args: arguments.into_iter().map(Into::into).collect(),
            ..WrittenServer::default()
        }
        .try_into()
    }

    /// A service at an address.
    ///
    /// # Errors
    /// When it is no http or https address.
    pub fn http(url: impl Into<String>) -> Result<Self, DefinitionError> {
        WrittenServer { url: Some(url.into()), ..WrittenServer::default() }.try_into()
    }

    /// How it is reached.
    pub fn transport(&self) -> &ServerTransport {
        &self.transport
    }

    /// Whether it is switched on.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// How far it is trusted.
    pub fn trust(&self) -> ServerTrust {
        self.trust
    }

    /// The same as people write it.
    pub fn written(&self) -> WrittenServer {
        self.clone().into()
    }

    /// Whether the same program or service is meant, so that what is known of its tools holds.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        match (&self.transport, &other.transport) {
            (
                ServerTransport::Stdio { command, arguments, directory, .. },
                ServerTransport::Stdio {
                    command: other_command,
                    arguments: other_arguments,
                    directory: other_directory,
                    ..
                },
            ) => {
                (command, arguments, directory) == (other_command, other_arguments, other_directory)
            }
            (ServerTransport::Http { url, .. }, ServerTransport::Http { url: other, .. }) => {
                url == other
            }
            _ => false,
        }
    }
}
