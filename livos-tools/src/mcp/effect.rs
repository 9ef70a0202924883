//! What a tool does to the world, from what its server hints at and what the owner says.

use livos_core::Effect;
use rmcp::model::ToolAnnotations;

use super::ServerDefinition;
use super::ServerTrust;

/// The effect a tool counts with. The owner's word on the tool is final; else it is what the
/// server hints at, but never below the floor: hints of an untrusted server make a tool no
/// less than mutating.
pub(super) fn of(
    definition: &ServerDefinition,
    tool: &str,
    hints: Option<&ToolAnnotations>,
) -> Effect {
    if let Some(effect) = definition.effects.get(tool) {
        return *effect;
    }
    let least = match definition.trust {
        ServerTrust::Untrusted => Effect::Mutating,
        ServerTrust::Trusted => Effect::ReadOnly,
    };
    let floor = definition.effect_floor.map_or(least, |floor| floor.max(least));
    hinted(hints).max(floor)
}

/// A tool without hints counts as mutating.
fn hinted(hints: Option<&ToolAnnotations>) -> Effect {
    let Some(hints) = hints else { return Effect::Mutating };
    if hints.read_only_hint == Some(true) {
        return Effect::ReadOnly;
    }
    match (hints.destructive_hint, hints.idempotent_hint) {
        (Some(true), _) => Effect::Destructive,
        (Some(false), Some(true)) => Effect::Idempotent,
        _ => Effect::Mutating,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::WrittenServer;

    fn effect(
        trust: ServerTrust,
        floor: Option<Effect>,
        hints: Option<&ToolAnnotations>,
    ) -> Effect {
        let written = WrittenServer {
            command: Some("x".into()),
            trust,
            effect_floor: floor,
            effects: [("owned".to_owned(), Effect::ReadOnly)].into(),
            ..WrittenServer::default()
        };
        of(&written.try_into().unwrap(), "tool", hints)
    }

    #[test]
    fn hints_of_an_untrusted_server_only_raise() {
        let reads = ToolAnnotations::new().read_only(true);
        let destroys = ToolAnnotations::new().destructive(true);
        let untrusted = ServerTrust::Untrusted;
        assert_eq!(effect(untrusted, None, Some(&reads)), Effect::Mutating);
        assert_eq!(effect(untrusted, Some(Effect::ReadOnly), Some(&reads)), Effect::Mutating);
        assert_eq!(effect(untrusted, None, Some(&destroys)), Effect::Destructive);
        assert_eq!(effect(untrusted, None, None), Effect::Mutating);
    }

    #[test]
    fn a_trusted_server_is_believed_down_to_the_floor() {
        let reads = ToolAnnotations::new().read_only(true);
        let repeats = ToolAnnotations::new().destructive(false).idempotent(true);
        let trusted = ServerTrust::Trusted;
        assert_eq!(effect(trusted, None, Some(&reads)), Effect::ReadOnly);
        assert_eq!(effect(trusted, None, Some(&repeats)), Effect::Idempotent);
        assert_eq!(effect(trusted, None, None), Effect::Mutating);
        assert_eq!(effect(trusted, Some(Effect::Destructive), Some(&reads)), Effect::Destructive);
    }

    #[test]
    fn the_owners_word_is_final() {
        let written = WrittenServer {
            command: Some("x".into()),
            effects: [("owned".to_owned(), Effect::ReadOnly)].into(),
            ..WrittenServer::default()
        };
        let definition = written.try_into().unwrap();
        let destroys = ToolAnnotations::new().destructive(true);
        assert_eq!(of(&definition, "owned", Some(&destroys)), Effect::ReadOnly);
    }
}
