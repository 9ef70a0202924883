//! The composition root: the one place that knows what the server is made of.

mod assemble;
mod builder;
mod models;
pub(crate) mod telemetry;

pub use self::builder::ServerBuilder;

use self::builder::Own;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use livos_core::Clock;
use livos_core::Embedder;
use livos_core::EventFeed;
use livos_core::LocalFeed;
use livos_core::MemoryStore;
use livos_core::ProviderId;
use livos_core::ProviderManager;
use livos_core::Redactor;
use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::Settings;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_core::StoreError;
use livos_core::SystemClock;
use livos_tools::outgoing::AddressGuard;
use tokio::sync::SetOnce;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::App;
use crate::config::Config;
use crate::config::Environment;
use crate::config::StoreLocation;
use crate::disk::Disk;
use crate::home;
use crate::home::Home;
use crate::home::HomeError;
use crate::home::KeySource;
use crate::http::Authenticator;
use crate::http::Gate;
use crate::http::Listener;
use crate::http::LoginTokens;
use crate::http::Router;
use crate::metrics::Metrics;
use crate::secrets::SealedSecrets;
use crate::secrets::SecretsError;

/// A running server. Dropping it leaves it running until the runtime ends; [`stop`](Self::stop) ends it in order.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    url: String,
    login_url: Option<String>,
    key: KeySource,
    listening: JoinHandle<()>,
    shutdown_timeout: Duration,
    // Held until the end: it keeps other servers out of the home.
    home: Home,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The home directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store cannot be used.
    #[error("cannot open the store {location}")]
    Store {
        /// Where it is.
        location: String,
        /// Why.
        source: StoreError,
    },
    /// The port cannot be opened.
    #[error("cannot listen on {address}; choose another address with --listen or LIVOS_LISTEN")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The sealed secrets cannot be opened.
    #[error("cannot open the sealed secrets")]
    Secrets(#[from] SecretsError),
    /// A provider's key or address cannot be used.
    #[error("cannot set up the providers; correct the variable that is named")]
    Providers(#[from] livos_providers::ConfigError),
    /// The system gives no random bytes for a login link.
    #[error("the system gives no random bytes")]
    Random(#[source] io::Error),
    /// Two routes have the same path: a mistake in this program.
    #[error("the routes collide")]
    Routes(#[source] matchit::InsertError),
}

/// What answers, for those who bring their own instead of what the environment names.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Models {
    /// Asked for everything.
    pub manager: ProviderManager,
    /// The providers that have a key, for people to see.
    pub with_key: BTreeSet<ProviderId>,
}

impl Models {
    /// The providers of a manager, none of which needs a key.
    pub fn new(manager: ProviderManager) -> Self {
        Self { manager, with_key: BTreeSet::new() }
    }

    /// Says which providers have a key.
    pub fn with_keys(mut self, providers: impl IntoIterator<Item = ProviderId>) -> Self {
        self.with_key = providers.into_iter().collect();
        self
    }
}

impl Server {
    /// Starts a server whose providers are those the environment has keys for.
    ///
    /// # Errors
    /// When the home, the store or the port cannot be used.
    pub async fn start(config: Config, environment: &Environment) -> Result<Self, StartError> {
        Self::builder(config).environment(environment)?.start().await
    }

    /// Starts a server that asks these models, whatever the environment says.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: Config, models: Models) -> Result<Self, StartError> {
        Self::builder(config).models(models).start().await
    }

    /// A server to which an embedder adds models and tools before it starts.
    ///
    /// ```no_run
    /// # use livos_server::{Config, Environment, ServeFlags, Server};
    /// # async fn example(tools: livos_core::ToolRegistry) -> Result<(), Box<dyn std::error::Error>> {
    /// let environment = Environment::of_process();
    /// let config = Config::load(ServeFlags::default(), &environment)?;
    /// let server = Server::builder(config).environment(&environment)?.tools(tools).start().await?;
    /// # server.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(config: Config) -> ServerBuilder {
        ServerBuilder::new(config)
    }

    async fn compose(config: Config, mut own: Own) -> Result<Self, StartError> {
        let mut home = Home::open(&config.home)?;
        let key = home.api_key(config.api_key.as_ref())?;
        home::create_private_directory(&config.agent.workspace)?;
        let Opened { store, feed, sqlite } = open_store(&config.store).await?;
        let bound = Listener::bind(config.listen).await;
        let listener =
            bound.map_err(|source| StartError::Listen { address: config.listen, source })?;
        let (address, key_source) = (listener.address(), key.source());
        let redactor = own.redactor.clone();
        learn_secrets(&redactor, &config, &own);
        redactor.learn("LIVOS_API_KEY", key.secret());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = Arc::clone(&store) as Arc<dyn Settings>;
        let secrets =
            SealedSecrets::new(settings, &config.home, redactor.clone(), Arc::clone(&clock));
        let sealed = secrets.open_all().await?;
        own.choice = models::with_sealed_keys(
            own.choice,
            &own.environment,
            &sealed,
            (config.model.as_ref(), config.models),
        )?;
        own.environment =
            own.environment.completed_by(sealed.iter().map(|(name, key)| (name.as_str(), key)));
        own.embedder = embedder(&config, &own.environment)?;
        let app = Arc::new(App {
            http: config.http.clone(),
            public_url: config.public_url.clone(),
            gate: Gate::new(
                &config.http.allowed_hosts,
                &config.http.allowed_origins,
                config.public_url.as_ref(),
            ),
            router: Router::new(api::routes()).map_err(StartError::Routes)?,
            authenticator: Authenticator::new(key),
            login_tokens: LoginTokens::default(),
            metrics: Arc::new(Metrics::new()),
            clock,
            redactor,
            secrets: Arc::new(secrets),
            environment_names: own.environment.names(),
            callback_guard: AddressGuard::new("http.callback_hosts")
                .allow_hosts(&config.http.callback_hosts),
            store,
            feed,
            sqlite,
            disk: match &config.store {
                StoreLocation::Sqlite(file) => Disk::of_store(file),
                StoreLocation::Redis(_) | StoreLocation::Memory => Disk::none(),
            },
            engine: SetOnce::new(),
            draining: CancellationToken::new(),
        });
        let url = reachable_url(address);
        home.announce(&url)?;
        let base = config.public_url.as_ref().map_or_else(|| url.clone(), ToString::to_string);
        let login_url = match key_source {
            KeySource::Configured => None,
            KeySource::Home | KeySource::Generated => {
                let token = app.login_tokens.issue(app.clock.now()).map_err(StartError::Random)?;
                Some(format!("{base}/login?token={token}"))
            }
        };
        let listening = tokio::spawn(listener.run(Arc::clone(&app)));
        tokio::spawn(assemble::engine(Arc::clone(&app), config.clone(), own));
        tracing::info!(%url, home = %config.home.display(), "listening");
        Ok(Self {
            app,
            address,
            url,
            login_url,
            key: key_source,
            listening,
            shutdown_timeout: config.http.shutdown_timeout,
            home,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers on this machine, such as `http://127.0.0.1:3200`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A link that logs a browser in once; none when the owner brought a key of their own.
    pub fn login_url(&self) -> Option<&str> {
        self.login_url.as_deref()
    }

    /// Whether this start made the home's key.
    pub fn is_first_start(&self) -> bool {
        self.key == KeySource::Generated
    }

    /// The file of the home's key; none when the owner brought one.
    pub fn key_file(&self) -> Option<PathBuf> {
        (self.key != KeySource::Configured).then(|| home::api_key_path(self.home.path()))
    }

    /// Takes no more requests, lets open ones and runs finish within the
    /// shutdown time-out, and closes. What did not finish is taken up by the next start.
    pub async fn stop(self) {
        self.app.draining.cancel();
        let runs = async {
            if let Some(engine) = self.app.engine.get() {
                engine.runs.stop(self.shutdown_timeout).await;
                if let Some(memory) = &engine.memory {
                    memory.flush().await;
                }
                if let Some(shell) = &engine.shell {
                    shell.stop().await;
                }
                if let Some(mcp) = &engine.mcp {
                    mcp.close().await;
                }
            }
        };
        let (listened, ()) = tokio::join!(self.listening, runs);
        if let Err(error) = listened {
            tracing::error!(%error, "the listener failed");
        }
    }
}

/// What the settings have of secrets; the key of the server is the home's to tell.
fn learn_secrets(redactor: &Redactor, config: &Config, own: &Own) {
    redactor.learn_all(own.environment.secrets().iter().map(|(name, key)| (name.as_str(), key)));
    redactor.learn_all(config.web.search.keys().map(|key| ("search key", key)));
    if let Some(password) = config.store.password() {
        redactor.learn("LIVOS_STORE", &password);
    }
}

/// A store, and what goes with it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// Reaches every process that can have the store open.
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) sqlite: Option<Arc<SqliteStore>>,
}

impl Opened {
    /// A store that no other process has open.
    fn alone(store: Arc<dyn Store>, sqlite: Option<Arc<SqliteStore>>) -> Self {
        Self { store, feed: Arc::new(LocalFeed::new()), sqlite }
    }
}

pub(crate) async fn open_store(location: &StoreLocation) -> Result<Opened, StartError> {
    let path = match location {
        StoreLocation::Sqlite(path) => path,
        StoreLocation::Memory => return Ok(Opened::alone(Arc::new(MemoryStore::new()), None)),
        StoreLocation::Redis(url) => {
            let store = RedisStore::connect(RedisConfig::new(url.0.clone())).await;
            let failed = |source| StartError::Store { location: "redis".to_owned(), source };
            let store = Arc::new(store.map_err(failed)?);
            return Ok(Opened { store: Arc::clone(&store) as _, feed: store, sqlite: None });
        }
    };
    let failed = |source| StartError::Store { location: path.display().to_string(), source };
    let opened = tokio::task::spawn_blocking({
        let path = path.clone();
        move || open_private(&path)
    });
    match opened.await {
        Ok(store) => {
            let store = Arc::new(store.map_err(failed)?);
            Ok(Opened::alone(Arc::clone(&store) as _, Some(store)))
        }
        Err(error) => Err(failed(StoreError::unavailable(error.to_string()))),
    }
}

/// Makes the file for the owner only before anything is written to it.
fn open_private(path: &Path) -> Result<SqliteStore, StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let made = options.append(true).create(true).mode(0o600).open(path);
    if let Err(error) = made {
        tracing::debug!(%error, "the store file could not be made beforehand");
    }
    SqliteStore::open(path)
}

/// An address that can be called from this machine; "all interfaces" is none.
fn reachable_url(address: SocketAddr) -> String {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reachable}")
}

/// What tells the meaning of memories, if it is named and memory is on.
fn embedder(
    config: &Config,
    environment: &Environment,
) -> Result<Option<Arc<dyn Embedder>>, StartError> {
    let Some(model) = config.embedding_model.as_ref().filter(|_| config.memory.is_on()) else {
        return Ok(None);
    };
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    Ok(Some(livos_providers::configured_embedder(model, lookup, config.models)?))
}
