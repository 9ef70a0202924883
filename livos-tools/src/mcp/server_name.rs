//! What servers are called.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The name of a server: 1 to 24 small letters, digits, `-` or single `_`, beginning with a
/// letter or digit. Its tools are called `mcp__NAME__TOOL`, which has room for 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServerName(String);

/// A text that cannot be the name of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no server name: use 1 to {max} small letters, digits, '-' or single '_', \
     beginning with a letter or digit",
    max = ServerName::MAX_LENGTH
)]
pub struct InvalidServerName(pub String);

impl ServerName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 24;

    /// Checks a name.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidServerName> {
        let name = name.into();
        let is_part = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = name.len() <= Self::MAX_LENGTH
            && begins_well
            && name.bytes().all(is_part)
            && !name.contains("__")
            && !name.ends_with('_');
        if fits { Ok(Self(name)) } else { Err(InvalidServerName(name.chars().take(80).collect())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl<'de> Deserialize<'de> for ServerName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_small_short_and_without_double_lines() {
        for name in ["a", "github", "my-server_2", "0x", &"a".repeat(24)] {
            assert!(ServerName::new(name).is_ok(), "{name}");
        }
        for name in ["", "A", "ä", "a b", "a__b", "a_", "-a", "_a", "a.b", &"a".repeat(25)] {
            assert!(ServerName::new(name).is_err(), "{name}");
        }
    }
}
