//! One-time login links: a token in a URL that works once and not for long.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::Timestamp;
use sha2::Digest;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::home::random_token;

/// How long a link works.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How many unused links may be out at once; the oldest goes first.
const MAX_LINKS: usize = 16;

/// The links that are out. Only hashes are kept.
#[derive(Debug, Default)]
pub(crate) struct LoginTokens(Mutex<Vec<Link>>);

#[derive(Debug)]
struct Link {
    hash: [u8; 32],
    made_at: Timestamp,
}

impl LoginTokens {
    /// A token for a new link.
    pub(crate) fn issue(&self, now: Timestamp) -> io::Result<String> {
        let token = random_token()?;
        let mut links = self.lock();
        links.retain(|link| link.is_fresh(now));
        if links.len() >= MAX_LINKS {
            links.remove(0);
        }
        links.push(Link { hash: Sha256::digest(&token).into(), made_at: now });
        Ok(token)
    }

    /// Uses a token up. True once, while it is fresh.
    pub(crate) fn redeem(&self, token: &str, now: Timestamp) -> bool {
        let hash = Sha256::digest(token);
        let mut links = self.lock();
        links.retain(|link| link.is_fresh(now));
        let found = links.iter().position(|link| link.hash.ct_eq(&hash).into());
        found.map(|place| links.remove(place)).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.made_at) < LINK_LIFETIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_link_works_once() {
        let links = LoginTokens::default();
        let token = links.issue(at(0)).unwrap();
        assert!(!links.redeem("another", at(1)));
        assert!(links.redeem(&token, at(1)));
        assert!(!links.redeem(&token, at(1)));
    }

    #[test]
    fn an_old_link_does_not_work() {
        let links = LoginTokens::default();
        let token = links.issue(at(0)).unwrap();
        assert!(!links.redeem(&token, at(15 * 60)));
    }
}
