//! Servers of the Model Context Protocol: their tools, resources and prompts for agents.
//!
//! [`McpServers`] keeps the servers their owner defined. What their tools are is accepted once and
//! remembered by its hash, so that agents are offered them without a server being started; a
//! program starts at the first call. A tool whose definition changed is withheld until the owner
//! approves it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use livos_core::{MemoryStore, ToolRegistry};
//! use livos_tools::mcp::{McpServers, ServerDefinition, ServerName};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tools = ToolRegistry::new();
//! let servers = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new())).open().await?;
//! let time = ServerDefinition::stdio("uvx", ["mcp-server-time"])?;
//! servers.add(ServerName::new("time")?, time).await?;
//! // Once the program has listed its tools, agents find `mcp__time__get_current_time`.
//! servers.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Programs run as the owner's own and outside of any sandbox, with `PATH`, `HOME` and what is
//! configured in their environment; they end, with all they started, when the server is removed,
//! disabled or closed.

mod connection;
mod content;
mod definition;
mod effect;
mod error;
mod file;
mod hidden_value;
mod pins;
mod resources;
mod schema;
mod serve;
mod server;
mod server_name;
mod servers;
mod tool;
mod tool_name;

pub use self::definition::DefinitionError;
pub use self::definition::ServerDefinition;
pub use self::definition::ServerTransport;
pub use self::definition::ServerTrust;
pub use self::definition::WrittenServer;
pub use self::error::McpError;
pub use self::hidden_value::HiddenValue;
pub use self::serve::CallDesk;
pub use self::serve::ClientCall;
pub use self::serve::ClientProgress;
pub use self::serve::ClientResult;
pub use self::serve::HostCheck;
pub use self::serve::McpBridge;
pub use self::serve::McpServeError;
pub use self::serve::McpService;
pub use self::server::ServerSource;
pub use self::server::ServerState;
pub use self::server::ServerStatus;
pub use self::server::ToolState;
pub use self::server::ToolStatus;
pub use self::server_name::InvalidServerName;
pub use self::server_name::ServerName;
pub use self::servers::McpServers;
pub use self::servers::McpServersBuilder;

/// Reads foreign text in every way this module does.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_foreign(data: &[u8]) {
    // Whether it can be used does not matter here, only that reading it ends.
    let _ = file::parse(data);
    if let Ok(schema) = serde_json::from_slice(data) {
        let _ = schema::check(&schema);
    }
    if let (Ok(server), Ok(tool)) = (ServerName::new("fuzz"), std::str::from_utf8(data)) {
        let name = tool_name::of(&server, tool);
        assert!(name.len() <= livos_core::ToolRegistry::MAX_NAME_LENGTH, "'{name}' is too long");
    }
}
