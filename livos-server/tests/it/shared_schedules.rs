//! Two servers, as processes, on one Redis, and a thousand schedules that are due in one minute.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use livos_core::Clock;
use livos_core::SystemClock;
use livos_core::Timestamp;
use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::caller::Caller;
use crate::counting_model::CountingModel;
use crate::process;
use crate::process::Process;
use crate::redis_server::RedisServer;

const SCHEDULES: usize = 1_000;
/// How many requests of the test are under way at a time.
const REQUESTS: usize = 16;
/// How many runs a server drives at a time.
const PLACES: usize = 16;
/// How many there are where a server is killed, and after how many runs it is.
const FEWER: usize = 1_000;
const MIDDLE: usize = 300;
/// Until the schedules are due, so that most are made before the first fires.
const UNTIL_DUE: Duration = Duration::from_secs(8);
/// Until a schedule is due that is made later.
const LEAST: Duration = Duration::from_secs(2);
/// Longer than all runs together should take, on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(180);

struct Server {
    process: Process,
    caller: Caller,
    _home: TempDir,
}

impl Server {
    async fn start(redis: &RedisServer, model: &CountingModel) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = process::command(home.path());
        command
            .env("LIVOS_STORE", redis.url())
            .env("LIVOS_AGENT_LEASE_SECONDS", "3")
            .env("LIVOS_AGENT_MAX_CONCURRENT_RUNS", PLACES.to_string());
        model.serve(&mut command);
        let process = process::started(command).await;
        let caller = Caller::new(&process, home.path());
        caller.is_ready().await;
        Self { process, caller, _home: home }
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap();
    Timestamp::from_unix_micros(time.as_unix_micros() + micros)
}

/// Makes schedules that are due once, soon, and in the same minute.
async fn make(count: usize, servers: [&Caller; 2]) {
    let due = later(SystemClock.now(), UNTIL_DUE);
    let made = futures::stream::iter(0..count).map(async |number| {
        let time = due.max(later(SystemClock.now(), LEAST));
        let body = json!({
            "title": format!("schedule {number}"), "task": format!("job {number}."),
            "recurrence": {"kind": "at", "time": time.to_string()},
            // One that is late because the machine is busy is not left out.
            "misfire": "once",
        });
        let made = servers[number % 2].post("/api/schedules", &body).await;
        assert!(made["id"].is_string(), "{made}");
    });
    made.buffer_unordered(REQUESTS).collect::<()>().await;
}

/// All items of a list.
async fn all(caller: &Caller, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{path}?limit=200{cursor}")).await;
        items.extend(page["items"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// Waits until every run is over, and compares what there is: one run for each schedule.
async fn each_fired_once(count: usize, caller: &Caller) {
    let over = async {
        loop {
            let runs = all(caller, "/api/runs").await;
            let done = runs.iter().filter(|run| run["status"] == "completed").count();
            if done >= count && done == runs.len() {
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let runs = tokio::time::timeout(LONG, over).await.expect("all runs are completed in time");
    let mut of_session: HashMap<&str, usize> = HashMap::new();
    for run in &runs {
        assert_eq!(run["trigger"], "schedule", "{run}");
        *of_session.entry(run["session_id"].as_str().unwrap()).or_default() += 1;
    }
    let schedules = all(caller, "/api/schedules").await;
    assert_eq!((runs.len(), schedules.len(), of_session.len()), (count, count, count));
    for schedule in &schedules {
        assert_eq!((&schedule["status"], &schedule["fired"]), (&json!("ended"), &json!(1)));
        let session = schedule["session_id"].as_str().unwrap();
        assert_eq!(of_session.get(session), Some(&1), "{schedule}");
    }
    let firings = futures::stream::iter(&schedules).map(async |schedule| {
        let id = schedule["id"].as_str().unwrap();
        let firings = caller.get(&format!("/api/schedules/{id}/firings")).await;
        let items = firings["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{firings}");
        assert_eq!(items[0]["status"], "completed", "{firings}");
    });
    firings.buffer_unordered(REQUESTS).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_schedules_of_one_minute_fire_once_each_on_two_servers() {
    let (redis, model) = (
        RedisServer::start_forgetful().await,
        CountingModel::start(Duration::from_millis(2)).await,
    );
    let servers = [Server::start(&redis, &model).await, Server::start(&redis, &model).await];
    make(SCHEDULES, [&servers[0].caller, &servers[1].caller]).await;
    model.was_asked(SCHEDULES, LONG).await;
    each_fired_once(SCHEDULES, &servers[1].caller).await;
    let asked = model.texts();
    assert_eq!(asked.len(), SCHEDULES);
    assert!(asked.values().all(|times| *times == 1), "a model is asked twice: {asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_of_one_minute_fire_once_each_when_one_of_two_servers_is_killed_in_the_middle() {
    let (redis, model) = (
        RedisServer::start_forgetful().await,
        CountingModel::start(Duration::from_millis(2)).await,
    );
    let doomed = Server::start(&redis, &model).await;
    let heir = Server::start(&redis, &model).await;
    make(FEWER, [&doomed.caller, &heir.caller]).await;
    model.was_asked(MIDDLE, LONG).await;
    doomed.process.signal(Signal::SIGKILL).await;
    assert!(model.asked() < FEWER, "it dies in the middle");
    model.was_asked(FEWER, LONG).await;
    each_fired_once(FEWER, &heir.caller).await;
    let asked = model.texts();
    assert_eq!(asked.len(), FEWER);
    // Only what the dead one was at is asked again, by whoever took it over.
    let again = asked.values().filter(|times| **times == 2).count();
    assert!(asked.values().all(|times| *times <= 2) && again <= PLACES, "{again}: {asked:?}");
}
