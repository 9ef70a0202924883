//! Which host names and origins may be used (DNS rebinding, cross-site requests).
//!
//! A `Host` that is an address cannot have been rebound, so addresses pass;
//! names must be loopback's own, the public URL's, or configured.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header;
use hyper::header::HeaderValue;

use super::problem::Problem;
use super::problem::ProblemKind;
use crate::config::WebAddress;
use crate::config::host_of;

/// Decides by `Host` and `Origin` whether a request is looked at at all.
#[derive(Debug)]
pub(crate) struct Gate {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Where a request that passed the gate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// No browser told one.
    Untold,
    /// A page of this server.
    Same,
    /// A page of an allowed origin, to be named in the CORS headers.
    Allowed(HeaderValue),
}

impl Gate {
    pub(crate) fn new(
        hosts: &[String],
        origins: &[WebAddress],
        public_url: Option<&WebAddress>,
    ) -> Self {
        let public_host = public_url.map(|url| url.host().to_owned());
        Self {
            hosts: hosts.iter().cloned().chain(public_host).collect(),
            origins: origins.iter().chain(public_url).map(WebAddress::origin).collect(),
        }
    }

    /// Lets a request in.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<RequestOrigin, Problem> {
        let host = self.check_host(headers)?;
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(RequestOrigin::Untold) };
        let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        if text.split_once("://").is_some_and(|(_, authority)| authority == host) {
            return Ok(RequestOrigin::Same);
        }
        if self.origins.contains(&text) {
            return Ok(RequestOrigin::Allowed(origin.clone()));
        }
        Err(Problem::new(
            ProblemKind::OriginNotAllowed,
            "pages of this origin may not call the server; add it to http.allowed_origins",
        ))
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Problem::new(
                ProblemKind::MalformedRequest,
                "the request must have one Host header",
            ));
        };
        let host = host.to_str().unwrap_or_default().to_ascii_lowercase();
        let name = host_of(&host);
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_loopback = name == "localhost" || name.ends_with(".localhost");
        if is_address || is_loopback || self.hosts.iter().any(|known| known == name) {
            return Ok(host);
        }
        Err(Problem::new(
            ProblemKind::HostNotAllowed,
            "the server does not go by this host name; set public_url or http.allowed_hosts",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)]) -> Result<RequestOrigin, ProblemKind> {
        let gate = Gate::new(&["livos.lan".to_owned()], &[], None);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        gate.check(&map).map_err(|problem| problem.kind)
    }

    #[test]
    fn loopback_addresses_and_configured_names_pass() {
        for host in ["localhost:3200", "127.0.0.1:3200", "[::1]:3200", "10.0.0.7", "LIVOS.lan:80"] {
            assert_eq!(check(&[("host", host)]), Ok(RequestOrigin::Untold), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_does_not_pass() {
        for host in
            ["evil.example", "evil.example:3200", "127.0.0.1.evil.example", "localhost.evil", ""]
        {
            assert_eq!(check(&[("host", host)]), Err(ProblemKind::HostNotAllowed), "{host}");
        }
    }

    #[test]
    fn none_or_two_hosts_are_malformed() {
        assert_eq!(check(&[]), Err(ProblemKind::MalformedRequest));
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(check(&two), Err(ProblemKind::MalformedRequest));
    }

    #[test]
    fn only_own_pages_pass() {
        let host = ("host", "localhost:3200");
        assert_eq!(check(&[host, ("origin", "http://localhost:3200")]), Ok(RequestOrigin::Same));
        for origin in
            ["http://localhost:3201", "https://evil.example", "null", "http://localhost:3200.evil"]
        {
            let answer = check(&[host, ("origin", origin)]);
            assert_eq!(answer, Err(ProblemKind::OriginNotAllowed), "{origin}");
        }
    }
}
