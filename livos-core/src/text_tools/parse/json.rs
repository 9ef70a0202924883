//! JSON as models write it, made into JSON as it is specified.

use std::fmt::Write;

use serde_json::Value;

/// Finds the end of a JSON value that begins with a bracket, as its characters arrive.
#[derive(Debug, Default)]
pub(super) struct Scan {
    open: Vec<char>,
    inside: Inside,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Structure,
    String,
    Escape,
}

impl Scan {
    /// A scan that begins inside an object.
    pub(super) fn inside_object() -> Self {
        Self { open: vec!['}'], inside: Inside::Structure }
    }

    /// Takes the next character and says whether the value ends with it.
    pub(super) fn step(&mut self, c: char) -> bool {
        self.inside = match (self.inside, c) {
            (Inside::Structure, '"') | (Inside::Escape, _) => Inside::String,
            (Inside::String, '\\') => Inside::Escape,
            (Inside::String, '"') => Inside::Structure,
            (Inside::Structure, '{') => {
                self.open.push('}');
                Inside::Structure
            }
            (Inside::Structure, '[') => {
                self.open.push(']');
                Inside::Structure
            }
            (Inside::Structure, '}' | ']') => {
                self.open.pop();
                return self.open.is_empty();
            }
            (inside, _) => inside,
        };
        false
    }

    /// What is missing at the end, when nothing but closing brackets can be.
    pub(super) fn missing_brackets(&self) -> Option<String> {
        let is_between = self.inside == Inside::Structure;
        is_between.then(|| self.open.iter().rev().collect())
    }
}

/// Reads a value in which strings may hold raw line breaks and tabs, and lists may end in a comma.
/// Nothing else is tolerated: a repair must not be able to change a value.
pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&normalise(text)))
}

fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut inside = Inside::Structure;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (inside, c) {
            (Inside::Structure, ',') if is_trailing(rest.as_str()) => {}
            (Inside::String, control) if control.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            _ => out.push(c),
        }
        inside = match (inside, c) {
            (Inside::Structure, '"') | (Inside::Escape, _) => Inside::String,
            (Inside::String, '\\') => Inside::Escape,
            (Inside::String, '"') => Inside::Structure,
            (same, _) => same,
        };
    }
    out
}

fn is_trailing(rest: &str) -> bool {
    rest.trim_start().starts_with(['}', ']'])
}
