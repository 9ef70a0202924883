//! Who is calling: the key in a header, or the console's session cookie.
//!
//! The cookie holds its expiry, a random id and a code over both under a key
//! that is derived from the API key. So it survives a restart, nothing is
//! stored, and a new API key ends all sessions.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header;
use livos_core::Timestamp;
use subtle::ConstantTimeEq;

use super::gate::RequestOrigin;
use super::hmac::hmac_sha256;
use super::problem::Problem;
use super::problem::ProblemKind;
use super::rate_limit::FailureLimit;
use crate::hex::hex;
use crate::home::ApiKey;
use crate::home::random_token;

/// The name of the console's cookie.
pub(crate) const SESSION_COOKIE: &str = "livos_session";
/// How long a console stays logged in.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many logged-out sessions are remembered until they expire.
const MAX_ENDED: usize = 1_024;

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody told; only public routes are open.
    Anonymous,
    /// A program with the key.
    KeyHolder,
    /// The owner in a browser.
    Console,
}

/// Checks keys and cookies.
#[derive(Debug)]
pub(crate) struct Authenticator {
    key: ApiKey,
    cookie_key: [u8; 32],
    failures: FailureLimit,
    ended: Mutex<VecDeque<String>>,
}

/// What a request brought to prove itself.
struct Credentials<'a> {
    key: Option<&'a str>,
    cookie: Option<&'a str>,
}

impl Authenticator {
    pub(crate) fn new(key: ApiKey) -> Self {
        let cookie_key = key.derive("console session v1");
        Self { key, cookie_key, failures: FailureLimit::default(), ended: Mutex::default() }
    }

    /// Finds out who is calling.
    ///
    /// A cookie counts for a method that changes something only when the
    /// browser says that one of our own pages sent it.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        origin: &RequestOrigin,
        safety: MethodSafety,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let credentials = Credentials::of(headers);
        if let Some(key) = credentials.key {
            return self.check_key(key, peer, now).map(|()| Caller::KeyHolder);
        }
        if !credentials.cookie.is_some_and(|cookie| self.is_session(cookie, now)) {
            return Err(Problem::new(
                ProblemKind::Unauthorized,
                "send the key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY', or log in at /login",
            ));
        }
        let own_page = *origin == RequestOrigin::Same
            || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
        if safety == MethodSafety::Changing && !own_page {
            return Err(Problem::new(
                ProblemKind::OriginNotAllowed,
                "a browser session may change things only from the console's own pages",
            ));
        }
        Ok(Caller::Console)
    }

    /// Checks a key, and counts when it is wrong.
    ///
    /// The right key opens always: whoever shares an address with somebody who
    /// guesses is not shut out. Keys are too long to be guessed at any rate.
    pub(crate) fn check_key(&self, key: &str, peer: IpAddr, now: Timestamp) -> Result<(), Problem> {
        match self.key.matches(key) {
            true => Ok(()),
            false => Err(self.refuse(peer, now, "the key is not the one of this server")),
        }
    }

    /// Counts a wrong key or login token. Who was wrong too often is told to wait, and of nothing else.
    pub(crate) fn refuse(&self, peer: IpAddr, now: Timestamp, detail: &str) -> Problem {
        if let Some(pause) = self.failures.wait(peer, now) {
            let detail = "too many wrong keys from this address; wait before the next try";
            return Problem::new(ProblemKind::TooManyRequests, detail).with_retry_after(pause);
        }
        tracing::warn!(%peer, "an authentication failed");
        self.failures.record(peer, now);
        Problem::new(ProblemKind::Unauthorized, detail)
    }

    /// The value of a cookie for a new console session.
    pub(crate) fn start_session(&self, now: Timestamp) -> io::Result<String> {
        let expires = now.as_unix_micros() / 1_000_000
            + i64::try_from(SESSION_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        let claim = format!("{expires}.{}", random_token()?);
        let code = self.code(&claim);
        Ok(format!("{claim}.{code}"))
    }

    /// Ends the session of a request, if it has one.
    pub(crate) fn end_session(&self, headers: &HeaderMap, now: Timestamp) {
        let Some(cookie) = Credentials::of(headers).cookie else { return };
        if !self.is_session(cookie, now) {
            return;
        }
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= MAX_ENDED {
            ended.pop_front();
        }
        ended.push_back(cookie.to_owned());
    }

    fn is_session(&self, cookie: &str, now: Timestamp) -> bool {
        let Some((claim, code)) = cookie.rsplit_once('.') else { return false };
        if !bool::from(self.code(claim).as_bytes().ct_eq(code.as_bytes())) {
            return false;
        }
        let expires = claim.split('.').next().and_then(|text| text.parse::<i64>().ok());
        let is_fresh = expires.is_some_and(|expires| now.as_unix_micros() / 1_000_000 < expires);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        is_fresh && !ended.iter().any(|other| other == cookie)
    }

    fn code(&self, claim: &str) -> String {
        hex(&hmac_sha256(&self.cookie_key, claim.as_bytes()))
    }
}

/// Whether a method promises to change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodSafety {
    Safe,
    Changing,
}

impl MethodSafety {
    pub(crate) fn of(method: &hyper::Method) -> Self {
        if method.is_safe() { Self::Safe } else { Self::Changing }
    }
}

impl<'a> Credentials<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let text =
            |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        let cookies =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == SESSION_COOKIE).then_some(value));
        Self { key: bearer.or_else(|| text("x-api-key")), cookie }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use livos_core::Secret;

    use super::*;
    use crate::home::Home;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const KEY: &str = "0123456789abcdef";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    fn authenticator() -> Authenticator {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(directory.path()).unwrap();
        Authenticator::new(home.api_key(Some(&Secret::new(KEY))).unwrap())
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )])
    }

    fn ask(
        auth: &Authenticator,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Caller, ProblemKind> {
        auth.authenticate(headers, &RequestOrigin::Untold, MethodSafety::Safe, PEER, now)
            .map_err(|problem| problem.kind)
    }

    #[test]
    fn the_key_is_taken_from_either_header() {
        let auth = authenticator();
        for (name, value) in [
            ("authorization", format!("Bearer {KEY}")),
            ("authorization", format!("bearer {KEY}")),
            ("x-api-key", KEY.to_owned()),
        ] {
            assert_eq!(ask(&auth, &headers(name, &value), at(0)), Ok(Caller::KeyHolder));
        }
        for (name, value) in
            [("authorization", "Bearer x"), ("authorization", KEY), ("x-api-key", "")]
        {
            assert_eq!(ask(&auth, &headers(name, value), at(0)), Err(ProblemKind::Unauthorized));
        }
    }

    #[test]
    fn wrong_keys_run_into_the_limit() {
        let auth = authenticator();
        let wrong = headers("x-api-key", "wrong");
        for _ in 0..10 {
            assert_eq!(ask(&auth, &wrong, at(0)), Err(ProblemKind::Unauthorized));
        }
        assert_eq!(ask(&auth, &wrong, at(0)), Err(ProblemKind::TooManyRequests));
        assert_eq!(ask(&auth, &headers("x-api-key", KEY), at(0)), Ok(Caller::KeyHolder));
        assert_eq!(ask(&auth, &wrong, at(0)), Err(ProblemKind::TooManyRequests));
        assert_eq!(ask(&auth, &wrong, at(60)), Err(ProblemKind::Unauthorized));
    }

    #[test]
    fn a_session_lasts_until_it_expires_or_ends() {
        let auth = authenticator();
        let value = auth.start_session(at(0)).unwrap();
        let cookie = headers("cookie", &format!("a=b; {SESSION_COOKIE}={value}"));
        assert_eq!(ask(&auth, &cookie, at(1)), Ok(Caller::Console));
        let after = i64::try_from(SESSION_LIFETIME.as_secs()).unwrap();
        assert_eq!(ask(&auth, &cookie, at(after)), Err(ProblemKind::Unauthorized));
        auth.end_session(&cookie, at(1));
        assert_eq!(ask(&auth, &cookie, at(2)), Err(ProblemKind::Unauthorized));
    }

    #[test]
    fn a_changed_cookie_is_none() {
        let auth = authenticator();
        let value = auth.start_session(at(0)).unwrap();
        let longer = value.replacen(|first: char| first.is_ascii_digit(), "9", 1);
        let cookie = headers("cookie", &format!("{SESSION_COOKIE}={longer}"));
        assert_eq!(ask(&auth, &cookie, at(1)), Err(ProblemKind::Unauthorized));
    }

    #[test]
    fn a_cookie_alone_changes_nothing() {
        let auth = authenticator();
        let value = auth.start_session(at(0)).unwrap();
        let cookie = headers("cookie", &format!("{SESSION_COOKIE}={value}"));
        let post = |origin: &RequestOrigin| {
            auth.authenticate(&cookie, origin, MethodSafety::Changing, PEER, at(1))
                .map_err(|problem| problem.kind)
        };
        assert_eq!(post(&RequestOrigin::Untold), Err(ProblemKind::OriginNotAllowed));
        assert_eq!(post(&RequestOrigin::Same), Ok(Caller::Console));
    }
}
