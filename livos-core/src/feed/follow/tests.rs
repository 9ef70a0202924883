use super::super::LocalFeed;
use super::super::WATCHER_BUFFER;
use super::*;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::store::Append;
use crate::store::MemoryStore;
use crate::store::NewEntry;

/// A session with a journal and a feed, played by hand.
struct Stage {
    journal: Arc<MemoryStore>,
    feed: LocalFeed,
    session: SessionId,
    run: RunId,
}

impl Stage {
    fn new() -> Self {
        Self {
            journal: Arc::new(MemoryStore::new()),
            feed: LocalFeed::new(),
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
        self.feed.show(event);
    }

    fn say(&self, after: u64, text: &str) {
        self.feed.show(AgentEvent {
            session_id: self.session,
            run_id: self.run,
            position: Position::After(after),
            at: Timestamp::from_unix_micros(0),
            kind: EventKind::TextDelta { text: text.into() },
        });
    }

    async fn follower(&self, after: u64) -> Follower {
        let journal: Arc<dyn Journal> = self.journal.clone();
        let watch = self.feed.watch(self.session).await.unwrap();
        Follower::new(journal, self.session, after, watch, AtEnd::Wait)
    }
}

fn short(event: &AgentEvent) -> String {
    match (&event.kind, event.position) {
        (EventKind::TextDelta { text }, Position::After(after)) => format!("{after}+{text}"),
        (kind, Position::Seq(seq)) => format!("{seq}:{}", kind.name()),
        (kind, Position::After(after)) => format!("{after}+{}", kind.name()),
    }
}

/// What a reader gets until there is nothing more, in short.
async fn read(follower: &mut Follower) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        // The store is in memory: whatever is there is there at once.
        match futures::FutureExt::now_or_never(tokio::task::unconstrained(follower.next())) {
            Some(Ok(Some(event))) => seen.push(short(&event)),
            Some(Ok(None)) | None => return seen,
            Some(Err(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_late_reader_gets_entries_then_the_answer_so_far_then_what_comes() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.turn(2).await;
    stage.say(2, "Hel");
    stage.say(2, "lo");
    let mut late = stage.follower(1).await;
    assert_eq!(read(&mut late).await, ["2:turn_started", "2+Hello"]);
    stage.say(2, " you");
    stage.turn(3).await;
    assert_eq!(read(&mut late).await, ["2+ you", "3:turn_started"]);
}

#[tokio::test]
async fn who_does_not_wait_gets_what_there_is_and_the_end() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.say(1, "so far");
    let journal: Arc<dyn Journal> = stage.journal.clone();
    let events = follow(journal, &stage.feed, stage.session, 0, AtEnd::Stop).await.unwrap();
    let seen: Vec<_> = events.map(|event| short(&event.unwrap())).collect().await;
    assert_eq!(seen, ["1:turn_started", "1+so far"]);
}

#[tokio::test]
async fn what_was_written_while_the_place_was_taken_comes_once() {
    let stage = Stage::new();
    stage.turn(1).await;
    let mut reader = stage.follower(0).await;
    // Both in the journal and in the live buffer when reading begins.
    stage.say(1, "gone");
    stage.turn(2).await;
    stage.say(2, "kept");
    assert_eq!(read(&mut reader).await, ["1:turn_started", "2:turn_started", "2+kept"]);
}

#[tokio::test]
async fn an_entry_that_was_not_shown_is_read() {
    let stage = Stage::new();
    let mut reader = stage.follower(0).await;
    assert!(read(&mut reader).await.is_empty());
    for turn in 1..=600 {
        stage.write(stage.run, EventKind::TurnStarted { turn }).await;
    }
    stage.say(600, "after the gap");
    let seen = read(&mut reader).await;
    assert_eq!(seen.len(), 601);
    assert_eq!(seen[599..], ["600:turn_started", "600+after the gap"]);
    stage.write(stage.run, EventKind::TurnStarted { turn: 601 }).await;
    stage.feed.grown(stage.session, 601);
    assert_eq!(read(&mut reader).await, ["601:turn_started"]);
}

#[tokio::test]
async fn an_entry_of_a_waiting_run_leaves_the_answer_alone() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.say(1, "one ");
    let waiting = RunId::from_u128(3);
    let event = stage.write(waiting, EventKind::TurnStarted { turn: 1 }).await;
    let mut reader = stage.follower(0).await;
    stage.feed.show(event);
    stage.say(1, "two");
    let expected = ["1:turn_started", "2:turn_started", "2+one ", "2+two"];
    assert_eq!(read(&mut reader).await, expected);
    let mut late = stage.follower(2).await;
    assert_eq!(read(&mut late).await, ["2+one two"]);
}

#[tokio::test]
async fn who_knows_of_an_entry_before_the_feed_does_gets_nothing_that_it_made_void() {
    let stage = Stage::new();
    stage.turn(1).await;
    stage.say(1, "void");
    let event = stage.write(stage.run, EventKind::TurnStarted { turn: 2 }).await;
    let mut early = stage.follower(2).await;
    assert_eq!(read(&mut early).await, Vec::<String>::new());
    stage.feed.show(event);
    stage.say(2, "new");
    assert_eq!(read(&mut early).await, ["2+new"]);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_dropped_and_can_resume() {
    let stage = Stage::new();
    let mut slow = stage.follower(0).await;
    assert!(read(&mut slow).await.is_empty());
    let more = u32::try_from(WATCHER_BUFFER).unwrap() + 100;
    for turn in 1..=more {
        stage.turn(turn).await;
    }
    let mut seen = 0;
    // The stream ends, and does not wait for what was lost.
    while slow.next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, WATCHER_BUFFER);
    let mut resumed = stage.follower(slow.cursor).await;
    assert_eq!(read(&mut resumed).await.len(), 100);
}
