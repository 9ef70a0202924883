//! The environment layer.

use std::collections::BTreeMap;

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

    /// The values of all variables that are named like secrets: `…KEY`, `…TOKEN`, `…SECRET`, `…PASSWORD`.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let is_secret = |name: &str| SECRET_NAMES.iter().any(|end| name.ends_with(end));
        let secrets = self.variables.iter().filter(|(name, _)| is_secret(name));
        secrets.map(|(_, value)| Secret::from(value.as_str())).collect()
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
