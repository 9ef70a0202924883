//! How long a service asks to be left alone.

use std::time::Duration;

use livos_core::Clock;
use livos_core::SystemClock;
use reqwest::header::HeaderMap;
use reqwest::header::RETRY_AFTER;

/// The longest pause that is believed.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause that the headers ask for: `retry-after-ms`, else `Retry-After` in seconds or as a date.
pub(super) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text("retry-after-ms").and_then(seconds).map(|pause| pause / 1000);
    millis.or_else(|| {
        let told = text(RETRY_AFTER.as_str())?;
        seconds(told).or_else(|| until(told))
    })
}

/// Seconds, whole or with a fraction.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|pause| pause.min(MAX_PAUSE))
}

/// The time from now to an HTTP date (RFC 9110 section 5.6.7); zero when it has passed.
fn until(date: &str) -> Option<Duration> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let at = livos_core::Timestamp::from_unix_micros(at.as_microsecond());
    Some(at.since(SystemClock.now()).min(MAX_PAUSE))
}
