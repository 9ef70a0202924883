//! Addresses as they are typed: what is refused before anything is looked up.

use url::Url;

use super::AddressGuard;
use super::NotAllowed;

/// The longest address, in bytes.
const MAX_BYTES: usize = 2_048;

/// Why an address is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebAddressError {
    /// It is none, or has another scheme.
    #[error("must be an http or https address such as https://example.org/page")]
    NotHttp,
    /// It is longer than anybody needs.
    #[error("must have at most {MAX_BYTES} bytes")]
    TooLong,
    /// It has a user or a password in it, which would end up in logs and records.
    #[error("must not hold a user or password")]
    Credentials,
    /// It leads where nobody may be sent.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

impl AddressGuard {
    /// Reads an address as browsers do (`http://0x7f.1` is `http://127.0.0.1`) and judges it.
    /// A name in it is judged only when it is resolved.
    ///
    /// # Errors
    /// When it is no address, holds a password, or may not be called.
    pub fn check_url(&self, text: &str) -> Result<Url, WebAddressError> {
        if text.len() > MAX_BYTES {
            return Err(WebAddressError::TooLong);
        }
        let mut url = Url::parse(text.trim()).map_err(|_| WebAddressError::NotHttp)?;
        self.judge(&url)?;
        // Never sent, and of no use here.
        url.set_fragment(None);
        Ok(url)
    }

    /// Judges an address that was read already, such as the goal of a redirect.
    pub(super) fn judge(&self, url: &Url) -> Result<(), WebAddressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WebAddressError::NotHttp);
        }
        if url.as_str().len() > MAX_BYTES * 4 {
            return Err(WebAddressError::TooLong);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebAddressError::Credentials);
        }
        let host = url.host().ok_or(WebAddressError::NotHttp)?;
        Ok(self.check_host(&host)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outgoing::public_address::is_public;

    fn guard() -> AddressGuard {
        AddressGuard::new("web.allowed_hosts")
    }

    #[test]
    fn every_spelling_of_an_inner_address_is_refused() {
        for inside in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://1②7.0.0.1/",
            "http://127。0。0。1/",
            "http://%31%32%37.0.0.1/",
            "http:127.0.0.1",
            "http:/\\127.0.0.1/",
            "HTTP://127.0.0.1:80/",
            " http://0/ ",
            "http://0.0.0.0:8080/",
            "http://[::1]/",
            "http://[::]/",
            "http://[0:0:0:0:0:ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://0251.0376.0251.0376/",
            "https://100.100.100.200/",
            "https://192.168.1.1:8443/x?y#z",
        ] {
            let error = guard().check_url(inside).expect_err(inside);
            assert!(matches!(error, WebAddressError::NotAllowed(_)), "{inside}: {error}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused() {
        for (text, error) in [
            ("", WebAddressError::NotHttp),
            ("example.org", WebAddressError::NotHttp),
            ("file:///etc/passwd", WebAddressError::NotHttp),
            ("gopher://example.org/", WebAddressError::NotHttp),
            ("ftp://example.org/", WebAddressError::NotHttp),
            ("data:text/html,x", WebAddressError::NotHttp),
            ("javascript:alert(1)", WebAddressError::NotHttp),
            ("http://", WebAddressError::NotHttp),
            ("http://[fe80::1%25eth0]/", WebAddressError::NotHttp),
            ("http://1.2.3.4.5/", WebAddressError::NotHttp),
            ("http://256.0.0.1/", WebAddressError::NotHttp),
            ("http://exa mple.org/", WebAddressError::NotHttp),
            ("http://user:password@example.org/", WebAddressError::Credentials),
            ("http://user@example.org/", WebAddressError::Credentials),
            ("http://:password@example.org/", WebAddressError::Credentials),
            ("http://example.org\\@127.0.0.1@x/", WebAddressError::NotHttp),
        ] {
            let result = guard().check_url(text);
            // What a browser reads as a path holds no host any more.
            if text.contains('\\') {
                assert_eq!(result.unwrap().host_str(), Some("example.org"));
                continue;
            }
            assert_eq!(result, Err(error), "{text}");
        }
        let long = format!("http://example.org/{}", "a".repeat(3000));
        assert_eq!(guard().check_url(&long), Err(WebAddressError::TooLong));
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        let error = guard().check_url("https://me:hunter2@example.org/").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn an_address_is_the_same_in_every_base(bits in any::<u32>(), form in 0..6_usize) {
            let [a, b, c, d] = bits.to_be_bytes();
            let tail = u32::from_be_bytes([0, b, c, d]);
            let url = match form {
                0 => format!("http://{bits}/"),
                1 => format!("http://{bits:#x}/"),
                2 => format!("http://0{bits:o}/"),
                3 => format!("http://{a}.{tail}/"),
                4 => format!("http://{a:#x}.0{b:o}.{c}.{d:#x}/"),
                _ => format!("http://[::ffff:{:x}:{:x}]/", bits >> 16, bits & 0xffff),
            };
            let is_allowed = guard().check_url(&url).is_ok();
            prop_assert_eq!(is_allowed, is_public(std::net::Ipv4Addr::from_bits(bits).into()));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,80}") {
            let _ = guard().check_url(&text);
            let _ = guard().check_url(&format!("http://{text}"));
        }
    }
}
