//! What a secret is called.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// The longest name of a secret, in bytes.
const MAX_BYTES: usize = 128;

/// What a secret is called: like a variable of the environment, so that a key can have the name its
/// vendor gave it.
///
/// ```
/// use livos_core::SecretName;
///
/// let name: SecretName = "ANTHROPIC_API_KEY".parse()?;
/// assert_eq!(name.as_str(), "ANTHROPIC_API_KEY");
/// assert!("no-name".parse::<SecretName>().is_err());
/// # Ok::<(), livos_core::ParseSecretNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// A text that names no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret's name has letters, digits and `_`, begins with no digit, and is at most {MAX_BYTES} long, such as GITHUB_TOKEN"
)]
pub struct ParseSecretNameError;

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = ParseSecretNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if begins_well && text.len() <= MAX_BYTES && text.bytes().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseSecretNameError)
        }
    }
}

impl TryFrom<String> for SecretName {
    type Error = ParseSecretNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_variables() {
        for good in ["A", "_", "GITHUB_TOKEN", "openai_api_key2"] {
            assert_eq!(good.parse::<SecretName>().unwrap().as_str(), good);
        }
        let long = "A".repeat(129);
        for bad in ["", "2A", "a-b", "a b", "a/b", "ä", "A\n", &long] {
            assert_eq!(bad.parse::<SecretName>(), Err(ParseSecretNameError), "{bad:?}");
        }
    }
}
