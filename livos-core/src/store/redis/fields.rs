//! Values as Redis keeps them: text.

use std::collections::HashMap;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::damaged;
use crate::clock::Timestamp;
use crate::store::StoreError;

/// The fields of a hash.
#[derive(Debug, Default)]
pub(super) struct Fields(HashMap<String, String>);

impl From<HashMap<String, String>> for Fields {
    fn from(fields: HashMap<String, String>) -> Self {
        Self(fields)
    }
}

impl Fields {
    pub(super) fn from_pairs<'a>(values: impl Iterator<Item = &'a Value>) -> Self {
        let texts: Vec<&str> = values.filter_map(Value::as_str).collect();
        let pairs = texts.chunks_exact(2).filter_map(|pair| match pair {
            [name, value] => Some(((*name).to_owned(), (*value).to_owned())),
            _ => None,
        });
        Self(pairs.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.maybe(name)?.ok_or_else(|| damaged("hash", &format!("it has no '{name}'")))
    }

    pub(super) fn maybe<T: FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|_| damaged("hash", &format!("its '{name}' is something else")))
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_unix_micros(self.parse(name)?))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name).unwrap_or_default();
        serde_json::from_str(text).map_err(|error| damaged(name, &error))
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.text(name).map(|_| self.json(name)).transpose()
    }

    /// A value that is stored by its name.
    pub(super) fn named<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name).unwrap_or_default();
        serde_json::from_value(Value::from(text)).map_err(|error| damaged(name, &error))
    }
}

pub(super) fn to_text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::unavailable(format!("a value cannot be written: {error}")))
}

/// The name that a value is stored by.
pub(super) fn name_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

pub(super) fn micros(at: Timestamp) -> String {
    at.as_unix_micros().to_string()
}

/// A time as text that sorts as times do.
pub(super) fn sortable(at: Timestamp) -> String {
    format!("{:020}", at.as_unix_micros().cast_unsigned() ^ (1 << 63))
}

/// The time in a score: Redis gives it as a floating point number, exact for the next centuries.
#[expect(clippy::cast_possible_truncation, reason = "microseconds of this era are exact")]
pub(super) fn time_of_score(text: &str) -> Option<Timestamp> {
    let micros = text.parse::<f64>().ok()?;
    Some(Timestamp::from_unix_micros(micros as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text() {
        let times = [i64::MIN, -1, 0, 1, 1_767_225_600_000_000, i64::MAX];
        let texts = times.map(|micros| sortable(Timestamp::from_unix_micros(micros)));
        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == 20), "{texts:?}");
    }

    #[test]
    fn a_score_is_a_time() {
        let at = Some(Timestamp::from_unix_micros(1_767_225_615_000_001));
        assert_eq!(time_of_score("1767225615000001"), at);
        assert_eq!(time_of_score("1.767225615000001e15"), at);
        assert_eq!(time_of_score(""), None);
    }
}
