//! How Claude models differ on the wire.

/// How a model reasons and what it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) reasoning: Reasoning,
    /// Newer models refuse `temperature` and `top_p`.
    pub(super) sampling: Sampling,
    pub(super) system_role: SystemRole,
    pub(super) binding: Binding,
}

/// When and how a model reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasoning {
    /// It cannot.
    None,
    /// With a budget of tokens, when asked.
    Budget,
    /// As much as it sees fit, when asked.
    Adaptive,
    /// As much as it sees fit, unless told not to.
    AdaptiveByDefault,
    /// Always; it then refuses forced tool calls too.
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    Accepted,
    Refused,
}

/// Whether the role `system` may stand inside a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SystemRole {
    Known,
    /// Instructions go into a user message, marked as what they are.
    Unknown,
}

/// Whether reasoning sent back is checked against everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    None,
    /// What stands before it must not have changed; see [`super::request`].
    Prefix,
}

/// By the beginnings of names; the first that fits counts.
const TRAITS: &[(&str, Traits)] = &[
    ("claude-fable-5-", newest(Reasoning::Always)),
    ("claude-mythos-5-", newest(Reasoning::Always)),
    ("claude-opus-5-5", newest(Reasoning::Always)),
    ("claude-sonnet-5-5", newest(Reasoning::AdaptiveByDefault)),
    ("claude-haiku-5-5", newest(Reasoning::AdaptiveByDefault)),
    ("claude-fable-5", of(Reasoning::Always, Sampling::Refused, SystemRole::Known)),
    ("claude-opus-5", of(Reasoning::AdaptiveByDefault, Sampling::Refused, SystemRole::Known)),
    ("claude-sonnet-5", of(Reasoning::AdaptiveByDefault, Sampling::Refused, SystemRole::Unknown)),
    ("claude-opus-4-8", of(Reasoning::Adaptive, Sampling::Refused, SystemRole::Known)),
    ("claude-opus-4-7", of(Reasoning::Adaptive, Sampling::Refused, SystemRole::Unknown)),
    ("claude-opus-4-6", of(Reasoning::Adaptive, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-sonnet-4-6", of(Reasoning::Adaptive, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-opus-4", of(Reasoning::Budget, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-sonnet-4", of(Reasoning::Budget, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-haiku-4", of(Reasoning::Budget, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-3-7", of(Reasoning::Budget, Sampling::Accepted, SystemRole::Unknown)),
    ("claude-3", of(Reasoning::None, Sampling::Accepted, SystemRole::Unknown)),
];

/// What is assumed of a model that came later, or is not Anthropic's.
const UNKNOWN: Traits = of(Reasoning::Adaptive, Sampling::Accepted, SystemRole::Unknown);

const fn of(reasoning: Reasoning, sampling: Sampling, system_role: SystemRole) -> Traits {
    Traits { reasoning, sampling, system_role, binding: Binding::None }
}

const fn newest(reasoning: Reasoning) -> Traits {
    Traits {
        reasoning,
        sampling: Sampling::Refused,
        system_role: SystemRole::Known,
        binding: Binding::Prefix,
    }
}

/// How this model differs.
pub(super) fn traits(model: &str) -> Traits {
    let known = TRAITS.iter().find(|(beginning, _)| model.starts_with(beginning));
    known.map_or(UNKNOWN, |(_, traits)| *traits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_decides() {
        assert_eq!(traits("claude-opus-5-5").reasoning, Reasoning::Always);
        assert_eq!(traits("claude-opus-5").reasoning, Reasoning::AdaptiveByDefault);
        assert_eq!(traits("claude-opus-5").binding, Binding::None);
        assert_eq!(traits("claude-opus-4-20250514").reasoning, Reasoning::Budget);
        assert_eq!(traits("claude-3-5-haiku-20241022").reasoning, Reasoning::None);
        assert_eq!(traits("glm-5"), UNKNOWN);
    }
}
