//! Query strings, read by name, with every fault collected.

use std::borrow::Cow;
use std::str::FromStr;

use super::problem::FieldError;
use super::problem::Problem;

/// The parameters of one request. Take what is known, then [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct Query<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    errors: Vec<FieldError>,
}

impl<'a> Query<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        Self { left: form_urlencoded::parse(text.as_bytes()).collect(), errors: Vec::new() }
    }

    /// Takes a parameter's text. Of several of one name the last counts.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let mut found = None;
        self.left.retain(|(key, value)| {
            let is_it = key == name;
            if is_it {
                found = Some(value.to_string());
            }
            !is_it
        });
        found
    }

    /// Takes a parameter and reads it; `expected` completes "must be …".
    pub(crate) fn value<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, format!("must be {expected}"));
        }
        value
    }

    /// Takes a parameter that is one of these names, and gives what the name stands for.
    pub(crate) fn one_of<T: Copy, const N: usize>(
        &mut self,
        name: &str,
        choices: [(&str, T); N],
    ) -> Option<T> {
        let text = self.text(name)?;
        let chosen = choices.into_iter().find(|(choice, _)| *choice == text);
        if chosen.is_none() {
            let names = choices.map(|(choice, _)| choice).join(", ");
            self.fault(name, format!("must be one of {names}"));
        }
        chosen.map(|(_, value)| value)
    }

    /// Notes a fault of a parameter.
    pub(crate) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), message: message.into() });
    }

    /// Fails when a parameter was wrong, or when there is one that nobody took.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&name, "is no parameter of this route");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_faults_collected() {
        let mut query = Query::parse("text=a%20b+c&limit=x&extra=1");
        assert_eq!(query.text("text").as_deref(), Some("a b c"));
        assert_eq!(query.value::<u32>("limit", "a number"), None);
        let problem = query.finish().unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limit", "extra"]);
    }
}
