//! Which addresses the server may call on behalf of others.
//!
//! A name is checked after it was resolved, and the connection goes to the address that was
//! checked, so that a name which changes its mind in between leads nowhere else.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

/// Refuses addresses that are not of the public internet, unless their host is allowed by name.
#[derive(Debug, Clone)]
pub(crate) struct AddressGuard {
    allowed: Arc<BTreeSet<String>>,
}

/// An address that is not to be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not an address of the public internet; allow its host with http.callback_hosts if it is meant"
)]
pub(crate) struct NotAllowed(pub(crate) String);

impl AddressGuard {
    /// A guard that lets these hosts be called wherever they are.
    pub(crate) fn new(allowed: impl IntoIterator<Item = String>) -> Self {
        let allowed = allowed.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { allowed: Arc::new(allowed) }
    }

    /// Checks a host as it is written in an address; names are checked once they are resolved.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), NotAllowed> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) if !self.allows(bare) && !is_public(ip) => Err(NotAllowed(host.to_owned())),
            _ => Ok(()),
        }
    }

    fn allows(&self, host: &str) -> bool {
        self.allowed.contains(&host.trim_end_matches('.').to_ascii_lowercase())
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let is_allowed = guard.allows(&host);
            let usable: Vec<SocketAddr> =
                found.filter(|address| is_allowed || is_public(address.ip())).collect();
            if usable.is_empty() {
                return Err(Box::new(NotAllowed(host)) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        // "This" network; shared by carriers (RFC 6598); protocol assignments; benchmarks; reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, .., y, z] = ip.segments();
    let embedded = || {
        let [y1, y2] = y.to_be_bytes();
        let [z1, z2] = z.to_be_bytes();
        Ipv4Addr::new(y1, y2, z1, z2)
    };
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_public_v4(ip);
    }
    // Translated by NAT64 (RFC 6052).
    if a == 0x64 && b == 0xff9b {
        return is_public_v4(embedded());
    }
    // Global unicast is 2000::/3; of that 6to4, Teredo and documentation lead elsewhere.
    (a & 0xe000) == 0x2000 && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_called_unless_allowed() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
            assert!(AddressGuard::new([]).check_host(inside).is_err(), "{inside}");
            assert!(AddressGuard::new([inside.to_owned()]).check_host(inside).is_ok());
        }
        for outside in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[tokio::test]
    async fn names_are_judged_by_where_they_lead() {
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = AddressGuard::new([]).resolve(name()).await.err().unwrap();
        assert!(refused.downcast_ref::<NotAllowed>().is_some(), "{refused}");
        let allowed = AddressGuard::new(["LOCALHOST".to_owned()]).resolve(name()).await;
        assert!(allowed.unwrap().next().unwrap().ip().is_loopback());
    }
}
