use std::sync::Arc;
use std::time::Duration;

use livos_core::MemoryStore;
use livos_core::NewSchedule;
use livos_core::Origin;
use livos_core::Recurrence;
use livos_core::ScheduleFilter;
use livos_core::ScheduleManager;
use livos_core::SchedulePlan;
use livos_core::ScheduleSession;
use livos_core::ScheduleSettings;
use livos_core::SessionRecord;
use livos_core::SessionStore;
use livos_core::ToolError;
use livos_core::Trust;
use livos_core::testing::ManualClock;
use livos_tools::schedules::ScheduleCreate;
use livos_tools::schedules::ScheduleDelete;
use livos_tools::schedules::ScheduleList;
use serde_json::Value;
use serde_json::json;

use crate::harness::Workspace;

async fn start() -> (Workspace, ScheduleManager) {
    let workspace = Workspace::new();
    let store = Arc::new(MemoryStore::new());
    let context = workspace.context();
    let session = SessionRecord::new(context.session_id(), context.now());
    store.create_session(session).await.unwrap();
    let clock = Arc::new(ManualClock::at(context.now()));
    (workspace, ScheduleManager::new(store, clock, ScheduleSettings::default()))
}

async fn refusal(workspace: &Workspace, schedules: &ScheduleManager, args: Value) -> String {
    let tool = ScheduleCreate::new(schedules.clone());
    let text = workspace.text(&tool, args).await;
    text.strip_prefix("error: ").unwrap().to_owned()
}

#[tokio::test]
async fn a_model_makes_lists_and_deletes_schedules() {
    let (workspace, schedules) = start().await;
    let create = ScheduleCreate::new(schedules.clone());
    let args = json!({
        "title": "News", "task": "Read the news.", "cron": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin",
    });
    let made: Value = serde_json::from_str(&workspace.text(&create, args).await).unwrap();
    // 2026-11-22 is a Sunday.
    assert_eq!(made["next_times"][0], "2026-11-23T08:00:00Z");
    assert_eq!(made["next_times"].as_array().unwrap().len(), 5);
    let args =
        json!({ "title": "Tea", "task": "It is ready.", "in_seconds": 240, "session": "own" });
    workspace.text(&create, args).await;
    let kept = schedules.list(ScheduleFilter::default(), 10).await.unwrap().items;
    assert_eq!(kept[0].session, ScheduleSession::Own);
    assert_eq!(kept[1].session_id, workspace.context().session_id(), "here");
    assert_eq!(&kept[1].origin, workspace.context().origin());
    let list = ScheduleList::new(schedules.clone());
    let listed: Value = serde_json::from_str(&workspace.text(&list, json!({})).await).unwrap();
    assert_eq!(listed["schedules"][0]["next_times"], json!(["2026-11-22T15:04:00Z"]));
    assert_eq!(listed["schedules"][1]["id"], made["id"]);
    let delete = ScheduleDelete::new(schedules.clone());
    assert_eq!(workspace.text(&delete, json!({ "id": made["id"] })).await, "'News' is deleted");
    assert_eq!(schedules.list(ScheduleFilter::default(), 10).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_says_why() {
    let (workspace, schedules) = start().await;
    let cases = [
        (json!({}), "exactly one of cron"),
        (json!({ "cron": "0 9 * * *", "every_seconds": 600 }), "exactly one of cron"),
        (json!({ "every_seconds": 600, "time_zone": "Europe/Berlin" }), "time_zone is for cron"),
        (json!({ "cron": "0 9 * *" }), "recurrence.expression: '0 9 * *' is no cron expression"),
        (json!({ "cron": "0 9 * * *", "time_zone": "Berlin" }), "recurrence.time_zone"),
        (json!({ "every_seconds": 5 }), "60 is the shortest interval"),
        (json!({ "at": "tomorrow" }), "at: 'tomorrow' is not a time"),
        (json!({ "at": "2020-01-01T00:00:00Z" }), "recurrence.time: 2020"),
    ];
    for (mut args, expected) in cases {
        args["title"] = "t".into();
        args["task"] = "do".into();
        let refusal = refusal(&workspace, &schedules, args).await;
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert!(schedules.list(ScheduleFilter::default(), 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn others_see_and_change_nothing() {
    let (workspace, schedules) = start().await;
    let every = Recurrence::every(Duration::from_secs(600));
    let new = NewSchedule {
        plan: SchedulePlan::new("mine", "do", every),
        session_id: None,
        origin: Origin::default(),
    };
    let made = schedules.create(new).await.unwrap();
    let paired = Origin { channel: "chat".into(), user: "ann".into(), trust: Trust::Paired };
    let ann = workspace.context_of(paired.clone());
    let list = ScheduleList::new(schedules.clone());
    let listed = livos_core::Tool::call(&list, serde_json::from_value(json!({})).unwrap(), &ann);
    let listed = format!("{:?}", listed.await.unwrap());
    assert!(!listed.contains("mine"), "{listed}");
    let delete = ScheduleDelete::new(schedules.clone());
    let args = || serde_json::from_value(json!({ "id": made.id })).unwrap();
    let refused = livos_core::Tool::call(&delete, args(), &ann).await;
    assert!(matches!(refused, Err(ToolError::Model(_))), "{refused:?}");
    for trust in [Trust::Untrusted, Trust::Group] {
        let context = workspace.context_of(Origin { trust, ..Origin::default() });
        let refused = livos_core::Tool::call(&delete, args(), &context).await;
        assert!(matches!(refused, Err(ToolError::Model(_))), "{refused:?}");
        let create = ScheduleCreate::new(schedules.clone());
        let args = json!({ "title": "t", "task": "do", "every_seconds": 600 });
        let args = serde_json::from_value(args).unwrap();
        let refused = livos_core::Tool::call(&create, args, &context).await;
        assert!(matches!(refused, Err(ToolError::Model(_))), "{refused:?}");
    }
    assert_eq!(schedules.list(ScheduleFilter::default(), 10).await.unwrap().items.len(), 1);
}
