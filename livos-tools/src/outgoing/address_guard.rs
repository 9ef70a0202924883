//! Which addresses may be called on behalf of others.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::Host;

use super::public_address::is_public;
use super::public_address::unmapped;

/// Refuses addresses that are not of the public internet, unless their host is allowed by name or
/// their network by its prefix. Clones are the same guard.
///
/// ```
/// use livos_tools::outgoing::AddressGuard;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = AddressGuard::new("web.allowed_hosts")
///     .allow_hosts(["wiki.lan"])
///     .allow_networks(["198.18.0.0/15".parse()?]);
/// assert!(guard.allows("wiki.lan", "192.168.1.2".parse()?));
/// assert!(guard.allows("198.18.0.1", "198.18.0.1".parse()?));
/// assert!(!guard.allows("example.org", "127.0.0.1".parse()?));
/// assert!(guard.check_url("http://2130706433/").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AddressGuard {
    rules: Arc<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    hosts: BTreeSet<String>,
    networks: Vec<IpNet>,
    setting: &'static str,
}

/// An address that is not to be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is not an address of the public internet; the owner may allow its host with {setting}"
)]
#[non_exhaustive]
pub struct NotAllowed {
    /// The host as it was named.
    pub host: String,
    /// The setting that would allow it.
    pub setting: &'static str,
}

impl AddressGuard {
    /// A guard that lets only the public internet be called. `setting` is named where it refuses,
    /// for people to know what would allow the host.
    pub fn new(setting: &'static str) -> Self {
        let rules = Rules { hosts: BTreeSet::new(), networks: Vec::new(), setting };
        Self { rules: Arc::new(rules) }
    }

    /// Lets these hosts be called wherever they are: names, or addresses as written.
    pub fn allow_hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let hosts = hosts.into_iter().map(|host| plain(host.as_ref()));
        Arc::make_mut(&mut self.rules).hosts.extend(hosts);
        self
    }

    /// Lets the addresses of these networks be called, whatever name leads there.
    pub fn allow_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        Arc::make_mut(&mut self.rules).networks.extend(networks);
        self
    }

    /// Whether `ip` may be called as `host`.
    pub fn allows(&self, host: &str, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        is_public(ip)
            || self.rules.networks.iter().any(|network| network.contains(&ip))
            || self.rules.hosts.contains(&plain(host))
    }

    /// Checks a host as it stands in an address. Names pass: they are judged once they are resolved.
    ///
    /// # Errors
    /// When it is an address that may not be called.
    pub fn check_host(&self, host: &Host<&str>) -> Result<(), NotAllowed> {
        let ip = match host {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(ip) => IpAddr::V4(*ip),
            Host::Ipv6(ip) => IpAddr::V6(*ip),
        };
        if self.allows(&ip.to_string(), ip) { Ok(()) } else { Err(self.refusal(&ip.to_string())) }
    }

    /// The error that names this host.
    pub(super) fn refusal(&self, host: &str) -> NotAllowed {
        NotAllowed { host: host.to_owned(), setting: self.rules.setting }
    }
}

/// A host in the one form that is compared: lower case, without brackets and the dot at the end.
fn plain(host: &str) -> String {
    let host = host.trim().trim_end_matches('.');
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    // Addresses have more than one spelling.
    match bare.parse::<IpAddr>() {
        Ok(ip) => unmapped(ip).to_string(),
        Err(_) => bare.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_in_every_spelling() {
        let guard = AddressGuard::new("x").allow_hosts(["Wiki.LAN.", "[fd00:0::1]", "10.0.0.1"]);
        let inside: IpAddr = "192.168.0.1".parse().unwrap();
        for host in ["wiki.lan", "WIKI.lan.", "fd00::1", "[FD00::1]", "::ffff:10.0.0.1"] {
            assert!(guard.allows(host, inside), "{host}");
        }
        for host in ["evil.wiki.lan", "lan", "fd00::2", "10.0.0.2", ""] {
            assert!(!guard.allows(host, inside), "{host}");
        }
    }

    #[test]
    fn networks_are_allowed_also_where_they_are_mapped() {
        let guard = AddressGuard::new("x").allow_networks(["198.18.0.0/15".parse().unwrap()]);
        for ip in ["198.18.0.1", "198.19.255.255", "::ffff:198.18.0.1"] {
            assert!(guard.allows("any.example", ip.parse().unwrap()), "{ip}");
        }
        assert!(!guard.allows("any.example", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_refusal_names_the_host_and_the_setting() {
        let error = AddressGuard::new("web.allowed_hosts").refusal("10.0.0.1").to_string();
        assert!(error.contains("10.0.0.1") && error.contains("web.allowed_hosts"), "{error}");
    }
}
