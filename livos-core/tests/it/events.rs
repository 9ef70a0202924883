//! Events as JSON, as clients see them.

use livos_core::AgentEvent;
use livos_core::EventKind;
use livos_core::Position;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::Timestamp;
use serde_json::json;

fn event(position: Position, kind: EventKind) -> AgentEvent {
    AgentEvent {
        session_id: SessionId::from_u128(1),
        run_id: RunId::from_u128(2),
        position,
        at: Timestamp::from_unix_micros(0),
        kind,
    }
}

#[test]
fn an_entry_carries_its_number() {
    let turn = event(Position::Seq(17), EventKind::TurnStarted { turn: 3 });
    let expected = json!({
        "session_id": "00000000-0000-0000-0000-000000000001",
        "run_id": "00000000-0000-0000-0000-000000000002",
        "seq": 17,
        "at": "1970-01-01T00:00:00Z",
        "type": "turn_started",
        "turn": 3,
    });
    assert_eq!(serde_json::to_value(&turn).unwrap(), expected);
    assert_eq!(serde_json::from_value::<AgentEvent>(expected).unwrap(), turn);
}

#[test]
fn a_delta_carries_the_number_before_it() {
    let delta = event(Position::After(4), EventKind::TextDelta { text: "hi".into() });
    let json = serde_json::to_value(&delta).unwrap();
    assert_eq!((&json["after"], &json["seq"]), (&json!(4), &json!(null)));
    assert_eq!(serde_json::from_value::<AgentEvent>(json).unwrap(), delta);
}
