use serde_json::json;

use super::*;
use crate::approval::RulePattern;
use crate::approval::RuleScope;
use crate::clock::Timestamp;

const EFFECTS: [Effect; 4] =
    [Effect::ReadOnly, Effect::Idempotent, Effect::Mutating, Effect::Destructive];
const TRUSTS: [Trust; 4] = [Trust::Owner, Trust::Paired, Trust::Group, Trust::Untrusted];

/// One letter for a verdict: `.` allow, `?` ask, `x` deny.
fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Allow => '.',
        Verdict::Ask(_) => '?',
        Verdict::Deny(_) => 'x',
    }
}

fn origin(trust: Trust) -> Origin {
    Origin { channel: "telegram".into(), user: "ann".into(), trust }
}

fn decide(
    policies: &ApprovalPolicies,
    rules: &[ApprovalRule],
    effect: Effect,
    trust: Trust,
) -> Verdict {
    let arguments = json!({ "path": "notes/a.md" });
    let call = CallInQuestion {
        tool: "file_write",
        effect,
        arguments: arguments.as_object().unwrap(),
        origin: &origin(trust),
        session_id: SessionId::from_u128(1),
        run_id: RunId::from_u128(2),
    };
    verdict(policies, rules, &call)
}

fn rule(action: RuleAction) -> ApprovalRule {
    let pattern = RulePattern::new("file_*").unwrap().argument("path", "notes/*").unwrap();
    ApprovalRule::new(action, pattern, Timestamp::from_unix_micros(0))
}

#[test]
fn the_table_of_policies() {
    // Columns: read-only, idempotent, mutating, destructive. Rows: owner, paired, group, untrusted.
    let cases = [
        (ApprovalPolicy::Never, ["....", "....", ".xxx", ".xxx"]),
        (ApprovalPolicy::Destructive, ["...?", "...?", ".???", ".??x"]),
        (ApprovalPolicy::Always, ["????", "????", "????", "???x"]),
    ];
    for (policy, expected) in cases {
        let policies = ApprovalPolicies::all(policy);
        let found = TRUSTS.map(|trust| {
            EFFECTS.map(|effect| letter(&decide(&policies, &[], effect, trust))).iter().collect()
        });
        let found: Vec<String> = found.to_vec();
        assert_eq!(found, expected, "{policy:?}");
    }
}

#[test]
fn the_strictest_of_user_and_channel_counts() {
    let mut policies = ApprovalPolicies::all(ApprovalPolicy::Destructive);
    let ann = origin(Trust::Paired);
    policies.channels.insert("telegram".into(), ApprovalPolicy::Never);
    assert_eq!(policies.of(&ann), ApprovalPolicy::Never);
    policies.users.insert("ann".into(), ApprovalPolicy::Always);
    assert_eq!(policies.of(&ann), ApprovalPolicy::Always);
    assert_eq!(policies.of(&Origin::owner("cli")), ApprovalPolicy::Destructive);
}

#[test]
fn rules_come_before_policies_and_denying_ones_first() {
    let always = ApprovalPolicies::all(ApprovalPolicy::Always);
    let allow = rule(RuleAction::Allow);
    let asked = |rules: &[ApprovalRule], trust| decide(&always, rules, Effect::Mutating, trust);
    assert_eq!(asked(std::slice::from_ref(&allow), Trust::Owner), Verdict::Allow);
    assert_eq!(letter(&asked(std::slice::from_ref(&allow), Trust::Group)), '?');
    assert_eq!(letter(&asked(&[allow.clone(), rule(RuleAction::Deny)], Trust::Owner)), 'x');
    let elsewhere = ApprovalRule { scope: RuleScope::Run(RunId::from_u128(9)), ..allow.clone() };
    assert_eq!(letter(&asked(&[elsewhere], Trust::Owner)), '?');
    let here = ApprovalRule { scope: RuleScope::Session(SessionId::from_u128(1)), ..allow.clone() };
    assert_eq!(asked(&[here], Trust::Owner), Verdict::Allow);
    let bobs = ApprovalRule { user: Some("bob".into()), ..allow.clone() };
    assert_eq!(letter(&asked(&[bobs], Trust::Owner)), '?');
    let for_anybody = ApprovalRule { trust: Trust::Untrusted, ..allow };
    assert_eq!(asked(std::slice::from_ref(&for_anybody), Trust::Untrusted), Verdict::Allow);
    let destructive = decide(&always, &[for_anybody], Effect::Destructive, Trust::Untrusted);
    assert_eq!(letter(&destructive), 'x', "no rule lets strangers destroy");
}

#[test]
fn a_tool_that_asks_people_needs_no_approval() {
    let exempt = vec!["file_write".into()];
    let policies = ApprovalPolicies { exempt, ..ApprovalPolicies::all(ApprovalPolicy::Always) };
    assert_eq!(decide(&policies, &[], Effect::ReadOnly, Trust::Group), Verdict::Allow);
    let denied = decide(&policies, &[rule(RuleAction::Deny)], Effect::ReadOnly, Trust::Group);
    assert_eq!(letter(&denied), 'x');
}

#[test]
fn reasons_tell_what_to_do() {
    let policies = ApprovalPolicies::default();
    let Verdict::Deny(reason) = decide(&policies, &[], Effect::Destructive, Trust::Untrusted)
    else {
        panic!("it is denied");
    };
    assert!(reason.contains("untrusted origin") && reason.contains("let the owner"), "{reason}");
}
