//! Text that must not be seen: keys, tokens, passwords.

mod name;
mod source;

use std::fmt;

use zeroize::Zeroizing;

pub use self::name::ParseSecretNameError;
pub use self::name::SecretName;
pub use self::source::SecretSource;
pub use self::source::SecretSourceError;

/// A secret. It has no `Display` and no `Serialize`, its `Debug` is redacted,
/// and its memory is wiped when it is dropped.
///
/// ```
/// use livos_core::Secret;
///
/// let key = Secret::new("sk-live-123");
/// assert_eq!(format!("{key:?}"), "Secret(redacted)");
/// assert_eq!(key.expose(), "sk-live-123");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in. Surrounding white space is dropped: it is never part of a key, and pasted keys bring it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = Zeroizing::new(text.into());
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The text itself, for the one place where it leaves (a request header).
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when there is nothing in it: an empty key counts as no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
