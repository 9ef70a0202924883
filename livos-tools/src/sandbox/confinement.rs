//! What this machine enforces, in words for people and models.

use super::Layer;
use super::Network;
use super::SandboxSettings;

/// What this machine enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    layers: Vec<(Layer, LayerState)>,
    gaps: Vec<String>,
    notes: Vec<String>,
}

/// Who commands run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Limits that the kernel keeps for each user do not bind it.
    Root,
    Ordinary,
}

impl User {
    pub(super) fn of_this_process() -> Self {
        if nix::unistd::geteuid().is_root() { Self::Root } else { Self::Ordinary }
    }
}

/// Whether a layer is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerState {
    /// It was tried and holds.
    Enforced,
    /// It is not there, and why.
    Missing(String),
}

impl Confinement {
    pub(super) fn new(
        layers: Vec<(Layer, LayerState)>,
        notes: Vec<String>,
        settings: &SandboxSettings,
        user: User,
    ) -> Self {
        let mut confinement = Self { layers, gaps: Vec::new(), notes };
        confinement.gaps = confinement.find_gaps(settings, user);
        confinement
    }

    /// Each layer, and whether it is there.
    pub fn layers(&self) -> impl Iterator<Item = (Layer, &LayerState)> {
        self.layers.iter().map(|(layer, state)| (*layer, state))
    }

    /// Whether a layer is there.
    pub fn has(&self, layer: Layer) -> bool {
        self.layers.iter().any(|(known, state)| *known == layer && *state == LayerState::Enforced)
    }

    /// What the sandbox promises and nothing here enforces; empty when all holds.
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// Whether all that the sandbox promises is enforced here.
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty()
    }

    /// What holds, but by weaker means than a newer kernel has.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn enforced(&self) -> Vec<Layer> {
        Layer::ALL.into_iter().filter(|layer| self.has(*layer)).collect()
    }

    fn find_gaps(&self, settings: &SandboxSettings, user: User) -> Vec<String> {
        let namespaces = self.has(Layer::Namespaces);
        let landlock = self.has(Layer::Landlock);
        let calls = self.has(Layer::SystemCalls);
        let old_landlock = |lack: &str| self.notes.iter().any(|note| note.contains(lack));
        let mut gaps = Vec::new();
        let mut lacks = |is_lacking: bool, what: &str| {
            if is_lacking {
                gaps.push(what.to_owned());
            }
        };
        lacks(!namespaces && !landlock, "files outside the workspace can be read and written");
        lacks(
            !namespaces && landlock && old_landlock("truncated"),
            "files outside the workspace can be truncated",
        );
        lacks(
            !namespaces && !calls && settings.network == Network::Denied,
            "the network can be used",
        );
        lacks(!namespaces && !calls, "services of this machine can be reached by Unix sockets");
        lacks(!calls, "system calls are not filtered");
        lacks(
            !namespaces && (!landlock || old_landlock("signals")),
            "other processes of the same user can be signalled",
        );
        lacks(
            !namespaces && user == User::Root,
            "commands run as root with its capabilities, and the number of their processes is \
             only watched",
        );
        lacks(
            !namespaces && landlock,
            "modes, owners and times of the user's files outside the workspace can be changed",
        );
        if !namespaces {
            let mut granted = settings.readable.iter();
            if let Some(hidden) = granted.find_map(|granted| settings.hidden_within(granted)) {
                gaps.push(format!("'{}' cannot be hidden without namespaces", hidden.display()));
            }
        }
        gaps
    }
}

impl std::fmt::Display for Confinement {
    /// One line: `namespaces, Landlock, seccomp`, and what is missing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let enforced: Vec<_> = self.enforced().into_iter().map(Layer::as_str).collect();
        f.write_str(if enforced.is_empty() { "nothing is enforced" } else { "enforced by " })?;
        f.write_str(&enforced.join(", "))?;
        for (layer, state) in &self.layers {
            if let LayerState::Missing(reason) = state {
                write!(f, "; no {}: {reason}", layer.as_str())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(enforced: &[Layer], notes: &[&str]) -> Confinement {
        let state = |layer| {
            let missing = || LayerState::Missing("not built in".to_owned());
            if enforced.contains(&layer) { LayerState::Enforced } else { missing() }
        };
        let layers = Layer::ALL.map(|layer| (layer, state(layer))).to_vec();
        let notes = notes.iter().map(ToString::to_string).collect();
        Confinement::new(layers, notes, &SandboxSettings::default(), User::Ordinary)
    }

    #[test]
    fn what_nothing_enforces_is_a_gap() {
        assert!(with(&Layer::ALL, &[]).is_whole());
        let gaps = |enforced: &[Layer], notes: &[&str]| with(enforced, notes).gaps().len();
        assert_eq!(gaps(&[], &[]), 5);
        assert_eq!(gaps(&[Layer::Namespaces], &[]), 1);
        assert_eq!(gaps(&[Layer::Landlock], &[]), 4);
        assert_eq!(gaps(&[Layer::Landlock, Layer::SystemCalls], &[]), 1);
        let old = ["Landlock ABI 2: files outside can be truncated", "Landlock ABI 2: signals"];
        assert_eq!(gaps(&[Layer::Landlock, Layer::SystemCalls], &old), 3);
        assert_eq!(gaps(&Layer::ALL, &old), 0, "namespaces cover for it");
    }

    #[test]
    fn it_reads_as_one_line() {
        assert_eq!(
            with(&[Layer::Landlock, Layer::SystemCalls], &[]).to_string(),
            "enforced by Landlock, seccomp; no namespaces: not built in"
        );
    }
}
