//! What time it is, as a dependency, so that runs can be tested and replayed.

use std::fmt;
use std::time::Duration;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

/// A point in time, in UTC, kept to the microsecond and written as RFC 3339.
///
/// ```
/// use livos_core::Timestamp;
///
/// assert_eq!(Timestamp::from_unix_micros(1_500_000).to_string(), "1970-01-01T00:00:01.5Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_micros: i64,
}

impl Timestamp {
    /// The instant this many microseconds after the Unix epoch.
    pub const fn from_unix_micros(unix_micros: i64) -> Self {
        Self { unix_micros }
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_unix_micros(self) -> i64 {
        self.unix_micros
    }

    /// The time from `earlier` to this one; zero when the clock was set back in between.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.unix_micros.saturating_sub(earlier.unix_micros);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// This long after; the last time there is when that is too far away.
    #[must_use]
    pub fn saturating_add(self, time: Duration) -> Self {
        Self { unix_micros: self.unix_micros.saturating_add(micros(time)) }
    }

    /// This long before; the first time there is when that is too far away.
    #[must_use]
    pub fn saturating_sub(self, time: Duration) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self { unix_micros: self.unix_micros.saturating_sub(micros) }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = text.parse::<jiff::Timestamp>();
        let instant = instant.map_err(|_| ParseTimestampError { text: text.to_owned() })?;
        Ok(Self::from_unix_micros(instant.as_microsecond()))
    }
}

/// Text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a time: expected RFC 3339, such as 2026-01-31T17:05:09Z")]
pub struct ParseTimestampError {
    text: String,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.unix_micros) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{}us", self.unix_micros),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let instant = jiff::Timestamp::deserialize(deserializer)?;
        Ok(Self::from_unix_micros(instant.as_microsecond()))
    }
}

/// Tells the time. Everything that stamps, waits or expires asks one of these.
///
/// Implementations must not go back by more than the system's own clock does;
/// callers treat a step backwards as no time having passed.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        };
        Timestamp::from_unix_micros(micros)
    }
}

/// Whole microseconds, as many as there can be; without the wide arithmetic of `as_micros`, as the
/// clock is looked at many times a turn.
fn micros(time: Duration) -> i64 {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.subsec_micros()))
}
