//! The environment layer.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use livos_core::Secret;
use livos_tools::sandbox::Launcher;

use super::key;
use super::key::Layer;
use super::key::Source;

/// How the names of variables end that hold secrets.
const SECRET_NAMES: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// The variable that names the home directory.
pub(super) const HOME: &str = "LIVOS_HOME";

/// Environment variables, taken once at the start, so that nothing below reads the process's own.
///
/// ```
/// use livos_server::Environment;
///
/// let environment = Environment::from_iter([("LIVOS_LISTEN", "127.0.0.1:0")]);
/// assert_eq!(environment.get("LIVOS_LISTEN"), Some("127.0.0.1:0"));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    launcher: Option<Launcher>,
}

impl Environment {
    /// The variables of this process; those that are no UTF-8 are left out.
    pub fn of_process() -> Self {
        let text = |part: std::ffi::OsString| part.into_string().ok();
        std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
    }

    /// The same, for a program that can start itself as the launcher of sandboxed commands.
    /// Without one, shell commands cannot be confined.
    pub fn with_launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = Some(launcher);
        self
    }

    pub(crate) fn launcher(&self) -> Option<&Launcher> {
        self.launcher.as_ref()
    }

    /// A variable that is set to something. An empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// All variables that are named like secrets: `…KEY`, `…TOKEN`, `…SECRET`, `…PASSWORD`. Those that name
    /// a file are left out: a path is no secret, and is said all the time.
    pub(crate) fn secrets(&self) -> Vec<(String, Secret)> {
        let is_secret = |name: &str| SECRET_NAMES.iter().any(|end| name.ends_with(end));
        let is_path = |value: &str| value.starts_with('/') && Path::new(value).exists();
        let secrets =
            self.variables.iter().filter(|(name, value)| is_secret(name) && !is_path(value));
        secrets.map(|(name, value)| (name.clone(), Secret::from(value.as_str()))).collect()
    }

    /// The same variables, and these where none of the name is set.
    pub(crate) fn completed_by<'a>(
        &self,
        others: impl IntoIterator<Item = (&'a str, &'a Secret)>,
    ) -> Self {
        let mut completed = self.clone();
        for (name, secret) in others {
            if completed.get(name).is_none() {
                completed.variables.insert(name.to_owned(), secret.expose().to_owned());
            }
        }
        completed
    }

    /// The names of all variables that are set to something.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.variables.keys().filter(|name| self.get(name).is_some()).cloned().collect()
    }

    pub(super) fn layer(&self) -> Layer {
        let typed = |key: &key::Key| Some((key.name, self.get(key.variable)?.into()));
        Layer { source: Source::Environment, values: key::ALL.iter().filter_map(typed).collect() }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, launcher: None }
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: the values hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
