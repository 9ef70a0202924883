//! What a script answers.

use std::str::FromStr;

use serde_json::Value;

use super::failure::damaged;
use super::fields::Fields;
use crate::store::StoreError;

/// A verdict, and what belongs to it.
#[derive(Debug)]
pub(super) struct Answer(Vec<Value>);

impl Answer {
    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map(Self).map_err(|error| damaged("answer", &error))
    }

    /// How it ended: `ok`, or why not.
    pub(super) fn verdict(&self) -> &str {
        self.text(0).unwrap_or_default()
    }

    /// A part of it; the verdict is part 0.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_str()
    }

    pub(super) fn parse<T: FromStr>(&self, index: usize) -> Result<T, StoreError> {
        let text = self.text(index).unwrap_or_default();
        text.parse().map_err(|_| damaged("answer", &format!("'{text}' is its part {index}")))
    }

    /// The texts from a part on.
    pub(super) fn texts(&self, from: usize) -> impl Iterator<Item = &str> {
        self.0.iter().skip(from).filter_map(Value::as_str)
    }

    /// The fields that a hash has, from a part on: names and values in turn.
    pub(super) fn fields(&self, from: usize) -> Fields {
        Fields::from_pairs(self.0.iter().skip(from))
    }

    /// The lists from a part on, each an id and the fields of its hash.
    pub(super) fn hashes(&self, from: usize) -> impl Iterator<Item = (&str, Fields)> {
        self.0.iter().skip(from).filter_map(Value::as_array).filter_map(|list| {
            let id = list.first()?.as_str()?;
            Some((id, Fields::from_pairs(list.iter().skip(1))))
        })
    }
}
