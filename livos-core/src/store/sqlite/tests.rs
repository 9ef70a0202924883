#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::params;

use super::Durability;
use super::SqliteStore;
use super::schema;
use super::statement::run_key;
use super::statement::session_key;
use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::event::RunStatus;
use crate::id::FactId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::message::Message;
use crate::message::Usage;
use crate::store::Append;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::DeliveryClaim;
use crate::store::FactStore;
use crate::store::Journal;
use crate::store::NewEntry;
use crate::store::NewRun;
use crate::store::Outbox;
use crate::store::QueueMode;
use crate::store::ReplyAddress;
use crate::store::RunLeases;
use crate::store::RunQueue;
use crate::store::RunRecord;
use crate::store::RunState;
use crate::store::RunStore;
use crate::store::ScheduleStore;
use crate::store::SessionQuery;
use crate::store::SessionStore;
use crate::store::StoreError;

const NOW: Timestamp = Timestamp::from_unix_micros(1_767_225_600_000_000);

fn message(session_id: SessionId, text: &str) -> NewRun {
    let mut run = NewRun::new(session_id, Message::user(text), NOW);
    run.mode = QueueMode::Queue;
    run
}

async fn claim(store: &SqliteStore) -> Option<Claim> {
    let lease_for = Duration::from_secs(15);
    let request =
        ClaimRequest { worker: "test".into(), now: NOW, lease_for, scope: ClaimScope::All };
    match store.claim(request).await.unwrap() {
        Claimed::Run(claim) => Some(claim),
        Claimed::Nothing { .. } => None,
    }
}

fn finished(run_id: RunId) -> NewEntry {
    let kind = EventKind::RunFinished {
        status: RunStatus::Completed,
        text: "done".to_owned(),
        error: None,
        usage: Usage::default(),
        cost_micro_usd: None,
        turns: 1,
        tool_calls: 0,
        duration_ms: 1,
    };
    NewEntry { run_id, at: NOW, kind }
}

/// A store as the first version left it: one session with a run that ended, one that runs, one that waits.
fn version_1(path: &Path) -> (SessionId, [NewRun; 3]) {
    let session = SessionId::generate();
    let runs = ["over walrus", "running", "waiting"].map(|text| message(session, text));
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("schema_v1.sql")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let at = NOW.as_unix_micros();
    db.execute(
        "INSERT INTO sessions VALUES (?1, 'Zebra', NULL, ?2, ?2)",
        params![session_key(session), at],
    )
    .unwrap();
    let states = [RunState::Completed, RunState::Running, RunState::Queued];
    for ((seq, run), state) in (1..).zip(&runs).zip(states) {
        let entry = run.entry();
        let kind = serde_json::to_string(&entry.kind).unwrap();
        db.execute(
            "INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5)",
            params![session_key(session), seq, run_key(run.run_id), at, kind],
        )
        .unwrap();
        let mut events = crate::store::session_query::events(session, seq, vec![entry]);
        let mut record = events.find_map(|event| RunRecord::admitted(&event)).unwrap();
        record.state = state;
        let name = serde_json::to_value(state).unwrap();
        db.execute(
            "INSERT INTO runs VALUES (?1, ?2, ?3, ?4)",
            params![
                run_key(run.run_id),
                session_key(session),
                name.as_str().unwrap(),
                serde_json::to_string(&record).unwrap()
            ],
        )
        .unwrap();
    }
    (session, runs)
}

#[tokio::test]
async fn a_store_of_version_1_is_taken_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let (session, [over, running, waiting]) = version_1(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read(session, 0, 10).await.unwrap().len(), 3);
    for (text, expected) in [("walrus", 1), ("zebra", 1), ("lobster", 0)] {
        let query = SessionQuery { text: Some(text.to_owned()), ..SessionQuery::default() };
        assert_eq!(store.sessions(query, 10).await.unwrap().items.len(), expected, "{text}");
    }
    let first = claim(&store).await.unwrap();
    assert_eq!((first.lease.run_id, first.attempt), (running.run_id, 2), "what ran goes on");
    assert_eq!(claim(&store).await, None, "the others of the session wait");
    let end = Append::new(session, vec![finished(running.run_id)]).under(first.lease);
    assert_eq!(store.append(end).await.unwrap(), 4);
    let second = claim(&store).await.unwrap();
    assert_eq!((second.lease.run_id, second.attempt), (waiting.run_id, 1));
    let ended = store.run(over.run_id).await.unwrap().unwrap();
    assert_eq!(ended.state, RunState::Completed);
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_of_version_2_is_taken_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let db = Connection::open(&path).unwrap();
    for step in [include_str!("schema_v1.sql"), include_str!("schema_v2.sql")] {
        db.execute_batch(step).unwrap();
    }
    let session = SessionId::generate();
    let row = params![session_key(session), NOW.as_unix_micros()];
    db.execute("INSERT INTO sessions (id, created_at, updated_at) VALUES (?1, ?2, ?2)", row)
        .unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.session(session).await.unwrap().is_some());
    let due = store.due_schedules(NOW, 9).await.unwrap();
    assert_eq!((due.due.len(), due.look_again_at), (0, None), "there are no schedules");
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_recalled_is_taken_over_from_version_6() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    drop(SqliteStore::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    // As it was: the counts were columns of the facts.
    db.execute_batch(
        "DROP TABLE fact_recalls; ALTER TABLE facts ADD COLUMN recalled_at INTEGER; \
         ALTER TABLE facts ADD COLUMN recalls INTEGER NOT NULL DEFAULT 0;",
    )
    .unwrap();
    let id = FactId::generate();
    let record = serde_json::json!({
        "id": id, "user": "ann", "version": 1, "text": "likes tea", "key": "likes tea",
        "kind": "other", "confidence": 100, "source": "told", "created_at": NOW, "updated_at": NOW,
        "recalls": 0,
    });
    db.execute(
        "INSERT INTO facts (user, id, version, revision, kind, key, is_current, record, \
         recalled_at, recalls) VALUES ('ann', ?1, 1, 1, 'other', 'likes tea', 1, ?2, ?3, 3)",
        params![id.as_u128().to_be_bytes(), record.to_string(), NOW.as_unix_micros()],
    )
    .unwrap();
    db.pragma_update(None, "user_version", 6).unwrap();
    drop(db);
    let store = SqliteStore::open(&path).unwrap();
    let found = store.facts_named(&"ann".into(), vec![id]).await.unwrap();
    assert_eq!((found[0].recalls, found[0].recalled_at), (3, Some(NOW)));
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::NewerFormat { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn what_a_dead_process_held_is_free_at_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let session = SessionId::generate();
    let due = |store: SqliteStore| async move {
        let lease_for = Duration::from_secs(15);
        let request = DeliveryClaim { worker: "test".into(), now: NOW, lease_for, limit: 9 };
        store.claim_due(request).await.unwrap().claimed
    };
    let store = SqliteStore::open(&path).unwrap();
    let mut replying = message(session, "first");
    let address = serde_json::json!({});
    replying.reply_to = Some(ReplyAddress { kind: "test".into(), address });
    store.admit(replying).await.unwrap();
    let first = claim(&store).await.unwrap();
    let end = Append::new(session, vec![finished(first.lease.run_id)]).under(first.lease);
    store.append(end).await.unwrap();
    store.admit(message(session, "second")).await.unwrap();
    let held = claim(&store).await.unwrap();
    assert_eq!(due(store).await.len(), 1);

    let store = SqliteStore::open(&path).unwrap();
    let again = claim(&store).await.unwrap();
    assert_eq!((again.lease.run_id, again.attempt), (held.lease.run_id, 2));
    assert!(again.lease.token > held.lease.token);
    let claimed = due(store).await;
    assert!(claimed[0].delivery.possibly_sent);
}

#[tokio::test]
async fn a_backup_is_whole_while_others_write() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path().join("livos.db")).unwrap();
    let sessions = [(); 8].map(|()| SessionId::generate());
    let write = |count: usize| {
        let store = &store;
        let appends = sessions.iter().cycle().take(count).map(move |session| {
            let entries = vec![message(*session, "hello").entry(), finished(RunId::generate())];
            store.append(Append::new(*session, entries))
        });
        futures::future::try_join_all(appends)
    };
    write(200).await.unwrap();
    let path = home.path().join("copy.db");
    let (copied, written) = futures::future::join(store.backup(&path), write(200)).await;
    copied.unwrap();
    written.unwrap();
    assert!(store.backup(&path).await.is_err(), "a copy is not written over");

    let copy = SqliteStore::open(&path).unwrap();
    let check = copy.check().await.unwrap();
    assert_eq!((check.sessions, check.faults), (8, Vec::new()));
    assert!((400..=800).contains(&check.entries) && check.entries % 2 == 0, "{}", check.entries);
    let query = SessionQuery { text: Some("hello".to_owned()), ..SessionQuery::default() };
    assert_eq!(copy.sessions(query, 10).await.unwrap().items.len(), 8);
}

#[tokio::test]
async fn a_gap_is_found() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("livos.db");
    let store = SqliteStore::open(&path).unwrap();
    let session = SessionId::generate();
    for _ in 0..3 {
        let entry = message(session, "hello").entry();
        store.append(Append::new(session, vec![entry])).await.unwrap();
    }
    drop(store);
    Connection::open(&path).unwrap().execute("DELETE FROM entries WHERE seq = 2", []).unwrap();
    let check = SqliteStore::open(&path).unwrap().check().await.unwrap();
    assert_eq!(check.faults, [format!("the journal of session {session} has a gap")]);
}

#[tokio::test]
async fn a_failed_write_undoes_itself_and_not_its_group() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path().join("livos.db")).unwrap();
    let session = SessionId::generate();
    let good = || store.append(Append::new(session, vec![message(session, "x").entry()]));
    let lost =
        crate::store::Lease { run_id: RunId::generate(), token: crate::store::LeaseToken(7) };
    let bad = store.append(Append::new(session, vec![finished(lost.run_id)]).under(lost));
    let (first, refused, second) = futures::join!(good(), bad, good());
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
    assert!(matches!(refused, Err(StoreError::LeaseLost { .. })));
    assert_eq!(store.last_seq(session).await.unwrap(), 2);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path().join("livos.db")).unwrap();
    let limit_pages = |pages: i64| {
        store.writer.run(move |db| {
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(super::failure::store_error)
        })
    };
    limit_pages(150).await.unwrap();
    let session = SessionId::generate();
    let text = "word ".repeat(2000);
    let appends =
        (0..100).map(|_| store.append(Append::new(session, vec![message(session, &text).entry()])));
    let answers = futures::future::join_all(appends).await;
    let acknowledged = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    let refused = answers.iter().find(|answer| answer.is_err()).unwrap();
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert_eq!(store.last_seq(session).await.unwrap(), acknowledged);

    limit_pages(1_000_000).await.unwrap();
    let again = Append::new(session, vec![message(session, "small").entry()]);
    assert_eq!(store.append(again).await.unwrap(), acknowledged + 1);
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

/// A query that reads a whole table gets slower with every day.
#[test]
fn every_table_is_reached_by_an_index() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::prepare(&mut db, Durability::Relaxed).unwrap();
    let sources = [
        include_str!("lanes.rs"),
        include_str!("outbox.rs"),
        include_str!("queries.rs"),
        include_str!("queue.rs"),
        include_str!("schedules.rs"),
        include_str!("sessions.rs"),
        include_str!("settings.rs"),
        include_str!("usage.rs"),
    ];
    let mut explained = 0;
    for source in sources {
        for statement in statements(source) {
            let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            // The plan is the same for any values; those that are not bound are NULL.
            let mut plan = query.raw_query();
            while let Some(row) = plan.next().unwrap() {
                let step: String = row.get(3).unwrap();
                let scans_a_table = step.starts_with("SCAN")
                    && !step.contains("USING")
                    && !step.contains("VIRTUAL TABLE")
                    && !step.contains("CONSTANT ROW");
                assert!(!scans_a_table, "{statement}: {step}");
            }
            explained += 1;
        }
    }
    assert!(explained > 30, "only {explained} statements were found");
}

/// The whole statements among the string literals of a source; lists that grow conditions are not.
fn statements(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let statements = literals.filter(|text| {
        ["SELECT ", "UPDATE ", "INSERT ", "DELETE "].iter().any(|verb| text.starts_with(verb))
            && !text.contains('{')
            && !text.contains("WHERE TRUE")
    });
    statements.map(|text| text.replace("\\\n", "")).collect()
}
