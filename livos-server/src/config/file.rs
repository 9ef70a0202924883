//! The `livos.toml` layer.

use std::io::ErrorKind;
use std::path::Path;

use toml::Table;
use toml::Value;

use super::ConfigProblem;
use super::Values;
use super::key;
use super::key::Layer;
use super::key::Source;

/// Reads the file. None when there is none, or when it cannot be read as TOML.
pub(super) fn read(path: &Path, problems: &mut Vec<ConfigProblem>) -> Option<Layer> {
    let origin = path.display().to_string();
    let failed = |message: String| ConfigProblem {
        field: super::FILE_NAME.to_owned(),
        origin: origin.clone(),
        message,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return None;
        }
        Err(error) => {
            problems.push(failed(format!("cannot be read: {error}")));
            return None;
        }
    };
    match text.parse::<Table>() {
        Ok(table) => Some(layer(table, origin, problems)),
        Err(error) => {
            problems.push(failed(format!("is not TOML: {}", error.to_string().trim_end())));
            None
        }
    }
}

fn layer(table: Table, origin: String, problems: &mut Vec<ConfigProblem>) -> Layer {
    let mut values = Values::new();
    for (name, value) in flatten(table) {
        match key::ALL.iter().find(|key| key.name == name) {
            Some(key) => {
                values.insert(key.name, value);
            }
            None => problems.push(unknown(&name, &origin)),
        }
    }
    Layer { source: Source::File(origin), values }
}

/// Settings are at most one table deep, so deeper tables stay values and are refused by their parser.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => settings
                .extend(section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value))),
            value => settings.push((name, value)),
        }
    }
    settings
}

fn unknown(name: &str, origin: &str) -> ConfigProblem {
    let leaf = last_part(name);
    let known = key::ALL.iter().map(|key| (key, distance(leaf, last_part(key.name))));
    let message = match known.min_by_key(|(_, distance)| *distance) {
        Some((key, distance)) if distance * 2 <= leaf.len() => {
            format!("no such setting; did you mean '{}'?", key.name)
        }
        _ => {
            let names: Vec<_> = key::ALL.iter().map(|key| key.name).collect();
            format!("no such setting; there are {}", names.join(", "))
        }
    };
    ConfigProblem { field: name.to_owned(), origin: origin.to_owned(), message }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// How many letters must be changed, added or dropped (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(right.chars()) {
            let cost = if a == b { diagonal } else { 1 + diagonal.min(before).min(*cell) };
            diagonal = std::mem::replace(cell, cost);
            before = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_changed_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
