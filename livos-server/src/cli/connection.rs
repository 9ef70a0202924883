//! Finds the server of this home, or starts one inside this process.

use livos_core::Secret;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use crate::config::Config;
use crate::config::Environment;
use crate::config::ServeFlags;
use crate::home::RunningServer;
use crate::home::api_key_path;
use crate::http::Causes;
use crate::pdf_program;
use crate::runtime::Server;

/// A server to talk to, and what keeps it alive if it is our own.
pub(super) struct Connection {
    pub(super) client: Client,
    own: Option<Server>,
}

impl Connection {
    /// The server that is running.
    pub(super) fn to_running(
        target: &Target,
        environment: &Environment,
    ) -> Result<Self, ClientError> {
        let key = environment.get("LIVOS_API_KEY").map(Secret::from);
        if let Some(url) = &target.url {
            return Ok(Self { client: Client::new(url, key)?, own: None });
        }
        let config = load(target, environment)?;
        let Some(server) = RunningServer::find(config.home()) else {
            let home = config.home().display();
            return Err(ClientError::NoServer(format!(
                "no server is running in {home}; start it with `livos-server`"
            )));
        };
        let client = Client::new(&server.url, Some(home_key(&config)?))?;
        Ok(Self { client, own: None })
    }

    /// The server that is running, or one of our own on a free port.
    pub(super) async fn to_any(
        target: &Target,
        environment: &Environment,
    ) -> Result<Self, ClientError> {
        if target.url.is_some() {
            return Self::to_running(target, environment);
        }
        let config = load(target, environment)?;
        if RunningServer::find(config.home()).is_some() {
            return Self::to_running(target, environment);
        }
        let config = config.on_free_port();
        let failed = |error| ClientError::NoServer(Causes(&error).to_string());
        let server = Server::builder(config.clone()).environment(environment).map_err(failed)?;
        let server = server.pdf_program(pdf_program::own()).start().await.map_err(failed)?;
        let client = Client::new(server.url(), Some(home_key(&config)?))?;
        Ok(Self { client, own: Some(server) })
    }

    /// Stops our own server, letting what is under way end.
    pub(super) async fn close(self) {
        if let Some(server) = self.own {
            server.stop().await;
        }
    }
}

pub(super) fn load(target: &Target, environment: &Environment) -> Result<Config, ClientError> {
    let flags = ServeFlags { home: target.home.clone(), ..ServeFlags::default() };
    Config::load(flags, environment).map_err(|error| ClientError::NoServer(error.to_string()))
}

/// The key that this home's server takes.
fn home_key(config: &Config) -> Result<Secret, ClientError> {
    if let Some(key) = config.api_key() {
        return Ok(key.clone());
    }
    let path = api_key_path(config.home());
    std::fs::read_to_string(&path).map(Secret::from).map_err(|error| {
        ClientError::NoServer(format!("cannot read the key in {}: {error}", path.display()))
    })
}
