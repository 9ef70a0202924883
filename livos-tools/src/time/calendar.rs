//! Reads times as models write them, and describes them.

use jiff::Timestamp;
use jiff::Zoned;
use jiff::civil;
use jiff::tz::TimeZone;
use livos_core::ToolError;
use serde_json::Value;
use serde_json::json;

/// How many zones are suggested for an unknown one.
const SUGGESTIONS: usize = 5;

/// A time zone by its IANA name.
pub(super) fn parse_zone(name: Option<&str>) -> Result<TimeZone, ToolError> {
    let name = name.unwrap_or("UTC").trim();
    TimeZone::get(name).map_err(|_| {
        let wanted = name.to_ascii_lowercase().replace(' ', "_");
        let similar: Vec<String> = jiff::tz::db()
            .available()
            .map(|zone| zone.to_string())
            .filter(|zone| !wanted.is_empty() && zone.to_ascii_lowercase().contains(&wanted))
            .take(SUGGESTIONS)
            .collect();
        let hint = match similar.as_slice() {
            [] => "use an IANA name such as Europe/Berlin".to_owned(),
            similar => format!("did you mean {}", similar.join(", ")),
        };
        ToolError::model(format!("there is no time zone '{name}': {hint}"))
    })
}

/// A time; without an offset it is meant in the zone of `now`.
pub(super) fn parse_time(text: &str, now: &Zoned) -> Result<Zoned, ToolError> {
    let text = text.trim();
    let zone = now.time_zone();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now.clone());
    }
    if let Ok(time) = text.parse::<Zoned>() {
        return Ok(time.with_time_zone(zone.clone()));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_zoned(zone.clone()));
    }
    text.parse::<civil::DateTime>().and_then(|time| time.to_zoned(zone.clone())).map_err(|_| {
        ToolError::model(format!(
            "'{text}' is not a time such as 2026-03-01T09:30:00Z, 2026-03-01T09:30 or 2026-03-01"
        ))
    })
}

/// A time with what is usually asked of it.
pub(super) fn described(time: &Zoned) -> Value {
    json!({
        "time": time.to_string(),
        "utc": time.timestamp().to_string(),
        "weekday": time.strftime("%A").to_string(),
        "iso_week": time.strftime("%G-W%V").to_string(),
        "day_of_year": time.day_of_year(),
        "unix_seconds": time.timestamp().as_second(),
    })
}
