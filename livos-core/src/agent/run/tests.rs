use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::event::ToolStatus;
use crate::message::ContentBlock;
use crate::origin::Origin;
use crate::origin::Trigger;
use crate::tool::Effect;

fn admitted() -> AgentRun {
    let mut run = AgentRun::new();
    run.apply(&EventKind::RunAdmitted {
        trigger: Trigger::Message,
        origin: Origin::default(),
        input: Arc::new(Message::user("go")),
        model: None,
        parent_run_id: None,
        budget: None,
        profile: None,
    });
    run
}

fn answer(content: Vec<ContentBlock>, stop_reason: StopReason) -> EventKind {
    EventKind::AssistantMessage {
        turn: 1,
        message: Arc::new(Message::new(crate::message::Role::Assistant, content)),
        usage: Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() },
        cost_micro_usd: Some(MicroUsd(5)),
        provider: "p".into(),
        model: "m".into(),
        stop_reason,
        time_to_first_token_ms: 0,
        duration_ms: 0,
    }
}

fn tool_use(call_id: &str, name: &str) -> ContentBlock {
    ContentBlock::ToolUse(ToolCall::new(call_id, name, json!({"q": 1})))
}

fn started(call_id: &str, name: &str) -> EventKind {
    EventKind::ToolStarted {
        call_id: call_id.into(),
        name: name.into(),
        input: json!({"q": 1}).into(),
        effect: Effect::ReadOnly,
    }
}

fn finished(call_id: &str, name: &str, status: ToolStatus, text: &str) -> EventKind {
    EventKind::ToolFinished {
        call_id: call_id.into(),
        name: name.into(),
        status,
        content: vec![ContentBlock::text(text)].into(),
        duration_ms: 1,
        truncated: false,
        spent: None,
    }
}

/// One round in which the model makes a call that ends as given.
fn round(run: &mut AgentRun, number: u32, status: ToolStatus, text: &str) {
    let id = format!("call-{number}");
    run.apply(&EventKind::TurnStarted { turn: number });
    run.apply(&answer(vec![tool_use(&id, "look")], StopReason::ToolUse));
    run.apply(&started(&id, "look"));
    run.apply(&finished(&id, "look", status, text));
}

#[test]
fn a_plain_answer_completes_the_run() {
    let mut run = admitted();
    run.apply(&answer(vec![ContentBlock::text("done")], StopReason::EndTurn));
    assert_eq!(run.next_step(None), Step::Finish(Ending::completed()));
    assert_eq!(
        (run.text(), run.usage().total_tokens(), run.cost()),
        ("done", 5, Some(MicroUsd(5)))
    );
}

#[test]
fn tools_run_before_the_model_is_asked_again() {
    let mut run = admitted();
    let calls = vec![tool_use("a", "look"), tool_use("b", "look")];
    run.apply(&EventKind::TurnStarted { turn: 1 });
    run.apply(&answer(calls, StopReason::ToolUse));
    run.apply(&started("a", "look"));
    run.apply(&finished("a", "look", ToolStatus::Ok, "1"));
    let Step::CallTools(pending) = run.next_step(None) else { panic!("b is still to be run") };
    assert_eq!(pending.len(), 1);
    run.apply(&started("b", "look"));
    run.apply(&finished("b", "look", ToolStatus::Ok, "2"));
    assert_eq!(run.next_step(None), Step::CallModel(2, ToolAccess::Offered));
}

#[test]
fn an_exhausted_budget_gives_one_last_turn_without_tools() {
    let mut run = admitted();
    round(&mut run, 1, ToolStatus::Ok, "1");
    let limit = BudgetLimit::Tokens;
    assert_eq!(run.next_step(Some(limit)), Step::CallModel(2, ToolAccess::Withheld(limit)));
    run.apply(&EventKind::TurnStarted { turn: 2 });
    run.apply(&answer(vec![tool_use("x", "look")], StopReason::ToolUse));
    assert_eq!(run.next_step(Some(limit)), Step::Finish(Ending::exhausted(limit)));
}

#[test]
fn a_last_turn_that_fails_to_answer_is_not_repeated() {
    let mut run = admitted();
    let limit = BudgetLimit::WallClock;
    run.next_step(Some(limit));
    assert_eq!(run.next_step(Some(limit)), Step::Finish(Ending::exhausted(limit)));
}

#[test]
fn the_same_failing_call_ends_the_run_at_the_third_time() {
    let mut run = admitted();
    for number in 1..=2 {
        round(&mut run, number, ToolStatus::Error, "no such file");
        assert!(matches!(run.next_step(None), Step::CallModel(..)));
    }
    round(&mut run, 3, ToolStatus::Error, "no such file");
    let Step::Finish(ending) = run.next_step(None) else { panic!("the run goes on") };
    assert_eq!(ending.error.map(|error| error.kind).as_deref(), Some("no_progress"));
}

#[test]
fn different_failures_do_not_count_together() {
    let mut run = admitted();
    for number in 1..=5 {
        round(&mut run, number, ToolStatus::Error, &format!("failure {number}"));
    }
    assert!(matches!(run.next_step(None), Step::CallModel(..)));
}

#[test]
fn refused_calls_end_the_run_at_the_third_in_a_row() {
    let mut run = admitted();
    for number in 1..=3 {
        assert!(matches!(run.next_step(None), Step::CallModel(..)));
        let id = format!("call-{number}");
        run.apply(&answer(vec![tool_use(&id, "look")], StopReason::ToolUse));
        run.apply(&finished(&id, "look", ToolStatus::Error, &format!("wrong {number}")));
    }
    assert!(matches!(run.next_step(None), Step::Finish(_)));
}

#[test]
fn a_call_cut_at_the_output_limit_is_marked() {
    let mut run = admitted();
    run.apply(&answer(vec![tool_use("a", "look"), tool_use("b", "look")], StopReason::MaxTokens));
    let Step::CallTools(pending) = run.next_step(None) else { panic!("calls are due") };
    let progress: Vec<_> = pending.iter().map(|pending| pending.progress).collect();
    assert_eq!(progress, [CallProgress::Waiting, CallProgress::Cut]);
}

#[test]
fn steering_after_the_last_answer_keeps_the_run_going() {
    let mut run = admitted();
    run.apply(&answer(vec![ContentBlock::text("done")], StopReason::EndTurn));
    run.apply(&EventKind::InputJoined { message: Arc::new(Message::user("wait")), trigger: None });
    assert!(matches!(run.next_step(None), Step::CallModel(..)));
}

#[test]
fn a_run_survives_being_stored_at_any_step() {
    let mut run = admitted();
    round(&mut run, 1, ToolStatus::Error, "x");
    run.apply(&answer(vec![tool_use("a", "look")], StopReason::ToolUse));
    let stored = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<AgentRun>(&stored).unwrap(), run);
}

fn requested(call_id: &str, question: Option<&str>) -> (ApprovalId, EventKind) {
    let id = ApprovalId::generate();
    let request = serde_json::from_value(json!({
        "approval_id": id,
        "call_id": call_id,
        "tool": "look",
        "input": {},
        "effect": "destructive",
        "reason": "r",
        "origin": Origin::default(),
        "expires_at": "2026-01-01T00:00:00Z",
        "fingerprint": call_id,
        "arguments_fingerprint": "a",
        "question": question.map(|text| json!({ "text": text })),
    }));
    (id, EventKind::ApprovalRequested(Arc::new(request.unwrap())))
}

fn decided(id: ApprovalId, call_id: &str, decision: ApprovalDecision) -> EventKind {
    let resolution = json!({
        "approval_id": id,
        "call_id": call_id,
        "decision": decision,
        "scope": "once",
        "by": "owner",
        "via": "cli",
    });
    EventKind::ApprovalResolved(Arc::new(serde_json::from_value(resolution).unwrap()))
}

#[test]
fn a_run_waits_while_every_call_does_and_knows_what_was_decided() {
    let mut run = admitted();
    run.apply(&answer(vec![tool_use("a", "look"), tool_use("b", "look")], StopReason::ToolUse));
    let (first, asks_a) = requested("a", None);
    run.apply(&asks_a);
    assert!(matches!(run.next_step(None), Step::CallTools(_)), "the other call does not wait");
    let (second, asks_b) = requested("b", None);
    run.apply(&asks_b);
    assert_eq!(run.next_step(None), Step::AwaitApproval(vec![first, second]));
    run.apply(&decided(second, "b", ApprovalDecision::Expired));
    run.apply(&decided(first, "a", ApprovalDecision::Approved));
    let Step::CallTools(calls) = run.next_step(None) else { panic!("calls are due") };
    let progress: Vec<_> = calls.iter().map(|pending| pending.progress).collect();
    assert_eq!(progress, [CallProgress::Approved(first), CallProgress::Refused(second)]);
    assert_eq!(run.open_approvals().count(), 0);
    // What is approved is used up when the call begins.
    run.apply(&started("a", "look"));
    assert_eq!(run.pending_calls()[0].progress, CallProgress::Started);
    run.apply(&decided(first, "a", ApprovalDecision::Denied));
    assert_eq!(run.pending_calls()[0].progress, CallProgress::Started);
}

#[test]
fn a_question_is_found_again_by_its_fingerprint() {
    let mut run = admitted();
    run.apply(&answer(vec![tool_use("a", "look")], StopReason::ToolUse));
    run.apply(&started("a", "look"));
    let (id, asks) = requested("a", Some("Which?"));
    run.apply(&asks);
    let EventKind::ApprovalRequested(request) = &asks else { unreachable!() };
    assert_eq!(run.question(&request.fingerprint), Some(id));
    assert_eq!(run.pending_calls()[0].progress, CallProgress::Started);
    let copy: AgentRun = serde_json::from_value(serde_json::to_value(&run).unwrap()).unwrap();
    assert_eq!(copy, run, "a run that waits can be written down");
    run.apply(&decided(id, "a", ApprovalDecision::Approved));
    assert_eq!(run.question(&request.fingerprint), Some(id), "also when it was answered");
    run.apply(&finished("a", "look", ToolStatus::Ok, "x"));
    assert_eq!(run.question(&request.fingerprint), None);
}
