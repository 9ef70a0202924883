//! Text of a wire's JSON, borrowed where it holds no escapes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Visitor;

/// A string member of a streamed frame. `null` and an absent member are the empty text.
///
/// `Option<Cow<str>>` would copy: serde borrows only bare `Cow` fields, and those refuse `null`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JsonText<'a>(Cow<'a, str>);

impl JsonText<'_> {
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl Deref for JsonText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = JsonText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(JsonText::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed_and_null_is_empty() {
        let text: JsonText<'_> = serde_json::from_str("\"abc\"").unwrap();
        assert!(matches!(text.0, Cow::Borrowed("abc")));
        let text: JsonText<'_> = serde_json::from_str("\"a\\n\"").unwrap();
        assert_eq!(&*text, "a\n");
        assert_eq!(&*serde_json::from_str::<JsonText<'_>>("null").unwrap(), "");
        assert!(serde_json::from_str::<JsonText<'_>>("7").is_err());
    }
}
