//! Questions to people: what is asked, and what came back.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::store::StoreError;
use crate::tool::ArgumentSchema;
use crate::tool::ToolError;

/// The longest question, in bytes.
const MAX_TEXT: usize = 8_000;
/// How many answers may be offered.
const MAX_CHOICES: usize = 20;
/// The longest answer to choose, in bytes.
const MAX_CHOICE: usize = 500;
/// The longest schema of an answer, in bytes of JSON.
const MAX_SCHEMA: usize = 16_000;
/// The longest address of a page, in bytes.
const MAX_LINK: usize = 2_000;
/// The longest answer, in bytes of JSON.
const MAX_ANSWER: usize = 64 * 1024;

/// What a person is asked.
///
/// The answer is a text; one of the `choices` where there are some; or what the `schema` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Question {
    /// The question, in plain text.
    pub text: String,
    /// The answers to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// JSON Schema of an answer that is an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The address of a page, `http` or `https`, where the person does what is asked. It is a stranger's:
    /// whoever shows it shows all of it, and opens nothing unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Somebody answered.
    Answered(Value),
    /// Somebody does not want to answer, and may have said why.
    Declined(Option<String>),
    /// Nobody answered in time.
    Expired,
    /// The run ended first.
    Abandoned,
}

/// Why a question was not asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The agent has no [`ApprovalManager`](crate::ApprovalManager): go on without an answer.
    #[error("nobody can be asked here")]
    Nobody,
    /// The question is none; its part that is wrong is named.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The question or its answer could not be kept.
    #[error("the question could not be asked")]
    Store(#[from] StoreError),
}

impl From<AskError> for ToolError {
    fn from(error: AskError) -> Self {
        Self::model(error.to_string())
    }
}

impl Question {
    /// A question that any text answers.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), choices: Vec::new(), schema: None, link: None }
    }

    /// Offers answers; the reply is one of them.
    pub fn with_choices<T: Into<String>>(mut self, choices: impl IntoIterator<Item = T>) -> Self {
        self.choices = choices.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for an object that this JSON Schema describes.
    pub fn with_schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Shows a page with it.
    pub fn with_link(mut self, address: impl Into<String>) -> Self {
        self.link = Some(address.into());
        self
    }

    /// Says what is wrong with the question, if something is.
    ///
    /// # Errors
    /// [`AskError::Invalid`].
    pub fn check(&self) -> Result<(), AskError> {
        let fault = |message: &'static str| Err(AskError::Invalid(message.into()));
        if self.text.trim().is_empty() {
            return fault("the question is empty");
        }
        if self.text.len() > MAX_TEXT {
            return fault("the question has more than 8,000 bytes");
        }
        if self.choices.len() > MAX_CHOICES {
            return fault("there are more than 20 choices");
        }
        if self.choices.iter().any(|choice| choice.trim().is_empty() || choice.len() > MAX_CHOICE) {
            return fault("a choice is empty or has more than 500 bytes");
        }
        if !self.choices.is_empty() && self.schema.is_some() {
            return fault("a question has choices or a schema, not both");
        }
        if self.link.as_deref().is_some_and(|link| !is_web_address(link)) {
            return fault("the link is no http or https address of at most 2,000 bytes");
        }
        let Some(schema) = &self.schema else { return Ok(()) };
        if schema.to_string().len() > MAX_SCHEMA {
            return fault("the schema has more than 16,000 bytes");
        }
        if !schema.is_object() {
            return fault("the schema of the answer is no JSON Schema: it must be an object");
        }
        match ArgumentSchema::of_answer(schema) {
            Ok(_) => Ok(()),
            Err(error) => Err(AskError::Invalid(error.to_string().into())),
        }
    }

    /// The answer with what was left out of it, where the schema says what that is (`default`).
    pub fn completed(&self, mut answer: Value) -> Value {
        let properties = self.schema.as_ref().and_then(|schema| schema.get("properties"));
        let properties = properties.and_then(Value::as_object);
        if let (Some(answer), Some(properties)) = (answer.as_object_mut(), properties) {
            for (name, property) in properties {
                if let (Some(default), false) = (property.get("default"), answer.contains_key(name))
                {
                    answer.insert(name.clone(), default.clone());
                }
            }
        }
        answer
    }

    /// Says what is wrong with an answer, if something is.
    ///
    /// # Errors
    /// What is wrong, for the one who answers.
    pub fn check_answer(&self, answer: &Value) -> Result<(), String> {
        if answer.to_string().len() > MAX_ANSWER {
            return Err("the answer has more than 64 KiB".to_owned());
        }
        if !self.choices.is_empty() {
            let is_choice = self.choices.iter().any(|choice| answer.as_str() == Some(choice));
            return match is_choice {
                true => Ok(()),
                false => Err(format!("must be one of: {}", self.choices.join(", "))),
            };
        }
        let Some(schema) = &self.schema else {
            let is_text = answer.as_str().is_some_and(|text| !text.trim().is_empty());
            return if is_text { Ok(()) } else { Err("must be a text".to_owned()) };
        };
        let Some(answer) = answer.as_object() else {
            return Err("must be an object as the schema says".to_owned());
        };
        let schema = ArgumentSchema::of_answer(schema);
        let checked = schema.map_err(|error| error.to_string())?.check(answer);
        checked.map_err(|invalid| invalid.problems.join("; "))
    }
}

/// Whether this may be offered to be opened: an address of the web, in characters that are seen.
fn is_web_address(link: &str) -> bool {
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    link.len() <= MAX_LINK
        && rest
            .is_some_and(|rest| rest.starts_with(|first: char| !matches!(first, '/' | '@' | ':')))
        && link.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_are_checked() {
        assert!(Question::new("Which one?").check().is_ok());
        assert!(Question::new("Which?").with_choices(["a", "b"]).check().is_ok());
        let schema = json!({ "type": "object", "properties": { "age": { "type": "integer" } } });
        assert!(Question::new("Who?").with_schema(schema.clone()).check().is_ok());
        let wrong = [
            (Question::new(" "), "is empty"),
            (Question::new("x".repeat(MAX_TEXT + 1)), "8,000"),
            (Question::new("?").with_choices(vec!["a"; 21]), "20 choices"),
            (Question::new("?").with_choices([""]), "a choice is empty"),
            (Question::new("?").with_choices(["a"]).with_schema(schema), "not both"),
            (Question::new("?").with_link("javascript:alert(1)"), "no http"),
            (Question::new("?").with_link("https:///x"), "no http"),
            (Question::new("?").with_link("https://a b"), "no http"),
            (Question::new("?").with_link("https://xn--a.example/\u{202e}"), "no http"),
        ];
        for (question, expected) in wrong {
            let error = question.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn answers_are_checked() {
        let free = Question::new("?");
        assert_eq!(free.check_answer(&json!("yes")), Ok(()));
        assert!(free.check_answer(&json!(7)).is_err() && free.check_answer(&json!(" ")).is_err());
        let choice = Question::new("?").with_choices(["red", "blue"]);
        assert_eq!(choice.check_answer(&json!("red")), Ok(()));
        assert_eq!(choice.check_answer(&json!("x")), Err("must be one of: red, blue".to_owned()));
        let object = Question::new("?").with_schema(json!({ "type": "object" }));
        assert_eq!(object.check_answer(&json!({ "a": 1 })), Ok(()));
        assert!(object.check_answer(&json!([1])).is_err());
    }

    #[test]
    fn answers_have_the_forms_that_the_schema_names() {
        let schema = json!({ "type": "object", "properties": {
            "mail": { "type": "string", "format": "email" },
            "born": { "type": "string", "format": "date" },
            "page": { "type": "string", "format": "uri" },
        } });
        let question = Question::new("?").with_schema(schema);
        let fits = json!({ "mail": "a@b.org", "born": "2001-02-28", "page": "https://b.org/" });
        assert_eq!(question.check_answer(&fits), Ok(()));
        for (name, wrong) in [("mail", "a b"), ("born", "2001-02-30"), ("page", "b")] {
            let problem = question.check_answer(&json!({ name: wrong })).unwrap_err();
            assert!(problem.contains(&format!("/{name}")), "{problem}");
        }
    }

    #[test]
    fn what_is_left_out_is_what_the_schema_says() {
        let schema = json!({ "properties": { "a": { "default": 7 }, "b": {} } });
        let question = Question::new("?").with_schema(schema);
        assert_eq!(question.completed(json!({})), json!({ "a": 7 }));
        assert_eq!(question.completed(json!({ "a": 1, "b": 2 })), json!({ "a": 1, "b": 2 }));
        assert_eq!(question.completed(json!("x")), json!("x"));
    }
}
