//! All servers of a process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use livos_core::ExpectedVersion;
use livos_core::NoSecrets;
use livos_core::SecretSource;
use livos_core::SettingChange;
use livos_core::Settings;
use livos_core::StoreError;
use livos_core::ToolRegistry;
use serde_json::Value;

use super::McpError;
use super::ServerDefinition;
use super::ServerName;
use super::ServerSource;
use super::ServerStatus;
use super::file;
use super::resources;
use super::server::Server;
use super::server::Surroundings;

/// Where definitions are kept in the settings.
const PREFIX: &str = "mcp.server.";

/// More servers than this are refused.
const MOST_SERVERS: usize = 100;

/// All servers of a process. Clones are the same.
///
/// Nothing of it waits for a server: what is slow or broken concerns only its own calls. Close it
/// in the end, so that no program is left.
#[derive(Debug, Clone)]
pub struct McpServers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    surroundings: Arc<Surroundings>,
    file: Option<PathBuf>,
    servers: Mutex<BTreeMap<ServerName, Server>>,
    /// Held while definitions change, so that changes come one after another.
    changing: tokio::sync::Mutex<()>,
    /// What could not be used, for people to see.
    problem: Mutex<Option<String>>,
}

/// Puts the servers of a process together. Made by [`McpServers::builder`].
#[derive(Debug)]
#[must_use = "nothing happens before `open`"]
pub struct McpServersBuilder {
    surroundings: Surroundings,
    file: Option<PathBuf>,
}

impl McpServersBuilder {
    /// A file of servers, beside those in the settings. It is read at the beginning and on
    /// [`reload`](McpServers::reload); what cannot be used of it is a [`problem`](McpServers::problem).
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Where the secrets come from that definitions refer to. Defaults to nowhere.
    pub fn secrets(mut self, secrets: Arc<dyn SecretSource>) -> Self {
        self.surroundings.secrets = secrets;
        self
    }

    /// Reads the definitions and offers the tools that are known. No server is waited for; those
    /// whose tools are not known yet are started beside each other.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub async fn open(self) -> Result<McpServers, McpError> {
        let shared = Shared {
            surroundings: Arc::new(self.surroundings),
            file: self.file,
            servers: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            problem: Mutex::default(),
        };
        let servers = McpServers { shared: Arc::new(shared) };
        let kept = servers.settings().settings(PREFIX).await?;
        for setting in kept {
            let Some(name) = setting.key.strip_prefix(PREFIX) else { continue };
            if setting.value.is_null() {
                continue;
            }
            let definition = serde_json::from_value(setting.value).map_err(|it| it.to_string());
            match (ServerName::new(name), definition) {
                (Ok(name), Ok(definition)) => {
                    servers.begin(name, ServerSource::Store, definition).await?;
                }
                (_, definition) => {
                    let reason = definition.err().unwrap_or_else(|| "its name is none".to_owned());
                    tracing::error!(name, reason, "the definition of an MCP server cannot be used");
                }
            }
        }
        servers.read_file().await?;
        Ok(servers)
    }
}

impl McpServers {
    /// Servers whose tools go into this registry, and whose definitions are kept in these settings.
    pub fn builder(tools: ToolRegistry, settings: Arc<dyn Settings>) -> McpServersBuilder {
        let secrets: Arc<dyn SecretSource> = Arc::new(NoSecrets);
        let surroundings = Surroundings { tools, settings, secrets };
        McpServersBuilder { surroundings, file: None }
    }

    /// How all servers are doing, by name.
    pub fn list(&self) -> Vec<ServerStatus> {
        self.servers().values().map(Server::status).collect()
    }

    /// How one server is doing.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn get(&self, name: &str) -> Result<ServerStatus, McpError> {
        Ok(self.find(name)?.status())
    }

    /// What could not be used of the file of servers.
    pub fn problem(&self) -> Option<String> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a server. Its program starts in the background, to tell its tools.
    ///
    /// # Errors
    /// When the name is taken or the definition could not be kept.
    pub async fn add(
        &self,
        name: ServerName,
        definition: ServerDefinition,
    ) -> Result<ServerStatus, McpError> {
        let _changing = self.shared.changing.lock().await;
        {
            let servers = self.servers();
            if servers.contains_key(&name) {
                return Err(McpError::DuplicateServer(name));
            }
            if servers.len() >= MOST_SERVERS {
                let message = format!("there are {MOST_SERVERS} servers already; remove one");
                return Err(super::DefinitionError { field: "name".to_owned(), message }.into());
            }
        }
        self.keep_new(&name, &definition).await?;
        let server = self.begin(name, ServerSource::Store, definition).await?;
        Ok(server.status())
    }

    /// Changes a server. Its program is ended; if it is another program or address, its tools are
    /// accepted anew.
    ///
    /// # Errors
    /// When there is none of this name, it is defined in a file, or the change could not be kept.
    pub async fn change(
        &self,
        name: &str,
        definition: ServerDefinition,
    ) -> Result<ServerStatus, McpError> {
        let _changing = self.shared.changing.lock().await;
        let old = self.of_store(name)?;
        let name = old.name().clone();
        self.keep(&name, serde_json::to_value(&definition).map_err(unwritable)?).await?;
        let is_same = definition.is_same_server(old.definition());
        self.end(&old).await;
        if !is_same {
            old.forget().await?;
        }
        let server = self.begin(name, ServerSource::Store, definition).await?;
        Ok(server.status())
    }

    /// Removes a server and ends its program.
    ///
    /// # Errors
    /// When there is none of this name, it is defined in a file, or that could not be kept.
    pub async fn remove(&self, name: &str) -> Result<(), McpError> {
        let _changing = self.shared.changing.lock().await;
        let server = self.of_store(name)?;
        self.keep(server.name(), Value::Null).await?;
        server.forget().await?;
        self.end(&server).await;
        self.offer_readers();
        Ok(())
    }

    /// Ends a server's program and starts it again.
    ///
    /// # Errors
    /// When there is none of this name, it is disabled, or it does not start.
    pub async fn restart(&self, name: &str) -> Result<ServerStatus, McpError> {
        let server = self.find(name)?;
        server.restart().await?;
        Ok(server.status())
    }

    /// Accepts a server's tools as they are now: all of them, or these.
    ///
    /// # Errors
    /// When there is no such server or tool, or that could not be kept.
    pub async fn approve(
        &self,
        name: &str,
        tools: Option<&[String]>,
    ) -> Result<ServerStatus, McpError> {
        let server = self.find(name)?;
        if tools.is_none() || !server.definition().is_enabled() {
            // What is accepted is what it has now, and not what it had when it was asked last.
            server.connect().await?;
        }
        server.approve(tools).await?;
        Ok(server.status())
    }

    /// Reads the file of servers again: what is new begins, what is gone ends, what changed is
    /// replaced.
    ///
    /// # Errors
    /// When the file cannot be used; then everything stays as it was.
    pub async fn reload(&self) -> Result<(), McpError> {
        let _changing = self.shared.changing.lock().await;
        let Some(path) = &self.shared.file else { return Ok(()) };
        let wanted = file::read(path).await.inspect_err(|error| self.note(error))?;
        let of_file: Vec<Server> = self
            .servers()
            .values()
            .filter(|server| server.source() == ServerSource::File)
            .cloned()
            .collect();
        for server in &of_file {
            match wanted.get(server.name()) {
                Some(definition) if definition == server.definition() => continue,
                Some(definition) if definition.is_same_server(server.definition()) => {}
                _ => server.forget().await?,
            }
            self.end(server).await;
        }
        self.take_from_file(wanted).await
    }

    /// Ends all programs and takes all tools back.
    pub async fn close(&self) {
        let _changing = self.shared.changing.lock().await;
        let all: Vec<Server> = std::mem::take(&mut *self.servers()).into_values().collect();
        resources::withdraw(&self.shared.surroundings.tools);
        futures::future::join_all(all.iter().map(Server::stop)).await;
    }

    async fn read_file(&self) -> Result<(), McpError> {
        let Some(path) = &self.shared.file else { return Ok(()) };
        match file::read(path).await {
            Ok(wanted) => self.take_from_file(wanted).await,
            // A mistake in the file keeps nobody from using the rest.
            Err(error) => {
                self.note(&error);
                Ok(())
            }
        }
    }

    async fn take_from_file(
        &self,
        wanted: BTreeMap<ServerName, ServerDefinition>,
    ) -> Result<(), McpError> {
        *self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
        for (name, definition) in wanted {
            let taken = self.servers().get(&name).map(Server::source);
            match taken {
                Some(ServerSource::File) => {}
                Some(ServerSource::Store) => self.note(&McpError::DuplicateServer(name)),
                None => drop(self.begin(name, ServerSource::File, definition).await?),
            }
        }
        self.offer_readers();
        Ok(())
    }

    fn note(&self, error: &McpError) {
        tracing::error!(%error, "the file of MCP servers cannot be used as it is");
        let mut problem = self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner);
        *problem = Some(error.to_string());
    }

    async fn begin(
        &self,
        name: ServerName,
        source: ServerSource,
        definition: ServerDefinition,
    ) -> Result<Server, McpError> {
        let surroundings = Arc::clone(&self.shared.surroundings);
        let server = Server::new(name.clone(), source, definition, surroundings).await?;
        self.servers().insert(name, server.clone());
        self.offer_readers();
        Ok(server)
    }

    async fn end(&self, server: &Server) {
        self.servers().remove(server.name());
        server.stop().await;
    }

    /// Agents can read resources and prompts as long as there is a server.
    fn offer_readers(&self) {
        let tools = &self.shared.surroundings.tools;
        match self.servers().values().any(|server| server.definition().is_enabled()) {
            true => resources::offer(tools, Arc::downgrade(&self.shared).into()),
            false => resources::withdraw(tools),
        }
    }

    async fn keep_new(
        &self,
        name: &ServerName,
        definition: &ServerDefinition,
    ) -> Result<(), McpError> {
        let key = format!("{PREFIX}{name}");
        let value = serde_json::to_value(definition).map_err(unwritable)?;
        // One that was removed is still there as nothing.
        let expected = match self.settings().setting(&key).await? {
            None => ExpectedVersion::Absent,
            Some(kept) if kept.value.is_null() => ExpectedVersion::Exactly(kept.version),
            Some(_) => return Err(McpError::DuplicateServer(name.clone())),
        };
        match self.settings().change_setting(SettingChange { key, value, expected }).await {
            Err(StoreError::Conflict { .. }) => Err(McpError::DuplicateServer(name.clone())),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    async fn keep(&self, name: &ServerName, value: Value) -> Result<(), McpError> {
        let key = format!("{PREFIX}{name}");
        let change = SettingChange { key, value, expected: ExpectedVersion::Any };
        self.settings().change_setting(change).await?;
        Ok(())
    }

    fn settings(&self) -> &dyn Settings {
        &*self.shared.surroundings.settings
    }

    fn servers(&self) -> MutexGuard<'_, BTreeMap<ServerName, Server>> {
        self.shared.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, name: &str) -> Result<Server, McpError> {
        let servers = self.servers();
        let found = servers.iter().find(|(known, _)| known.as_str() == name);
        found
            .map(|(_, server)| server.clone())
            .ok_or_else(|| McpError::UnknownServer(name.chars().take(80).collect()))
    }

    /// The servers that can be asked.
    pub(super) fn enabled(&self) -> Vec<Server> {
        let servers = self.servers();
        servers.values().filter(|server| server.definition().is_enabled()).cloned().collect()
    }

    fn of_store(&self, name: &str) -> Result<Server, McpError> {
        let server = self.find(name)?;
        match (server.source(), &self.shared.file) {
            (ServerSource::File, Some(file)) => Err(McpError::DefinedInFile {
                name: server.name().clone(),
                file: file.display().to_string(),
            }),
            _ => Ok(server),
        }
    }
}

/// The servers of a process, as long as somebody keeps them.
#[derive(Debug, Clone)]
pub(super) struct WeakServers(std::sync::Weak<Shared>);

impl From<std::sync::Weak<Shared>> for WeakServers {
    fn from(shared: std::sync::Weak<Shared>) -> Self {
        Self(shared)
    }
}

impl WeakServers {
    pub(super) fn upgrade(&self) -> Option<McpServers> {
        Some(McpServers { shared: self.0.upgrade()? })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn unwritable(error: serde_json::Error) -> McpError {
    McpError::Store(StoreError::unavailable(error.to_string()))
}
