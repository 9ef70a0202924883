//! Every operation of a store once, with what each must answer.

use std::sync::Arc;

use livos_core::Admission;
use livos_core::Append;
use livos_core::CallStatus;
use livos_core::CancelRequest;
use livos_core::Cancellation;
use livos_core::Claim;
use livos_core::ClaimRequest;
use livos_core::ClaimScope;
use livos_core::Claimed;
use livos_core::DeliveryClaim;
use livos_core::DeliveryFilter;
use livos_core::DeliveryOutcome;
use livos_core::DeliveryState;
use livos_core::EventKind;
use livos_core::ExpectedVersion;
use livos_core::FiringRecord;
use livos_core::FiringStatus;
use livos_core::Fork;
use livos_core::ImportedSession;
use livos_core::Journal;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::NewEntry;
use livos_core::NewRun;
use livos_core::Origin;
use livos_core::Outbox;
use livos_core::QueueMode;
use livos_core::Recurrence;
use livos_core::RedisStore;
use livos_core::RenewRequest;
use livos_core::ReplyAddress;
use livos_core::RunFilter;
use livos_core::RunId;
use livos_core::RunLeases;
use livos_core::RunQueue;
use livos_core::RunStatus;
use livos_core::RunStore;
use livos_core::ScheduleChange;
use livos_core::ScheduleFilter;
use livos_core::ScheduleId;
use livos_core::SchedulePlan;
use livos_core::ScheduleProgress;
use livos_core::ScheduleRecord;
use livos_core::ScheduleSession;
use livos_core::ScheduleStore;
use livos_core::SessionId;
use livos_core::SessionPatch;
use livos_core::SessionQuery;
use livos_core::SessionRecord;
use livos_core::SessionStore;
use livos_core::SessionTransfer;
use livos_core::SettingChange;
use livos_core::Settings;
use livos_core::Settlement;
use livos_core::StoreError;
use livos_core::Timestamp;
use livos_core::Usage;
use livos_core::UsageLog;
use livos_core::UsagePurpose;
use livos_core::UsageQuery;
use livos_core::UsageRow;

const LEASE: std::time::Duration = std::time::Duration::from_secs(15);

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros((1_767_225_600 + seconds) * 1_000_000)
}

pub(crate) fn message(session: SessionId, text: &str) -> NewRun {
    let mut run = NewRun::new(session, Message::user(text), at(0));
    run.mode = QueueMode::Queue;
    run
}

pub(super) fn turn(run_id: RunId, turn: u32) -> NewEntry {
    NewEntry { run_id, at: at(1), kind: EventKind::TurnStarted { turn } }
}

pub(super) fn finished(run_id: RunId) -> NewEntry {
    let kind = EventKind::RunFinished {
        status: RunStatus::Completed,
        text: "done".to_owned(),
        error: None,
        usage: Usage::default(),
        cost_micro_usd: None,
        turns: 1,
        tool_calls: 0,
        duration_ms: 7,
    };
    NewEntry { run_id, at: at(3), kind }
}

fn call(at: Timestamp) -> UsageRow {
    UsageRow {
        at,
        provider: "p".into(),
        model: "m".into(),
        purpose: UsagePurpose::Turn,
        status: CallStatus::Answered,
        usage: Usage { input_tokens: 10, ..Usage::default() },
        cost_micro_usd: Some(MicroUsd(30)),
        time_to_first_token_ms: None,
        duration_ms: 5,
        run_id: None,
        session_id: None,
        user: "owner".into(),
        channel: "test".into(),
    }
}

pub(super) async fn claim(store: &RedisStore) -> Result<Option<Claim>, StoreError> {
    let request = ClaimRequest {
        worker: "test".into(),
        now: at(0),
        lease_for: LEASE,
        scope: ClaimScope::All,
    };
    Ok(match store.claim(request).await? {
        Claimed::Run(claim) => Some(claim),
        Claimed::Nothing { .. } => None,
    })
}

/// Calls every operation, each after `before`, on an empty store.
pub(super) async fn every_operation(store: &RedisStore, before: impl Fn()) {
    let session = sessions(store, &before).await;
    let claim = admission(store, session, &before).await;
    driving(store, &claim, &before).await;
    replies(store, &before).await;
    leftovers(store, session, &before).await;
    ledger(store, &before).await;
    schedules(store, &before).await;
}

async fn sessions(store: &RedisStore, before: &impl Fn()) -> SessionId {
    let record = SessionRecord::new(SessionId::generate(), at(-9));
    before();
    store.create_session(record.clone()).await.unwrap();
    before();
    let patch = SessionPatch { title: Some("crab".to_owned()), ..SessionPatch::default() };
    let renamed = store.update_session(record.id, patch).await.unwrap();
    before();
    assert_eq!(store.session(record.id).await.unwrap(), Some(renamed));
    before();
    let query = SessionQuery { text: Some("CRA".to_owned()), ..SessionQuery::default() };
    assert_eq!(store.sessions(query, 10).await.unwrap().items.len(), 1);
    record.id
}

async fn admission(store: &RedisStore, session: SessionId, before: &impl Fn()) -> Claim {
    let mut run = message(session, "hello");
    let address = serde_json::json!({ "chat": 1 });
    run.reply_to = Some(ReplyAddress { kind: "test".into(), address });
    before();
    // Without a key: nothing but the store's own memory keeps the repetition apart.
    assert_eq!(store.admit(run.clone()).await.unwrap(), Admission::Admitted { seq: 1 });
    before();
    let claim = claim(store).await.unwrap().expect("the run waits");
    assert_eq!((claim.lease.run_id, claim.attempt), (run.run_id, 1), "claimed once");
    let mut more = message(session, "more");
    more.mode = QueueMode::Steer;
    before();
    let joined = Admission::Joined { run_id: run.run_id, seq: 1 };
    assert_eq!(store.admit(more).await.unwrap(), joined);
    before();
    assert_eq!(store.pending_inputs(run.run_id).await.unwrap().len(), 1, "one input waits");
    claim
}

async fn driving(store: &RedisStore, claim: &Claim, before: &impl Fn()) {
    let (session, run) = (claim.session_id, claim.lease.run_id);
    before();
    let renewal = RenewRequest { lease: claim.lease, now: at(1), lease_for: LEASE };
    assert_eq!(store.renew(renewal).await.unwrap().pending_inputs, 1);
    let input = store.pending_inputs(run).await.unwrap().remove(0);
    before();
    let kind = EventKind::InputJoined { message: Arc::clone(&input.message), trigger: None };
    let joined = NewEntry { run_id: run, at: at(1), kind };
    let append = Append::new(session, vec![turn(run, 1), joined]).under(claim.lease);
    let append = append.joining(vec![input.id]).using(vec![call(at(1))]);
    assert_eq!(store.append(append).await.unwrap(), 2);
    before();
    // Without a lease: nothing but the store's own memory keeps the repetition apart.
    assert_eq!(store.append(Append::new(session, vec![turn(run, 2)])).await.unwrap(), 4);
    before();
    let append = Append::new(session, vec![finished(run)]).under(claim.lease);
    assert_eq!(store.append(append).await.unwrap(), 5);
    before();
    assert_eq!(store.read(session, 0, 10).await.unwrap().len(), 5);
    before();
    assert_eq!(store.last_seq(session).await.unwrap(), 5);
    before();
    assert!(store.run(run).await.unwrap().unwrap().state.is_final());
    before();
    assert_eq!(store.runs(RunFilter::default(), 10).await.unwrap().items.len(), 1);
}

async fn replies(store: &RedisStore, before: &impl Fn()) {
    let due = |now| DeliveryClaim { worker: "test".into(), now, lease_for: LEASE, limit: 9 };
    before();
    let mut claimed = store.claim_due(due(at(3))).await.unwrap().claimed;
    let first = claimed.pop().expect("a reply is owed");
    assert_eq!((claimed.len(), first.delivery.attempts), (0, 1), "one reply, claimed once");
    let id = first.delivery.id;
    before();
    let outcome = DeliveryOutcome::Ambiguous { error: "cut".to_owned() };
    store.settle(Settlement { id, token: first.token, outcome }).await.unwrap();
    before();
    assert_eq!(store.requeue(id, at(4)).await.unwrap().state, DeliveryState::Due);
    before();
    let again = store.claim_due(due(at(4))).await.unwrap().claimed.remove(0);
    assert_eq!((again.delivery.id, again.delivery.attempts), (id, 2));
    before();
    let outcome = DeliveryOutcome::Delivered { receipt: "42".to_owned() };
    store.settle(Settlement { id, token: again.token, outcome }).await.unwrap();
    before();
    let listed = store.deliveries(DeliveryFilter::default(), 10).await.unwrap().items;
    assert_eq!(listed[0].state, DeliveryState::Delivered);
}

async fn leftovers(store: &RedisStore, session: SessionId, before: &impl Fn()) {
    let (given_back, stopped) = (message(session, "1"), message(session, "2"));
    before();
    assert_eq!(store.admit(given_back).await.unwrap(), Admission::Admitted { seq: 6 });
    before();
    assert_eq!(store.admit(stopped.clone()).await.unwrap(), Admission::Admitted { seq: 7 });
    let claim = claim(store).await.unwrap().expect("two runs wait");
    before();
    store.release(claim.lease).await.unwrap();
    before();
    let cancel = CancelRequest { run_id: stopped.run_id, at: at(1) };
    assert_eq!(store.request_cancel(cancel).await.unwrap(), Cancellation::Ended { seq: 8 });
    let into = SessionRecord::new(SessionId::generate(), at(20));
    before();
    store.fork(Fork { from: session, up_to: 5, into: into.clone() }).await.unwrap();
    assert_eq!(store.last_seq(into.id).await.unwrap(), 5);
    let imported = SessionRecord::new(SessionId::generate(), at(20));
    let entries = vec![turn(RunId::generate(), 1)];
    before();
    store.import(ImportedSession { session: imported.clone(), entries }).await.unwrap();
    assert_eq!(store.last_seq(imported.id).await.unwrap(), 1);
    before();
    assert!(store.delete_session(session).await.unwrap(), "it was there");
    assert_eq!(store.last_seq(session).await.unwrap(), 0);
}

async fn ledger(store: &RedisStore, before: &impl Fn()) {
    before();
    store.record_usage(vec![call(at(5)), call(at(4000))]).await.unwrap();
    before();
    let query = UsageQuery { limit: 10, ..UsageQuery::default() };
    assert_eq!(store.usage(query).await.unwrap()[0].answered, 3, "three calls were counted");
    before();
    assert_eq!(store.spent_since(at(0)).await.unwrap(), MicroUsd(90), "each call was paid once");
    let expected = ExpectedVersion::Absent;
    let change = SettingChange { key: "k".to_owned(), value: true.into(), expected };
    before();
    assert_eq!(store.change_setting(change).await.unwrap(), 1);
    before();
    assert_eq!(store.setting("k").await.unwrap().unwrap().version, 1);
    before();
    assert_eq!(store.settings("").await.unwrap().len(), 1);
}

async fn schedules(store: &RedisStore, before: &impl Fn()) {
    let own = SessionRecord::new(SessionId::generate(), at(0));
    let mut schedule = ScheduleRecord {
        id: ScheduleId::generate(),
        version: 1,
        plan: SchedulePlan::new("t", "do", Recurrence::Every { seconds: 60 }),
        session_id: own.id,
        session: ScheduleSession::Own,
        origin: Origin::default(),
        created_at: at(0),
        updated_at: at(0),
        progress: ScheduleProgress { next_at: Some(at(60)), ..ScheduleProgress::default() },
    };
    before();
    store.create_schedule(schedule.clone(), Some(own.clone())).await.unwrap();
    before();
    assert_eq!(store.due_schedules(at(60), 9).await.unwrap().due, [schedule.clone()]);
    schedule.version = 2;
    schedule.progress.next_at = Some(at(120));
    let run = message(own.id, "do");
    let firing = FiringRecord {
        slot: at(60),
        at: at(60),
        run_id: Some(run.run_id),
        status: FiringStatus::Started,
        reason: None,
        slots: 1,
    };
    let firings = vec![firing];
    let change = ScheduleChange { schedule: schedule.clone(), firings, run: Some(run) };
    before();
    // The version would refuse a repetition; the store's memory answers it as the first time.
    let admitted = store.change_schedule(change).await.unwrap();
    assert_eq!(admitted, Some(Admission::Admitted { seq: 1 }));
    before();
    assert_eq!(store.schedule(schedule.id).await.unwrap(), Some(schedule.clone()));
    before();
    let listed = store.schedules(ScheduleFilter::default(), 9).await.unwrap().items;
    assert_eq!(listed, [schedule.clone()]);
    before();
    assert_eq!(store.firings(schedule.id, None, 9).await.unwrap().items.len(), 1);
    before();
    assert!(store.delete_schedule(schedule.id).await.unwrap(), "it was there");
    assert!(store.delete_session(own.id).await.unwrap());
}
