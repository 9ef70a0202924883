//! Values that are written once and never shown: environment variables and headers.

use std::collections::BTreeMap;
use std::fmt;

use livos_core::Secret;
use livos_core::SecretSource;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::McpError;

const REFERENCE: &str = "${secret:";

/// A value as its owner wrote it. Parts of the form `${secret:NAME}` are replaced when it is used.
/// It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HiddenValue(String);

impl HiddenValue {
    /// Takes a value in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The names of the secrets it refers to.
    pub fn references(&self) -> Vec<&str> {
        let pieces = Pieces(&self.0);
        pieces
            .filter_map(|piece| if let Piece::Secret(name) = piece { Some(name) } else { None })
            .collect()
    }

    /// The text to use.
    pub(super) async fn resolve(
        &self,
        field: &str,
        source: &dyn SecretSource,
    ) -> Result<Secret, McpError> {
        let mut text = String::new();
        for piece in Pieces(&self.0) {
            let name = match piece {
                Piece::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Piece::Secret(name) => name,
            };
            let problem = |message: String| McpError::Secret { field: field.to_owned(), message };
            match source.secret(name).await {
                Ok(Some(secret)) => text.push_str(secret.expose()),
                Ok(None) => {
                    return Err(problem(format!("there is no secret '{name}'; set it first")));
                }
                Err(error) => return Err(problem(error.to_string())),
            }
        }
        Ok(Secret::new(text))
    }
}

impl fmt::Debug for HiddenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HiddenValue(redacted)")
    }
}

impl From<&str> for HiddenValue {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Resolves all values of a server; `place` is what they are called together.
pub(super) async fn resolve_all(
    place: &str,
    values: &BTreeMap<String, HiddenValue>,
    source: &dyn SecretSource,
) -> Result<Vec<(String, Secret)>, McpError> {
    let mut resolved = Vec::with_capacity(values.len());
    for (name, value) in values {
        let text = value.resolve(&format!("{place}.{name}"), source).await?;
        resolved.push((name.clone(), text));
    }
    Ok(resolved)
}

enum Piece<'a> {
    Text(&'a str),
    Secret(&'a str),
}

/// Cuts a value at its references. What only begins like one is text.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        if let Some((name, rest)) =
            self.0.strip_prefix(REFERENCE).and_then(|after| after.split_once('}'))
        {
            self.0 = rest;
            return Some(Piece::Secret(name));
        }
        let first = self.0.chars().next().map_or(0, char::len_utf8);
        let rest = self.0.get(first..).unwrap_or_default();
        let next = rest.find(REFERENCE).map(|at| at + first);
        let (text, rest) = self.0.split_at(next.unwrap_or(self.0.len()));
        self.0 = rest;
        Some(Piece::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use livos_core::SecretSourceError;

    use super::*;

    #[derive(Debug)]
    struct OneSecret;

    #[async_trait]
    impl SecretSource for OneSecret {
        async fn secret(&self, name: &str) -> Result<Option<Secret>, SecretSourceError> {
            Ok((name == "token").then(|| Secret::new("s3cret")))
        }
    }

    #[tokio::test]
    async fn references_are_replaced_and_the_rest_stays() {
        let cases = [
            ("plain", "plain"),
            ("${secret:token}", "s3cret"),
            ("Bearer ${secret:token}!", "Bearer s3cret!"),
            ("${secret:token}${secret:token}", "s3crets3cret"),
            ("${secret:open", "${secret:open"),
            ("ä${secret:token}", "äs3cret"),
        ];
        for (written, used) in cases {
            let value = HiddenValue::new(written);
            let resolved = value.resolve("env.X", &OneSecret).await.unwrap();
            assert_eq!(resolved.expose(), used, "{written}");
        }
    }

    #[tokio::test]
    async fn a_missing_secret_is_named_with_its_field() {
        let value = HiddenValue::new("${secret:other}");
        let error = value.resolve("env.KEY", &OneSecret).await.unwrap_err().to_string();
        assert!(error.contains("env.KEY") && error.contains("'other'"), "{error}");
    }

    #[test]
    fn nothing_shows_a_value() {
        assert_eq!(format!("{:?}", HiddenValue::new("abc")), "HiddenValue(redacted)");
    }
}
