//! What decides whether a call is made: policies, rules, and how far an origin is trusted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::ApprovalRule;
use super::RuleAction;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::ToolName;
use crate::id::UserId;
use crate::origin::Origin;
use crate::origin::Trust;
use crate::tool::Effect;

/// Which calls people are asked about. Ordered: a stricter one is greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalPolicy {
    /// None. What an origin below [`Trust::Paired`] asks for and would have to be asked about is not done.
    Never,
    /// Destructive ones, and whatever changes something where the origin is trusted less than
    /// [`Trust::Paired`].
    #[default]
    Destructive,
    /// Every one.
    Always,
}

impl ApprovalPolicy {
    /// Every one, for people to choose from.
    pub const ALL: [Self; 3] = [Self::Never, Self::Destructive, Self::Always];

    /// What it is called in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Destructive => "destructive",
            Self::Always => "always",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// The policies of a program. The strictest of a user's and a channel's counts; where neither has one,
/// the default does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalPolicies {
    /// For everybody who has none.
    pub default: ApprovalPolicy,
    /// By the user whom a run acts for.
    pub users: BTreeMap<UserId, ApprovalPolicy>,
    /// By the surface that a run came from.
    pub channels: BTreeMap<Arc<str>, ApprovalPolicy>,
    /// Tools that need no approval since all they do is ask people; untrusted origins may use them too.
    pub exempt: Vec<ToolName>,
}

impl ApprovalPolicies {
    /// One policy for all.
    pub fn all(policy: ApprovalPolicy) -> Self {
        Self { default: policy, ..Self::default() }
    }

    /// The policy for what this origin asks.
    pub fn of(&self, origin: &Origin) -> ApprovalPolicy {
        let (user, channel) = (self.users.get(&origin.user), self.channels.get(&origin.channel));
        user.max(channel).copied().unwrap_or(self.default)
    }
}

/// A call that is to be decided about.
#[derive(Debug, Clone, Copy)]
pub struct CallInQuestion<'a> {
    /// The tool.
    pub tool: &'a str,
    /// What it does to the world.
    pub effect: Effect,
    /// The arguments.
    pub arguments: &'a Map<String, Value>,
    /// Who asked for it.
    pub origin: &'a Origin,
    /// The session.
    pub session_id: SessionId,
    /// The run.
    pub run_id: RunId,
}

/// What is decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Allow,
    /// A person is asked, for this reason.
    Ask(Cow<'static, str>),
    /// It is not made, for this reason, which the model is told.
    Deny(Cow<'static, str>),
}

/// Decides about a call, without IO; what is allowed costs no allocation.
///
/// In this order: a rule that denies; what an untrusted origin may not do whatever the policy; a rule
/// that allows; the policy.
pub fn verdict(
    policies: &ApprovalPolicies,
    rules: &[ApprovalRule],
    call: &CallInQuestion<'_>,
) -> Verdict {
    let rule = |action| {
        rules.iter().find(|rule| {
            rule.action == action
                && rule.reaches(call.origin, call.session_id, call.run_id)
                && rule.pattern.fits(call.tool, call.arguments)
        })
    };
    if let Some(rule) = rule(RuleAction::Deny) {
        return Verdict::Deny(
            format!(
                "a rule of the owner forbids this call ({}); do without it or ask the user",
                rule.pattern
            )
            .into(),
        );
    }
    if policies.exempt.iter().any(|tool| tool.as_str() == call.tool) {
        return Verdict::Allow;
    }
    if call.effect == Effect::Destructive && call.origin.trust == Trust::Untrusted {
        return Verdict::Deny(Cow::Borrowed(
            "this request came from an untrusted origin, for which nothing is done that cannot be \
             taken back; say what you would do and let the owner ask for it",
        ));
    }
    if rule(RuleAction::Allow).is_some() {
        return Verdict::Allow;
    }
    by_policy(policies.of(call.origin), call)
}

fn by_policy(policy: ApprovalPolicy, call: &CallInQuestion<'_>) -> Verdict {
    let is_outsider = call.origin.trust < Trust::Paired;
    let changes = call.effect != Effect::ReadOnly;
    match policy {
        ApprovalPolicy::Always => Verdict::Ask(Cow::Borrowed("every call is to be approved")),
        ApprovalPolicy::Destructive if is_outsider && changes => {
            let reason = match call.origin.trust {
                Trust::Group => "a member of a group asks for a change",
                _ => "an untrusted origin asks for a change",
            };
            Verdict::Ask(Cow::Borrowed(reason))
        }
        ApprovalPolicy::Destructive if call.effect == Effect::Destructive => {
            Verdict::Ask(Cow::Borrowed("what this does may not be undone"))
        }
        ApprovalPolicy::Never if is_outsider && changes => Verdict::Deny(Cow::Borrowed(
            "this request came from an origin that may only read, and nobody is asked for \
             approval; answer without changing anything",
        )),
        ApprovalPolicy::Destructive | ApprovalPolicy::Never => Verdict::Allow,
    }
}

#[cfg(test)]
mod tests;
