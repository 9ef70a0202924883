//! Finds out what can be enforced, by trying it on nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Confinement;
use super::Launcher;
use super::Layer;
use super::LayerState;
use super::SandboxError;
use super::SandboxSettings;
use super::confined::Start;
use super::confinement::User;
use super::plan::Plan;

/// Tries each layer by itself, and those that hold together.
pub(super) async fn detect(
    launcher: &Launcher,
    settings: &SandboxSettings,
) -> Result<Confinement, SandboxError> {
    if !cfg!(target_os = "linux") {
        let missing = || LayerState::Missing("only Linux has it".to_owned());
        let layers = Layer::ALL.map(|layer| (layer, missing())).to_vec();
        return Ok(Confinement::new(layers, Vec::new(), settings, User::of_this_process()));
    }
    let mut states = Vec::new();
    let mut notes = Vec::new();
    for layer in Layer::ALL {
        if settings.left_out.contains(&layer) {
            states.push((layer, LayerState::Missing("turned off".to_owned())));
            continue;
        }
        let state = match attempt(launcher, settings, vec![layer]).await {
            Ok(more) => {
                notes.extend(more);
                LayerState::Enforced
            }
            Err(SandboxError::Wall { step, error }) => {
                LayerState::Missing(format!("cannot {step}: {error}"))
            }
            Err(error) => return Err(error),
        };
        states.push((layer, state));
    }
    let confinement = Confinement::new(states, notes, settings, User::of_this_process());
    attempt(launcher, settings, confinement.enforced()).await?;
    Ok(confinement)
}

async fn attempt(
    launcher: &Launcher,
    settings: &SandboxSettings,
    layers: Vec<Layer>,
) -> Result<Vec<String>, SandboxError> {
    // A workspace that is always there, and of which nothing is used.
    let workspace = PathBuf::from("/usr");
    let plan = Plan {
        workspace: workspace.clone(),
        readable: settings.readable.clone(),
        hidden: settings.hidden.clone(),
        network: settings.network,
        layers,
        limits: settings.limits,
        temporary: None,
        command: None,
    };
    let (_, notes) = Start {
        launcher,
        plan: &plan,
        environment: BTreeMap::new(),
        directory: workspace,
        output: None,
    }
    .start()
    .await?;
    Ok(notes)
}
