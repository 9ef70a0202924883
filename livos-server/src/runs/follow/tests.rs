use std::sync::Arc;

use livos_core::Append;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::NewEntry;
use livos_core::RunId;
use livos_core::Timestamp;

use super::*;

/// A session with a journal and a hub, played by hand.
struct Stage {
    journal: Arc<MemoryStore>,
    hub: Arc<Hub>,
    session: SessionId,
    run: RunId,
}

impl Stage {
    fn new() -> Self {
        Self {
            journal: Arc::new(MemoryStore::new()),
            hub: Arc::new(Hub::default()),
            session: SessionId::from_u128(1),
            run: RunId::from_u128(2),
        }
    }

    async fn write(&self, run_id: RunId, kind: EventKind) -> AgentEvent {
        let at = Timestamp::from_unix_micros(0);
        let entry = NewEntry { run_id, at, kind: kind.clone() };
        let seq = self.journal.append(Append::new(self.session, vec![entry])).await.unwrap();
        let position = Position::Seq(seq);
        AgentEvent { session_id: self.session, run_id, position, at, kind }
    }

    async fn turn(&self, turn: u32) {
        let event = self.write(self.run, EventKind::TurnStarted { turn }).await;
        self.hub.publish(event);
    }

    fn say(&self, after: u64, text: &str) {
        self.hub.publish(AgentEvent {
            session_id: self.session,
            run_id: self.run,
            position: Position::After(after),
            at: Timestamp::from_unix_micros(0),
            kind: EventKind::TextDelta { text: text.into() },
        });
    }

    fn follower(&self, after: u64) -> Follower {
        let journal: Arc<dyn Journal> = self.journal.clone();
        let subscription = self.hub.subscribe();
        Follower::new(journal, self.session, after, subscription, self.hub.clone(), AtEnd::Stop)
    }
}

/// What a reader gets, in short.
async fn read(follower: &mut Follower) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(event) = follower.next().await.unwrap() {
        seen.push(match (&event.kind, event.position) {
            (EventKind::TextDelta { text }, Position::After(after)) => format!("{after}+{text}"),
            (kind, Position::Seq(seq)) => format!("{seq}:{}", kind.name()),
            (kind, Position::After(after)) => format!("{after}+{}", kind.name()),
        });
    }
    seen
}

#[tokio::test]
async fn a_late_reader_gets_entries_then_the_answer_so_far_then_what_comes() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.turn(2).await;
    stage.say(2, "Hel");
    stage.say(2, "lo");
    let mut late = stage.follower(1);
    assert_eq!(read(&mut late).await, ["2:turn_started", "2+Hello"]);
    stage.say(2, " you");
    stage.turn(3).await;
    assert_eq!(read(&mut late).await, ["2+ you", "3:turn_started"]);
}

#[tokio::test]
async fn what_was_written_while_the_place_was_taken_comes_once() {
    let stage = Stage::new();
    stage.turn(1).await;
    let mut reader = stage.follower(0);
    // Both in the journal and in the live buffer when reading begins.
    stage.say(1, "gone");
    stage.turn(2).await;
    stage.say(2, "kept");
    assert_eq!(read(&mut reader).await, ["1:turn_started", "2:turn_started", "2+kept"]);
}

#[tokio::test]
async fn an_entry_that_was_not_published_is_read() {
    let stage = Stage::new();
    let mut reader = stage.follower(0);
    assert!(read(&mut reader).await.is_empty());
    for turn in 1..=300 {
        stage.write(stage.run, EventKind::TurnStarted { turn }).await;
    }
    stage.say(300, "after the gap");
    let seen = read(&mut reader).await;
    assert_eq!(seen.len(), 301);
    assert_eq!(seen[299..], ["300:turn_started", "300+after the gap"]);
}

#[tokio::test]
async fn an_entry_of_a_waiting_run_leaves_the_answer_alone() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.say(1, "one ");
    let waiting = RunId::from_u128(3);
    let event = stage.write(waiting, EventKind::TurnStarted { turn: 1 }).await;
    let mut reader = stage.follower(0);
    stage.hub.publish(event);
    stage.say(1, "two");
    let expected = ["1:turn_started", "2:turn_started", "2+one ", "2+two"];
    assert_eq!(read(&mut reader).await, expected);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_dropped_and_can_resume() {
    let stage = Stage::new();
    let mut slow = stage.follower(0);
    assert!(read(&mut slow).await.is_empty());
    for turn in 1..=1_100 {
        stage.turn(turn).await;
    }
    let seen = read(&mut slow).await;
    assert_eq!(seen.len(), super::super::hub::SUBSCRIBER_BUFFER);
    slow.at_end = AtEnd::Wait;
    assert!(slow.next().await.unwrap().is_none(), "the stream ends and does not wait");
    let mut resumed = stage.follower(slow.cursor);
    assert_eq!(read(&mut resumed).await.len(), 1_100 - seen.len());
}
