//! What was used, and what was set.

use serde_json::json;

use super::Shared;
use super::Verdict;
use super::at;
use super::claimed;
use super::failed;
use super::message;
use super::turn;
use crate::id::SessionId;
use crate::message::MicroUsd;
use crate::message::Usage;
use crate::store::Append;
use crate::store::CallStatus;
use crate::store::ExpectedVersion;
use crate::store::SettingChange;
use crate::store::StoreError;
use crate::store::UsageGroup;
use crate::store::UsagePurpose;
use crate::store::UsageQuery;
use crate::store::UsageRow;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

pub(super) async fn check(empty: &impl AsyncFn() -> Shared) -> Verdict {
    calls_are_summed(&empty().await).await?;
    calls_are_kept_with_their_answer(&empty().await).await?;
    values_are_changed_by_one(&empty().await).await
}

fn call(seconds: i64, model: &str, status: CallStatus) -> UsageRow {
    UsageRow {
        at: at(seconds),
        provider: "p".into(),
        model: model.into(),
        purpose: UsagePurpose::Turn,
        status,
        usage: Usage { input_tokens: 100, output_tokens: 10, ..Usage::default() },
        cost_micro_usd: Some(MicroUsd(30)),
        time_to_first_token_ms: Some(200),
        duration_ms: 1000,
        run_id: None,
        session_id: None,
        user: "owner".into(),
        channel: "suite".into(),
    }
}

fn all() -> UsageQuery {
    UsageQuery { limit: 100, ..UsageQuery::default() }
}

async fn calls_are_summed(store: &Shared) -> Verdict {
    let none = store.usage(all()).await.map_err(failed)?;
    ensure!(none.is_empty(), "before any call there is {none:?}");
    let mut unpriced = call(DAY, "b", CallStatus::Answered);
    unpriced.cost_micro_usd = None;
    unpriced.time_to_first_token_ms = Some(401);
    let mut failure = call(DAY + 1, "b", CallStatus::Failed);
    (failure.usage, failure.cost_micro_usd) = (Usage::default(), None);
    failure.time_to_first_token_ms = None;
    let mut other = call(2 * DAY, "a", CallStatus::Discarded);
    other.user = "somebody".into();
    let session = SessionId::generate();
    other.session_id = Some(session);
    let calls = vec![call(5, "a", CallStatus::Answered), unpriced, failure, other];
    store.record_usage(calls).await.map_err(failed)?;
    let totals = store.usage(all()).await.map_err(failed)?;
    let [total] = totals.as_slice() else { return Err(format!("all calls are {totals:?}")) };
    let counts = (total.answered, total.failed, total.discarded, total.unpriced);
    ensure!(counts == (2, 1, 1, 1), "all calls are counted as {counts:?}");
    ensure!(total.usage.total_tokens() == 330, "all calls used {:?}", total.usage);
    let measured = (total.mean_time_to_first_token_ms, total.duration_ms);
    ensure!(measured == (Some(267), 4000), "all calls took {measured:?}");
    let by = |group_by: &[UsageGroup]| UsageQuery { group_by: group_by.to_vec(), ..all() };
    let cases = [
        (by(&[UsageGroup::Model]), vec![vec!["a"], vec!["b"]]),
        (by(&[UsageGroup::Day]), vec![vec!["2026-01-01"], vec!["2026-01-02"], vec!["2026-01-03"]]),
        (
            by(&[UsageGroup::User, UsageGroup::Model]),
            vec![vec!["owner", "a"], vec!["owner", "b"], vec!["somebody", "a"]],
        ),
        (
            by(&[UsageGroup::Provider, UsageGroup::Purpose, UsageGroup::Channel]),
            vec![vec!["p", "turn", "suite"]],
        ),
        (
            UsageQuery { from: Some(at(5)), to: Some(at(DAY)), ..by(&[UsageGroup::Day]) },
            vec![vec!["2026-01-01"]],
        ),
        (UsageQuery { user: Some("somebody".into()), ..by(&[UsageGroup::Run]) }, vec![vec![""]]),
        (UsageQuery { limit: 1, ..by(&[UsageGroup::Model]) }, vec![vec!["a"]]),
    ];
    for (query, expected) in cases {
        let totals = store.usage(query.clone()).await.map_err(failed)?;
        let groups: Vec<_> = totals.iter().map(|total| &total.group).collect();
        ensure!(groups == expected.iter().collect::<Vec<_>>(), "{query:?} has groups {groups:?}");
    }
    let query = UsageQuery { session_id: Some(session), ..by(&[UsageGroup::Session]) };
    let totals = store.usage(query).await.map_err(failed)?;
    let named = totals.first().and_then(|total| total.group.first()).cloned();
    ensure!(named == Some(session.to_string()), "a session is called {named:?}");
    let spent = store.spent_since(at(5)).await.map_err(failed)?;
    ensure!(spent == MicroUsd(60), "all calls cost {spent}");
    let today = store.spent_since(at(6)).await.map_err(failed)?;
    ensure!(today == MicroUsd(30), "the later calls cost {today}");
    Ok(())
}

async fn calls_are_kept_with_their_answer(store: &Shared) -> Verdict {
    store.admit(message(SessionId::generate(), "hello")).await.map_err(failed)?;
    let lost = claimed(store, 0).await?;
    let claim = claimed(store, 100).await?;
    let call = call(1, "a", CallStatus::Answered);
    let append = Append::new(claim.session_id, vec![turn(claim.lease.run_id, 1)]).using(vec![call]);
    let refused = store.append(append.clone().under(lost.lease)).await;
    ensure!(refused.is_err(), "a lost lease may write");
    ensure!(store.usage(all()).await.map_err(failed)?.is_empty(), "a refused append was charged");
    store.append(append.under(claim.lease)).await.map_err(failed)?;
    store.delete_session(claim.session_id).await.map_err(failed)?;
    let spent = store.spent_since(at(0)).await.map_err(failed)?;
    ensure!(spent == MicroUsd(30), "what a deleted session cost is {spent}");
    Ok(())
}

fn change(key: &str, number: u64, expected: ExpectedVersion) -> SettingChange {
    SettingChange { key: key.to_owned(), value: json!({ "number": number }), expected }
}

async fn values_are_changed_by_one(store: &Shared) -> Verdict {
    ensure!(store.setting("a").await.map_err(failed)?.is_none(), "a value is there already");
    let steps = [
        (ExpectedVersion::Absent, Some(1)),
        (ExpectedVersion::Absent, None),
        (ExpectedVersion::Exactly(1), Some(2)),
        (ExpectedVersion::Exactly(1), None),
        (ExpectedVersion::Any, Some(3)),
    ];
    for (number, (expected, version)) in (0..).zip(steps) {
        let changed = store.change_setting(change("a", number, expected)).await;
        match (changed, version) {
            (Ok(found), Some(version)) if found == version => {}
            (Err(StoreError::Conflict { .. }), None) => {}
            (changed, _) => {
                return Err(format!("a change that expects {expected:?} gave {changed:?}"));
            }
        }
    }
    let value = store.setting("a").await.map_err(failed)?.map(|setting| setting.value);
    ensure!(value == Some(json!({ "number": 4 })), "a value reads back as {value:?}");
    let racers =
        (0..8).map(|number| store.change_setting(change("b", number, ExpectedVersion::Absent)));
    let won = futures::future::join_all(racers).await.iter().filter(|racer| racer.is_ok()).count();
    ensure!(won == 1, "{won} of 8 changed a value that was not there");
    for key in ["ab", "aé", "b"] {
        store.change_setting(change(key, 0, ExpectedVersion::Any)).await.map_err(failed)?;
    }
    let named = store.settings("a").await.map_err(failed)?;
    let keys: Vec<_> = named.iter().map(|setting| setting.key.as_str()).collect();
    ensure!(keys == ["a", "ab", "aé"], "the values that begin with 'a' are {keys:?}");
    Ok(())
}
