//! What a model is shown keeps its promises, whatever happened and in whatever order.

use std::collections::HashSet;
use std::sync::Arc;

use livos_core::AgentRun;
use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Message;
use livos_core::Origin;
use livos_core::Role;
use livos_core::RunId;
use livos_core::RunStatus;
use livos_core::Step;
use livos_core::StopReason;
use livos_core::ToolCall;
use livos_core::ToolStatus;
use livos_core::Transcript;
use livos_core::Trigger;
use livos_core::Usage;
use proptest::prelude::*;
use serde_json::json;

#[derive(Debug, Clone)]
enum Happening {
    Admitted,
    Started,
    Joined,
    Answered { calls: u8 },
    Finished { call: u8 },
    RunOver,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        Just(Happening::Admitted),
        Just(Happening::Started),
        Just(Happening::Joined),
        (0..4_u8).prop_map(|calls| Happening::Answered { calls }),
        (0..6_u8).prop_map(|call| Happening::Finished { call }),
        Just(Happening::RunOver),
    ]
}

fn started() -> EventKind {
    EventKind::RunStarted { model: "m".into(), provider: "p".into(), attempt: 1 }
}

/// Call ids are made unique by the number of the answer they belong to.
fn events(happenings: &[Happening]) -> Vec<EventKind> {
    let mut answers = 0_u32;
    let events = happenings.iter().map(|happening| match happening {
        Happening::Admitted => EventKind::RunAdmitted {
            trigger: Trigger::Message,
            origin: Origin::default(),
            input: Arc::new(Message::user("go")),
            model: None,
            parent_run_id: None,
            budget: None,
            profile: None,
        },
        Happening::Started => started(),
        Happening::Joined => {
            EventKind::InputJoined { message: Arc::new(Message::user("and")), trigger: None }
        }
        Happening::Answered { calls } => {
            answers += 1;
            let calls = (0..*calls).map(|call| {
                let id = format!("{answers}-{call}");
                ContentBlock::ToolUse(ToolCall::new(id, "look", json!({})))
            });
            EventKind::AssistantMessage {
                turn: answers,
                message: Arc::new(Message::new(Role::Assistant, calls.collect())),
                usage: Usage::default(),
                cost_micro_usd: None,
                provider: "p".into(),
                model: "m".into(),
                stop_reason: StopReason::ToolUse,
                time_to_first_token_ms: 0,
                duration_ms: 0,
            }
        }
        Happening::Finished { call } => EventKind::ToolFinished {
            call_id: format!("{answers}-{call}").into(),
            name: "look".into(),
            status: ToolStatus::Ok,
            content: vec![ContentBlock::text("seen")].into(),
            duration_ms: 0,
            truncated: false,
            spent: None,
        },
        Happening::RunOver => EventKind::RunFinished {
            status: RunStatus::Completed,
            text: String::new(),
            error: None,
            usage: Usage::default(),
            cost_micro_usd: None,
            turns: 0,
            tool_calls: 0,
            duration_ms: 0,
        },
    });
    events.collect()
}

fn results(message: &Message) -> Vec<&str> {
    let results = message.content.iter().filter_map(|block| match block {
        ContentBlock::ToolResult(result) => Some(result.call_id.as_str()),
        _ => None,
    });
    results.collect()
}

#[test]
fn a_run_that_waits_is_heard_after_the_answers_before_it() {
    let (first, second, third) = (RunId::from_u128(1), RunId::from_u128(2), RunId::from_u128(3));
    let [admitted, answered, over] =
        [Happening::Admitted, Happening::Answered { calls: 1 }, Happening::RunOver]
            .map(|happening| events(&[happening]).remove(0));
    let mut transcript = Transcript::new();
    for (run, event) in [
        (first, &admitted),
        (first, &started()),
        (second, &admitted),
        (third, &admitted),
        (first, &answered),
        (third, &over),
        (first, &over),
        (second, &started()),
    ] {
        transcript.apply(run, event);
    }
    let roles: Vec<Role> = transcript.conversation().iter().map(|message| message.role).collect();
    // Asked, answered, the open call closed, asked again; the third run never began.
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    assert_eq!(results(&transcript.conversation()[2]), ["1-0"], "closed by its own run's end");
}

proptest! {
    #[test]
    fn every_call_is_answered_once_and_at_once(
        happenings in prop::collection::vec(happening(), 0..40)
    ) {
        let run = RunId::from_u128(1);
        let mut transcript = Transcript::new();
        for event in events(&happenings) {
            transcript.apply(run, &event);
        }
        transcript.apply(run, &events(&[Happening::RunOver])[0]);
        let messages = transcript.conversation();
        let mut answered = HashSet::new();
        for (index, message) in messages.iter().enumerate() {
            let calls: Vec<_> =
                message.tool_calls().map(|call| call.call_id.as_str()).collect();
            if !calls.is_empty() {
                let next = messages.get(index + 1).map(|next| results(next));
                prop_assert_eq!(next, Some(calls));
            }
            for id in results(message) {
                prop_assert!(answered.insert(id.to_owned()), "{} is answered twice", id);
            }
        }
    }

    #[test]
    fn a_conversation_only_grows(happenings in prop::collection::vec(happening(), 0..40)) {
        let run = RunId::from_u128(1);
        let mut transcript = Transcript::new();
        let mut before: Vec<Arc<Message>> = Vec::new();
        for event in events(&happenings) {
            transcript.apply(run, &event);
            let now = transcript.conversation();
            prop_assert!(now.iter().zip(&before).all(|(new, old)| Arc::ptr_eq(new, old)));
            prop_assert!(now.len() >= before.len());
            before = now.to_vec();
        }
    }

    #[test]
    fn a_run_that_is_over_does_nothing_more(
        happenings in prop::collection::vec(happening(), 0..40)
    ) {
        let mut run = AgentRun::new();
        for event in events(&happenings) {
            run.apply(&event);
        }
        run.apply(&EventKind::ToolStarted {
            call_id: "x".into(),
            name: "look".into(),
            input: json!({}).into(),
            effect: Effect::ReadOnly,
        });
        run.apply(&events(&[Happening::RunOver])[0]);
        prop_assert!(run.is_finished());
        prop_assert!(matches!(run.next_step(None), Step::Finish(_)));
    }
}
