//! The LivOS server: agents, sessions, an HTTP API and a console on one port.
//!
//! This crate composes the others and adds no agent logic. Embed it by reading
//! a [`Config`] and starting a [`Server`]; the binary does just that.
//!
//! ```no_run
//! use livos_server::{Config, Environment, ServeFlags, Server};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::of_process();
//! let config = Config::load(ServeFlags::default(), &environment)?;
//! let server = Server::start(config, &environment).await?;
//! println!("listening on {}", server.url());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! - `config`: what the server is told, and what it means
//! - `home`: the directory it lives in, its lock and its key
//! - `runtime`: puts everything together; the only place that does
//! - `http`: connections, authentication, problems, event streams
//! - `api`: the routes; `chat_completions`: those of OpenAI's API
//! - `runs`: one run at a time in a session, watched by many
//! - `secrets`: keys and tokens, sealed at rest
//! - `callback`: replies posted to an address
//! - `pdf_program`: this program as the reader of PDF files
//! - `disk`: whether the store's disk can take more
//! - `mcp_door`: what MCP clients may use of this server
//! - `console`: the web pages inside the binary
//! - `cli`: the `livos` command, a client like any other

mod api;
mod app;
mod callback;
mod chat_completions;
mod cli;
mod config;
mod console;
mod disk;
mod engine;
mod hex;
mod home;
mod http;
mod mcp_door;
mod metrics;
mod openapi;
mod pdf_program;
mod resources;
mod runs;
mod runtime;
mod secrets;
mod serve;
mod vitals;

pub use self::cli::Cli;
pub use self::cli::ClientError;
pub use self::config::Config;
pub use self::config::ConfigError;
pub use self::config::ConfigProblem;
pub use self::config::Environment;
pub use self::config::ServeFlags;
pub use self::home::Home;
pub use self::home::HomeError;
pub use self::home::RunningServer;
pub use self::home::api_key_path;
pub use self::pdf_program::pdf_program;
pub use self::runtime::Models;
pub use self::runtime::Server;
pub use self::runtime::ServerBuilder;
pub use self::runtime::StartError;
pub use self::secrets::SecretsError;
pub use self::serve::serve;

pub use livos_tools::sandbox::Launcher;
pub use livos_tools::sandbox::enter_if_asked;
