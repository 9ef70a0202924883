//! From names to addresses that may be called.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

use super::AddressGuard;

/// Finds the addresses of a name.
#[async_trait]
pub trait NameResolver: fmt::Debug + Send + Sync {
    /// The addresses of `name`, in the order to try them.
    ///
    /// # Errors
    /// When the name has none, or nobody can be asked.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl NameResolver for SystemResolver {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A resolver for a [`reqwest::Client`] that gives away only addresses which the guard allows.
///
/// The client connects to what this returns and asks nobody again, so that a name which changes
/// its mind between the check and the connection leads nowhere else.
#[derive(Debug, Clone)]
pub struct GuardedResolver {
    names: Arc<dyn NameResolver>,
    guard: AddressGuard,
}

impl GuardedResolver {
    /// Asks the operating system, and lets through what `guard` allows.
    pub fn new(guard: AddressGuard) -> Self {
        Self { names: Arc::new(SystemResolver), guard }
    }

    /// Asks `names` instead of the operating system.
    pub fn with_names(mut self, names: Arc<dyn NameResolver>) -> Self {
        self.names = names;
        self
    }

    pub(super) fn guard(&self) -> &AddressGuard {
        &self.guard
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { names, guard } = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = names.addresses(host).await?;
            let usable: Vec<SocketAddr> = found
                .into_iter()
                .filter(|ip| guard.allows(host, *ip))
                .map(|ip| SocketAddr::new(ip, 0))
                .collect();
            if usable.is_empty() {
                return Err(Box::new(guard.refusal(host)) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::NotAllowed;

    #[tokio::test]
    async fn names_are_judged_by_where_they_lead() {
        let name = || "localhost".parse::<Name>().unwrap();
        let strict = GuardedResolver::new(AddressGuard::new("web.allowed_hosts"));
        let refused = strict.resolve(name()).await.err().unwrap();
        assert!(refused.downcast_ref::<NotAllowed>().is_some(), "{refused}");
        let guard = AddressGuard::new("web.allowed_hosts").allow_hosts(["LOCALHOST"]);
        let allowed = GuardedResolver::new(guard).resolve(name()).await;
        assert!(allowed.unwrap().next().unwrap().ip().is_loopback());
    }
}
