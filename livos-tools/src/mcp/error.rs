//! What goes wrong with servers.

use std::time::Duration;

use livos_core::StoreError;

use super::DefinitionError;
use super::ServerName;

/// Why something could not be done with a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// The definition of a server cannot be used.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// There is no server of this name.
    #[error("there is no MCP server '{0}'")]
    UnknownServer(String),
    /// A server of this name is there already.
    #[error("there is an MCP server '{0}' already; change or remove it, or choose another name")]
    DuplicateServer(ServerName),
    /// The server is defined in a file, where it has to be changed.
    #[error("the MCP server '{name}' is defined in {file}; change it there and reload")]
    DefinedInFile {
        /// The server.
        name: ServerName,
        /// The file.
        file: String,
    },
    /// The file of servers cannot be read.
    #[error("cannot use {file}: {message}")]
    File {
        /// The file.
        file: String,
        /// What is wrong and where.
        message: String,
    },
    /// The server is switched off.
    #[error("the MCP server '{0}' is disabled")]
    Disabled(ServerName),
    /// A secret that the server needs could not be had.
    #[error("{field}: {message}")]
    Secret {
        /// Where it is referred to.
        field: String,
        /// What is missing.
        message: String,
    },
    /// The server did not start or answer its first questions.
    #[error("the MCP server '{name}' does not start: {reason}")]
    Start {
        /// The server.
        name: ServerName,
        /// Why, with what it printed last.
        reason: String,
    },
    /// The server failed and is left alone for a while.
    #[error(
        "the MCP server '{name}' failed ({reason}); it is tried again in {} seconds",
        .wait.as_secs().max(1)
    )]
    BackingOff {
        /// The server.
        name: ServerName,
        /// Why.
        reason: String,
        /// How long it is left alone.
        wait: Duration,
    },
    /// The server ended or closed the connection while it was asked.
    #[error("the MCP server '{name}' ended before it answered: {reason}")]
    Ended {
        /// The server.
        name: ServerName,
        /// What is known of it.
        reason: String,
    },
    /// The server did not answer in time.
    #[error("the MCP server '{name}' did not answer within {} seconds", .after.as_secs_f64())]
    TimedOut {
        /// The server.
        name: ServerName,
        /// How long it was waited for.
        after: Duration,
    },
    /// The server answered with an error.
    #[error("the MCP server '{name}' refused: {message}")]
    Refused {
        /// The server.
        name: ServerName,
        /// What it said.
        message: String,
    },
    /// The servers' store failed.
    #[error("the MCP servers' store failed")]
    Store(#[from] StoreError),
}
