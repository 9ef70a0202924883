//! Changes of what is kept, as bodies of `PATCH` bring them.

use serde::Deserialize;
use serde::Deserializer;

/// Tells null, which takes something back, from nothing, which leaves it as it is.
///
/// # Errors
/// When what is given is no `T`.
#[expect(clippy::option_option, reason = "null and nothing differ")]
pub(super) fn null_or_given<'de, T, D>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Deserialize::deserialize(value).map(Some)
}
