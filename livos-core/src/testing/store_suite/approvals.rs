//! What people are asked is decided once, whoever asks and whoever dies.

use std::sync::Arc;

use futures::FutureExt;
use futures::StreamExt;
use serde_json::json;

use super::Shared;
use super::Verdict;
use super::append_under;
use super::at;
use super::claimed;
use super::failed;
use super::finish;
use super::gapless;
use super::message;
use super::names;
use crate::approval::Answerer;
use crate::approval::ApprovalDecision;
use crate::approval::ApprovalRequest;
use crate::approval::ApprovalResolution;
use crate::approval::ApprovalRule;
use crate::approval::ArgumentsFingerprint;
use crate::approval::CallFingerprint;
use crate::approval::RuleAction;
use crate::approval::RulePattern;
use crate::event::EventKind;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::origin::Origin;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::AuditAction;
use crate::store::AuditEntry;
use crate::store::Claim;
use crate::store::NewEntry;
use crate::store::ResolveApproval;
use crate::store::RunState;
use crate::store::StoreError;
use crate::store::WorkSignal;
use crate::tool::Effect;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    a_request_is_decided_once(&empty().await).await?;
    of_two_who_race_one_wins(&empty().await).await?;
    time_decides_when_nobody_does(&empty().await).await?;
    a_run_that_ends_takes_its_requests_along(&empty().await).await?;
    requests_go_with_their_session(&empty().await).await?;
    rules_are_kept(&empty().await).await?;
    a_decision_brings_its_rule(&empty().await).await?;
    lists_are_paged(&empty().await).await
}

fn request(run_id: RunId, call: &str) -> ApprovalRequest {
    let call_id = call.into();
    let input = json!({ "path": call });
    ApprovalRequest {
        approval_id: ApprovalId::generate(),
        fingerprint: CallFingerprint::of(run_id, &call_id, "erase", &input),
        arguments_fingerprint: ArgumentsFingerprint::of_value(&input),
        call_id,
        tool: "erase".into(),
        input,
        effect: Effect::Destructive,
        reason: "it may not be undone".to_owned(),
        origin: Origin::default(),
        expires_at: at(3600),
        question: None,
    }
}

fn entry(run_id: RunId, request: &ApprovalRequest) -> NewEntry {
    let kind = EventKind::ApprovalRequested(Arc::new(request.clone()));
    NewEntry { run_id, at: at(2), kind }
}

fn resolve(
    request: &ApprovalRequest,
    decision: ApprovalDecision,
    by: Answerer,
    seconds: i64,
) -> ResolveApproval {
    let action = AuditAction::ApprovalResolved {
        approval_id: request.approval_id,
        session_id: SessionId::from_u128(1),
        run_id: RunId::from_u128(2),
        tool: request.tool.clone(),
        input: request.input.clone(),
        decision,
        scope: crate::approval::ApprovalScope::Once,
        rule_id: None,
    };
    ResolveApproval {
        resolution: Arc::new(ApprovalResolution::new(request, decision, by)),
        at: at(seconds),
        rule: None,
        audit: audit(seconds, action),
    }
}

fn audit(seconds: i64, action: AuditAction) -> AuditEntry {
    let (by, via) = ("owner".into(), "suite".into());
    AuditEntry { id: AuditId::generate(), at: at(seconds), by, via, from: None, action }
}

async fn one_asked(store: &Shared) -> Result<(Claim, ApprovalRequest), String> {
    store.admit(message(SessionId::generate(), "hello")).await.map_err(failed)?;
    let claim = claimed(store, 0).await?;
    let request = asked(store, &claim, "a").await?;
    Ok((claim, request))
}

async fn asked(store: &Shared, claim: &Claim, call: &str) -> Result<ApprovalRequest, String> {
    let run_id = claim.lease.run_id;
    let request = request(run_id, call);
    let entry = entry(run_id, &request);
    append_under(store, claim.session_id, claim.lease, entry).await.map_err(failed)?;
    Ok(request)
}

async fn state_of_run(store: &Shared, claim: &Claim) -> Result<RunState, String> {
    let run = store.run(claim.lease.run_id).await.map_err(failed)?;
    run.map(|run| run.state).ok_or_else(|| "the run is not there".to_owned())
}

async fn found(store: &Shared, request: &ApprovalRequest) -> Result<ApprovalRecord, String> {
    let found = store.approval(request.approval_id).await.map_err(failed)?;
    found.ok_or_else(|| "the request is not there".to_owned())
}

fn is_conflict<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Conflict { what: "approval", .. }))
}

async fn a_request_is_decided_once(store: &Shared) -> Verdict {
    let (claim, first) = one_asked(store).await?;
    let second = asked(store, &claim, "b").await?;
    let record = found(store, &first).await?;
    ensure!(record.state() == ApprovalState::Pending, "a new request is {record:?}");
    ensure!(*record.request == first, "the request reads back as {:?}", record.request);
    ensure!(record.requested_at == at(2), "it was asked at {}", record.requested_at);
    let state = state_of_run(store, &claim).await?;
    ensure!(state == RunState::Waiting, "a run that asks is {state:?}");

    let mut signals = store.signals();
    let yes = resolve(&first, ApprovalDecision::Approved, Answerer::owner("cli"), 5);
    let resolved = store.resolve_approval(yes).await.map_err(failed)?;
    let seq = resolved.resolved.as_ref().and_then(|resolved| resolved.seq);
    ensure!(seq == Some(4), "the decision is entry {seq:?}");
    ensure!(found(store, &first).await? == resolved, "a decided request reads back otherwise");
    let names = names(store, claim.session_id).await?;
    let expected =
        ["run_admitted", "approval_requested", "approval_requested", "approval_resolved"];
    ensure!(names == expected, "the entries are {names:?}");
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while let Some(signal) = signals.next().await {
            if signal == WorkSignal::ApprovalResolved(claim.lease.run_id) {
                return true;
            }
        }
        false
    });
    ensure!(told.await == Ok(true), "nobody is told of a decision");
    let state = state_of_run(store, &claim).await?;
    ensure!(state == RunState::Waiting, "one of two was decided, and the run is {state:?}");
    let no = resolve(&first, ApprovalDecision::Denied, Answerer::owner("api"), 6);
    let late = store.resolve_approval(no).await;
    let Err(error) = &late else { return Err("a request was decided twice".to_owned()) };
    ensure!(is_conflict(&late), "a second decision fails with {error}");
    ensure!(error.to_string().contains("approved by owner via cli"), "it says {error}");
    let no = resolve(&second, ApprovalDecision::Denied, Answerer::owner("api"), 6);
    store.resolve_approval(no).await.map_err(failed)?;
    let state = state_of_run(store, &claim).await?;
    ensure!(state == RunState::Running, "all is decided, and the run is {state:?}");
    finish(store, &claim).await?;
    ensure!(found(store, &second).await?.state() == ApprovalState::Denied, "the end changed it");
    gapless(store, claim.session_id).await
}

async fn of_two_who_race_one_wins(store: &Shared) -> Verdict {
    let (claim, _) = one_asked(store).await?;
    for round in 0..8 {
        let request = asked(store, &claim, &round.to_string()).await?;
        let answers = (0..6).map(|number| {
            let store = Arc::clone(store);
            let decision = match number % 2 {
                0 => ApprovalDecision::Approved,
                _ => ApprovalDecision::Denied,
            };
            let by = Answerer::owner(format!("surface-{number}"));
            let resolve = resolve(&request, decision, by, 5);
            // Real tasks, so that they run at the same time where the runtime has several threads.
            tokio::spawn(async move { store.resolve_approval(resolve).await })
        });
        let mut won = Vec::new();
        for answer in answers.collect::<Vec<_>>() {
            match answer.await.map_err(|error| error.to_string())? {
                Ok(record) => won.push(record),
                lost => ensure!(is_conflict(&lost), "who was slower gets {lost:?}"),
            }
        }
        ensure!(won.len() == 1, "{} decisions won", won.len());
        let kept = found(store, &request).await?;
        ensure!(won.first() == Some(&kept), "another decision was kept: {kept:?}");
    }
    let names = names(store, claim.session_id).await?;
    let decided = names.iter().filter(|name| **name == "approval_resolved").count();
    ensure!(decided == 8, "8 decisions left {decided} entries");
    let audit = store.approval_audit(None, 100).await.map_err(failed)?;
    ensure!(audit.items.len() == 8, "8 decisions left {} in the audit", audit.items.len());
    gapless(store, claim.session_id).await
}

async fn time_decides_when_nobody_does(store: &Shared) -> Verdict {
    let (claim, request) = one_asked(store).await?;
    let late = resolve(&request, ApprovalDecision::Approved, Answerer::owner("cli"), 3600);
    ensure!(is_conflict(&store.resolve_approval(late).await), "it was approved after its time");
    let pending = found(store, &request).await?;
    ensure!(pending.state() == ApprovalState::Pending, "a refused decision left {pending:?}");
    let expired = resolve(&request, ApprovalDecision::Expired, Answerer::nobody(), 3600);
    let record = store.resolve_approval(expired).await.map_err(failed)?;
    ensure!(record.state() == ApprovalState::Expired, "it expires as {record:?}");
    finish(store, &claim).await
}

async fn a_run_that_ends_takes_its_requests_along(store: &Shared) -> Verdict {
    let (claim, request) = one_asked(store).await?;
    // Whoever takes the run over finds the request as it was.
    let heir = claimed(store, 100).await?;
    ensure!(heir.lease.run_id == claim.lease.run_id, "another run was taken over");
    let started = EventKind::RunStarted { model: "m".into(), provider: "p".into(), attempt: 2 };
    let started = NewEntry { run_id: heir.lease.run_id, at: at(101), kind: started };
    append_under(store, heir.session_id, heir.lease, started).await.map_err(failed)?;
    let state = state_of_run(store, &heir).await?;
    ensure!(state == RunState::Waiting, "a run that was taken over and waits is {state:?}");
    finish(store, &heir).await?;
    let record = found(store, &request).await?;
    ensure!(record.state() == ApprovalState::Abandoned, "its run ended, and it is {record:?}");
    let late = resolve(&request, ApprovalDecision::Approved, Answerer::owner("cli"), 200);
    ensure!(is_conflict(&store.resolve_approval(late).await), "it was approved after its run");
    let unknown = super::approvals::request(heir.lease.run_id, "never asked");
    let unknown = resolve(&unknown, ApprovalDecision::Approved, Answerer::owner("cli"), 200);
    let unknown = store.resolve_approval(unknown).await;
    ensure!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "what was never asked is decided as {unknown:?}"
    );
    let state = state_of_run(store, &heir).await?;
    ensure!(state == RunState::Completed, "the ended run is {state:?}");
    gapless(store, heir.session_id).await
}

async fn requests_go_with_their_session(store: &Shared) -> Verdict {
    let (claim, request) = one_asked(store).await?;
    let yes = resolve(&request, ApprovalDecision::Approved, Answerer::owner("cli"), 5);
    store.resolve_approval(yes).await.map_err(failed)?;
    asked(store, &claim, "b").await?;
    store.delete_session(claim.session_id).await.map_err(failed)?;
    let found = store.approval(request.approval_id).await.map_err(failed)?;
    ensure!(found.is_none(), "a request outlived its session");
    let all = store.approvals(ApprovalFilter::default(), 10).await.map_err(failed)?;
    ensure!(all.items.is_empty(), "requests outlived their session: {:?}", all.items);
    let audit = store.approval_audit(None, 10).await.map_err(failed)?;
    ensure!(audit.items.len() == 1, "the audit went with the session");
    Ok(())
}

fn rule(tool: &str) -> Result<ApprovalRule, String> {
    let pattern = RulePattern::new(tool).map_err(|error| error.to_string())?;
    Ok(ApprovalRule::new(RuleAction::Allow, pattern, at(1)))
}

async fn rules_are_kept(store: &Shared) -> Verdict {
    let none = store.approval_rules().await.map_err(failed)?;
    ensure!(none.is_empty(), "a new store has rules");
    let (first, second) = (rule("a")?, rule("b*")?);
    for rule in [&first, &second] {
        let noted = audit(1, AuditAction::RuleAdded { rule: rule.clone() });
        store.add_approval_rule(rule.clone(), noted).await.map_err(failed)?;
    }
    let rules = store.approval_rules().await.map_err(failed)?;
    ensure!(*rules == [first.clone(), second.clone()], "the rules are {rules:?}");
    let removal = AuditAction::RuleRemoved { rule_id: first.id, pattern: first.pattern };
    let removed = store.remove_approval_rule(first.id, audit(2, removal.clone())).await;
    ensure!(removed.map_err(failed)?, "a rule could not be removed");
    let again = store.remove_approval_rule(first.id, audit(3, removal)).await.map_err(failed)?;
    ensure!(!again, "a rule was removed twice");
    let rules = store.approval_rules().await.map_err(failed)?;
    ensure!(*rules == [second], "the rules are {rules:?}");
    let audit = store.approval_audit(None, 10).await.map_err(failed)?.items;
    let actions: Vec<_> = audit.iter().map(|entry| &entry.action).collect();
    let is_right = matches!(
        actions.as_slice(),
        [
            AuditAction::RuleRemoved { .. },
            AuditAction::RuleAdded { .. },
            AuditAction::RuleAdded { .. }
        ]
    );
    ensure!(is_right, "the audit has {actions:?}");
    Ok(())
}

async fn a_decision_brings_its_rule(store: &Shared) -> Verdict {
    let (claim, request) = one_asked(store).await?;
    store.approval_rules().await.map_err(failed)?;
    let rule = rule("erase")?;
    let yes = ResolveApproval {
        rule: Some(rule.clone()),
        ..resolve(&request, ApprovalDecision::Approved, Answerer::owner("cli"), 5)
    };
    store.resolve_approval(yes.clone()).await.map_err(failed)?;
    ensure!(is_conflict(&store.resolve_approval(yes).await), "it was decided twice");
    let rules = store.approval_rules().await.map_err(failed)?;
    ensure!(*rules == [rule], "the rules are {rules:?}");
    finish(store, &claim).await
}

async fn lists_are_paged(store: &Shared) -> Verdict {
    let (claim, first) = one_asked(store).await?;
    let second = asked(store, &claim, "b").await?;
    let third = asked(store, &claim, "c").await?;
    let no = resolve(&second, ApprovalDecision::Denied, Answerer::owner("api"), 6);
    store.resolve_approval(no).await.map_err(failed)?;
    let ids = async |filter: ApprovalFilter, limit| {
        let page = store.approvals(filter, limit).await.map_err(failed)?;
        let ids: Vec<_> = page.items.iter().map(ApprovalRecord::id).collect();
        Ok::<_, String>((ids, page.has_more))
    };
    let all = ApprovalFilter::default();
    let (first, second, third) = (first.approval_id, second.approval_id, third.approval_id);
    let page = ids(all.clone(), 2).await?;
    ensure!(page == (vec![third, second], true), "the first page is {page:?}");
    let page = ids(ApprovalFilter { before: Some(second), ..all.clone() }, 2).await?;
    ensure!(page == (vec![first], false), "the second page is {page:?}");
    let pending = ApprovalFilter { state: Some(ApprovalState::Pending), ..all.clone() };
    let page = ids(pending.clone(), 10).await?;
    ensure!(page == (vec![third, first], false), "what is open is {page:?}");
    let here = ApprovalFilter { session_id: Some(claim.session_id), ..pending.clone() };
    ensure!(ids(here, 10).await?.0.len() == 2, "what is open in the session is not listed");
    let run = ApprovalFilter { run_id: Some(claim.lease.run_id), ..pending.clone() };
    ensure!(ids(run, 10).await?.0.len() == 2, "what is open in the run is not listed");
    let elsewhere = ApprovalFilter { run_id: Some(RunId::generate()), ..pending };
    ensure!(ids(elsewhere, 10).await?.0.is_empty(), "another run has these requests");
    ensure!(store.signals().next().now_or_never().is_none(), "reading sends signals");
    finish(store, &claim).await
}
