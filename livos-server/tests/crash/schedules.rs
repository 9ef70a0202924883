//! Schedules that are due all the time while servers die: each slot fires once.

use std::collections::HashSet;
use std::time::Duration;

use livos_core::Timestamp;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::api::Api;
use crate::campaign::Campaign;
use crate::ledger::Ledger;

const SCHEDULES: usize = 12;
/// The seconds between two slots.
const EVERY: u64 = 3;
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Makes schedules. One whose answer is lost may be there twice; all that are there are looked at.
pub(crate) async fn make(api: Api, ledger: Ledger) {
    for number in 0..SCHEDULES {
        let body = json!({
            "title": format!("clock {number}"),
            "task": format!("#clock{number}# plan= ."),
            "recurrence": {"kind": "cron", "expression": format!("*/{EVERY} * * * * *")},
            // Nothing is left out, so that slots can be counted.
            "overlap": "queue", "misfire": "all", "misfire_window_seconds": 604_800,
            "pause_after": 1000,
        });
        if let Err(refused) = api.post("/api/schedules", &body).await {
            ledger.violated(None, refused);
        }
    }
}

async fn list(campaign: &Campaign) -> Vec<Value> {
    let listed = campaign.api.get("/api/schedules?limit=200").await;
    match listed.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|e| e.to_string())) {
        Ok(page) => page["items"].as_array().cloned().unwrap_or_default(),
        Err(error) => {
            campaign.ledger.violated(None, format!("the schedules cannot be read: {error}"));
            Vec::new()
        }
    }
}

/// Lets them fire no more.
pub(crate) async fn pause(campaign: &Campaign) {
    for schedule in list(campaign).await {
        let path = format!("/api/schedules/{}", schedule["id"].as_str().unwrap());
        let paused = campaign.api.send(Method::PATCH, &path, &json!({"enabled": false})).await;
        if let Err(refused) = paused {
            campaign.ledger.violated(None, refused);
        }
    }
}

/// Compares the slots that passed with the runs that there are. Gives how many fired.
pub(crate) async fn check(campaign: &Campaign) -> u64 {
    let mut slots = 0;
    let schedules = list(campaign).await;
    if schedules.len() < SCHEDULES {
        campaign
            .ledger
            .violated(None, format!("of {SCHEDULES} schedules, {} are there", schedules.len()));
    }
    for schedule in schedules {
        match check_one(campaign, &schedule).await {
            Ok(count) => slots += count,
            Err(what) => {
                let what = format!("schedule {}: {what}", schedule["id"]);
                campaign.ledger.violated(None, what);
            }
        }
    }
    slots
}

async fn check_one(campaign: &Campaign, schedule: &Value) -> Result<u64, String> {
    let (admitted, ended) = runs(campaign, schedule["session_id"].as_str().unwrap()).await?;
    let path = format!("/api/schedules/{}/firings?limit=200", schedule["id"].as_str().unwrap());
    let firings: Value =
        serde_json::from_str(&campaign.api.get(&path).await?).map_err(|error| error.to_string())?;
    let firings = firings["items"].as_array().unwrap();
    // A session that has too much to do leaves a slot out, and says so.
    let (left_out, done): (Vec<&Value>, Vec<&Value>) =
        firings.iter().partition(|firing| firing["reason"] == "busy");
    let passed = slots_passed(schedule);
    let fired = schedule["fired"].as_u64().unwrap_or_default();
    if passed != fired + left_out.len() as u64 {
        let left_out = left_out.len();
        return Err(format!(
            "{passed} slots passed, {fired} fired, {left_out} were left out: {schedule}"
        ));
    }
    let distinct: HashSet<&String> = admitted.iter().collect();
    if distinct.len() != admitted.len() || admitted.len() as u64 != fired {
        return Err(format!("{fired} slots fired, and {} runs were admitted", admitted.len()));
    }
    if ended.len() != admitted.len() {
        return Err(format!("of {} runs {} ended", admitted.len(), ended.len()));
    }
    for firing in done {
        let run = firing["run_id"].as_str().unwrap_or_default().to_owned();
        if firing["status"] != "completed" || !distinct.contains(&run) {
            return Err(format!("a firing is {firing}"));
        }
    }
    Ok(fired)
}

/// How many slots there were from the making of a schedule to the last that was dealt with.
fn slots_passed(schedule: &Value) -> u64 {
    let micros = |field: &str| {
        let time: Option<Timestamp> = schedule[field].as_str().and_then(|text| text.parse().ok());
        time.map(|time| u64::try_from(time.as_unix_micros()).unwrap())
    };
    let every = EVERY * 1_000_000;
    match (micros("created_at"), micros("last_slot")) {
        (Some(made), Some(last)) => last / every - made / every,
        _ => 0,
    }
}

/// The runs of a session, once all of them are over.
async fn runs(campaign: &Campaign, session: &str) -> Result<(Vec<String>, Vec<String>), String> {
    loop {
        let stream = campaign.api.get(&format!("/api/sessions/{session}/events?wait=0")).await?;
        let entries = stream.lines().filter_map(|line| line.strip_prefix("data:"));
        let entries: Vec<Value> =
            entries.filter_map(|data| serde_json::from_str(data).ok()).collect();
        let of = |kind: &str| -> Vec<String> {
            let of_kind = entries.iter().filter(|entry| entry["type"] == kind);
            of_kind.filter_map(|entry| Some(entry["run_id"].as_str()?.to_owned())).collect()
        };
        let (admitted, ended) = (of("run_admitted"), of("run_finished"));
        if ended.len() >= admitted.len() {
            return Ok((admitted, ended));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
