//! How often somebody may be wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::Timestamp;

/// Wrong keys that one address may try before it has to wait.
const BURST: u32 = 10;
/// How long until one more try is given back.
const REFILL: Duration = Duration::from_secs(6);
/// How many addresses are remembered. Beyond that all new ones share one count.
const MAX_ADDRESSES: usize = 4_096;

/// Counts failed authentications by address.
#[derive(Debug, Default)]
pub(super) struct FailureLimit(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Timestamp,
}

impl Failures {
    /// What is left after tries were given back.
    fn at(self, now: Timestamp) -> Self {
        let refills = now.since(self.since).as_secs() / REFILL.as_secs();
        let given_back = u32::try_from(refills).unwrap_or(u32::MAX);
        if given_back == 0 {
            return self;
        }
        Self { count: self.count.saturating_sub(given_back), since: now }
    }
}

impl FailureLimit {
    /// How long an address has to wait before a wrong key of it is answered as one.
    pub(super) fn wait(&self, address: IpAddr, now: Timestamp) -> Option<Duration> {
        let failures = self.lock().get(&address).copied()?.at(now);
        (failures.count >= BURST).then(|| REFILL.saturating_sub(now.since(failures.since)))
    }

    /// Counts one failure.
    pub(super) fn record(&self, address: IpAddr, now: Timestamp) {
        let mut addresses = self.lock();
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            addresses.retain(|_, failures| failures.at(now).count > 0);
        }
        let shared = IpAddr::from([0, 0, 0, 0]);
        let key = if addresses.len() < MAX_ADDRESSES || addresses.contains_key(&address) {
            address
        } else {
            shared
        };
        let failures = addresses.entry(key).or_insert(Failures { count: 0, since: now });
        *failures = failures.at(now);
        failures.count = failures.count.saturating_add(1).min(BURST);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    #[test]
    fn after_ten_failures_one_waits_and_tries_come_back() {
        let limit = FailureLimit::default();
        for _ in 0..BURST {
            assert_eq!(limit.wait(HERE, at(0)), None);
            limit.record(HERE, at(0));
        }
        assert_eq!(limit.wait(HERE, at(0)), Some(REFILL));
        assert_eq!(limit.wait(HERE, at(5)), Some(Duration::from_secs(1)));
        assert_eq!(limit.wait(HERE, at(6)), None);
    }

    #[test]
    fn addresses_do_not_share_their_failures() {
        let limit = FailureLimit::default();
        (0..BURST).for_each(|_| limit.record(HERE, at(0)));
        assert_eq!(limit.wait(IpAddr::from([10, 0, 0, 1]), at(0)), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let limit = FailureLimit::default();
        for number in 0..10_000_u32 {
            limit.record(IpAddr::from(number.to_be_bytes()), at(0));
        }
        assert!(limit.lock().len() <= MAX_ADDRESSES + 1);
    }
}
