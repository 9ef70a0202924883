//! What every request can reach.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use livos_core::Clock;
use livos_core::EventFeed;
use livos_core::Redactor;
use livos_core::SqliteStore;
use livos_core::Store;
use livos_tools::outgoing::AddressGuard;
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use crate::config::HttpSettings;
use crate::config::WebAddress;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::http::Authenticator;
use crate::http::Gate;
use crate::http::LoginTokens;
use crate::http::Router;
use crate::metrics::Metrics;
use crate::secrets::SealedSecrets;

/// What every request can reach. Made once by the composition root.
pub(crate) struct App {
    pub(crate) http: HttpSettings,
    pub(crate) public_url: Option<WebAddress>,
    pub(crate) gate: Gate,
    pub(crate) router: Router,
    pub(crate) authenticator: Authenticator,
    pub(crate) login_tokens: LoginTokens,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    /// What happens in sessions, from all who share the store.
    pub(crate) feed: Arc<dyn EventFeed>,
    /// The same store, if it is a file that can be copied.
    pub(crate) sqlite: Option<Arc<SqliteStore>>,
    /// Which addresses replies may be posted to.
    pub(crate) callback_guard: AddressGuard,
    pub(crate) disk: Disk,
    /// Knows every secret of this server.
    pub(crate) redactor: Redactor,
    pub(crate) secrets: Arc<SealedSecrets>,
    /// Variables that win over sealed secrets of the same name.
    pub(crate) environment_names: BTreeSet<String>,
    /// Set soon after the port is open: looking for local models must not delay that.
    pub(crate) engine: SetOnce<Engine>,
    /// Given when the server is asked to stop.
    pub(crate) draining: CancellationToken,
}

impl App {
    /// What runs agents, once it is there.
    pub(crate) async fn engine(&self) -> &Engine {
        self.engine.wait().await
    }

    /// The path the server is published under, without a slash at its end.
    pub(crate) fn base_path(&self) -> &str {
        self.public_url.as_ref().map_or("", WebAddress::base_path)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("router", &self.router).finish_non_exhaustive()
    }
}
