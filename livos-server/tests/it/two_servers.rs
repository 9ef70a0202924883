//! Two servers, as processes, that share one Redis.

use std::collections::HashSet;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::caller::Caller;
use crate::peer::Answer;
use crate::peer::Peer;
use crate::peer::answer;
use crate::peer::says;
use crate::process;
use crate::process::Process;
use crate::redis_server::RedisServer;
use crate::test_server::brief;

/// How soon a dead server's runs are taken over.
const LEASE: Duration = Duration::from_secs(2);
/// How long a machine that has other things to do may take for what is done at once.
const SLACK: Duration = Duration::from_secs(3);
/// How many runs a server drives at a time.
const PLACES: usize = 4;

/// One of the servers, in a home of its own.
struct Server {
    process: Process,
    caller: Caller,
    _home: TempDir,
}

impl Server {
    async fn start(redis: &RedisServer, model: &Peer) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = process::command(home.path());
        command
            .env("LIVOS_STORE", redis.url())
            .env("LIVOS_AGENT_LEASE_SECONDS", LEASE.as_secs().to_string())
            .env("LIVOS_AGENT_MAX_CONCURRENT_RUNS", PLACES.to_string())
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", format!("{}/v1", model.url()))
            .env("LIVOS_MODEL", "openai/m");
        let process = process::started(command).await;
        let caller = Caller::new(&process, home.path());
        caller.is_ready().await;
        Self { process, caller, _home: home }
    }
}

async fn journal(caller: &Caller, session: &str) -> Vec<Value> {
    let mut events = caller.events(session, "?wait=0").await;
    let mut entries = Vec::new();
    while let Some(event) = events.next().await {
        entries.push(event);
    }
    let numbers = entries.iter().map(|entry| entry["seq"].as_u64().unwrap());
    assert!(numbers.eq(1..=entries.len() as u64), "{entries:?}");
    entries
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_watches_on_one_server_sees_and_stops_what_the_other_drives() {
    let (redis, model) = (RedisServer::start().await, Peer::start().await);
    let driving = Server::start(&redis, &model).await;
    let session = driving.caller.session().await;
    let first = driving.caller.say(&session, "first").await;
    let mut call = Answer::begin(model.asked().await.0).await;
    // A piece shows at once unless it may begin a secret: no key begins with a blank or a stop.
    call.say("One. ").await;
    // It comes when the run is under way, and has nothing of its own to do.
    let watching = Server::start(&redis, &model).await;
    let mut early = watching.caller.events(&session, "").await;
    let seen = early.until("3+One. ").await;
    assert_eq!(seen, ["1:run_admitted", "2:run_started", "3:turn_started", "3+One. "]);
    for text in ["Two. ", "Three. ", "Four."] {
        call.say(text).await;
        assert_eq!(early.next().await.as_ref().map(brief), Some(format!("3+{text}")));
    }
    let mut late = watching.caller.events(&session, "?after=3").await;
    assert_eq!(late.until("3+One. Two. Three. Four.").await.len(), 1);
    call.end().await;
    for watcher in [&mut early, &mut late] {
        let rest = watcher.until("5:run_finished").await;
        assert_eq!(rest, ["4:assistant_message", "5:run_finished"]);
    }
    watching.caller.run_is(&first, "completed").await;

    // What is said through one may be driven by either; a stop reaches it from both.
    for (number, caller) in [&driving.caller, &watching.caller].into_iter().enumerate() {
        let run = caller.say(&session, "more").await;
        let mut call = Answer::begin(model.asked().await.0).await;
        call.say("...").await;
        let other = [&watching.caller, &driving.caller][number];
        other.run_is(&run, "running").await;
        let asked = Instant::now();
        let stopped = other.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
        assert_eq!(stopped["status"], "cancelled", "{stopped}");
        assert!(asked.elapsed() < Duration::from_secs(1), "it took {:?}", asked.elapsed());
        call.hung_up().await;
    }
}

#[tokio::test]
async fn the_runs_of_a_killed_server_are_finished_by_the_other_within_its_lease() {
    let (redis, model) = (RedisServer::start().await, Peer::start().await);
    let doomed = Server::start(&redis, &model).await;
    let heir = Server::start(&redis, &model).await;
    let (mut runs, mut calls) = (Vec::new(), Vec::new());
    for number in 0..2 * PLACES {
        // Said to one; driven by both, since one has not the places.
        let session = doomed.caller.session().await;
        runs.push((session.clone(), doomed.caller.say(&session, &format!("run {number}.")).await));
        let (socket, request) = model.asked().await;
        let mut call = Answer::begin(socket).await;
        call.say("I").await;
        calls.push((request, call));
    }
    let live = "livos_runs_live";
    assert_eq!(doomed.caller.metric(live).await, PLACES as u64);
    assert_eq!(heir.caller.metric(live).await, PLACES as u64);
    let killed = Instant::now();
    doomed.process.signal(Signal::SIGKILL).await;
    for (_, call) in calls {
        call.end().await;
    }
    // The heir has places as its own runs end, and is asked for the dead one's when their leases do.
    let mut asked_again = HashSet::new();
    for _ in 0..PLACES {
        let (socket, request) = model.asked().await;
        let number = request.rsplit("run ").next().and_then(|rest| rest.split('.').next());
        assert!(asked_again.insert(number.unwrap().to_owned()), "a run is driven twice");
        answer(socket, "text/event-stream", &says("I am well.")).await;
    }
    assert!(killed.elapsed() < LEASE + SLACK, "it took {:?}", killed.elapsed());
    let mut taken_over = HashSet::new();
    for (number, (session, run)) in runs.iter().enumerate() {
        heir.caller.run_is(run, "completed").await;
        let entries = journal(&heir.caller, session).await;
        let attempts = entries.iter().filter(|entry| entry["type"] == "run_started").count();
        let plain =
            ["run_admitted", "run_started", "turn_started", "assistant_message", "run_finished"];
        let again = [&plain[..3], &plain[1..]].concat();
        assert_eq!(names(&entries), if attempts == 1 { plain.to_vec() } else { again });
        if attempts == 2 {
            taken_over.insert(number.to_string());
        }
    }
    assert_eq!(taken_over, asked_again);
}

#[tokio::test]
async fn a_server_that_stood_still_cannot_write_what_another_took_over() {
    let (redis, model) = (RedisServer::start().await, Peer::start().await);
    let slow = Server::start(&redis, &model).await;
    let session = slow.caller.session().await;
    let run = slow.caller.say(&session, "hello").await;
    let mut first = Answer::begin(model.asked().await.0).await;
    first.say("mine").await;
    slow.caller.events(&session, "").await.until("3+mine").await;
    let heir = Server::start(&redis, &model).await;
    let mut watcher = heir.caller.events(&session, "").await;
    watcher.until("3+mine").await;
    slow.process.send(Signal::SIGSTOP);
    let mut second = Answer::begin(model.asked().await.0).await;
    second.say("yours").await;
    let seen = watcher.until("5+yours").await;
    assert_eq!(seen, ["4:run_started", "5:turn_started", "5+yours"]);
    // The one that stood still wakes with an answer in its hand: of the two, one may write.
    first.say(" and mine").await;
    first.end().await;
    slow.process.send(Signal::SIGCONT);
    slow.caller.is_ready().await;
    slow.caller.run_is(&run, "running").await;
    second.say(", only yours!").await;
    assert_eq!(watcher.until("5+, only yours!").await, ["5+, only yours!"]);
    second.end().await;
    let seen = watcher.until("7:run_finished").await;
    assert_eq!(seen, ["6:assistant_message", "7:run_finished"]);
    let ended = slow.caller.run_is(&run, "completed").await;
    assert_eq!(ended["text"], "yours, only yours!", "{ended}");
    let entries = journal(&slow.caller, &session).await;
    let answers = names(&entries).iter().filter(|name| **name == "assistant_message").count();
    assert_eq!((answers, entries.len()), (1, 7), "{entries:?}");
    // It still works.
    let (model, caller) = (&model, &slow.caller);
    let next = async { caller.say(&session, "again").await };
    let (next, ()) = tokio::join!(next, async {
        answer(model.asked().await.0, "text/event-stream", &says("Well.")).await;
    });
    caller.run_is(&next, "completed").await;
}

#[tokio::test]
async fn while_redis_is_gone_both_say_so_and_nothing_acknowledged_is_lost() {
    let (mut redis, model) = (RedisServer::start().await, Peer::start().await);
    let one = Server::start(&redis, &model).await;
    let other = Server::start(&redis, &model).await;
    let session = one.caller.session().await;
    let run = one.caller.say(&session, "hello").await;
    let mut call = Answer::begin(model.asked().await.0).await;
    call.say("Well, ").await;
    let mut watcher = other.caller.events(&session, "").await;
    watcher.until("3+Well, ").await;
    redis.kill().await;
    assert!(watcher.rest().await.is_empty(), "who watched is told to begin anew");
    // The answer is complete while there is nothing to keep it in.
    call.say("hello.").await;
    call.end().await;
    for server in [&one, &other] {
        let (status, failing) = server.caller.readiness().await;
        assert_eq!((status, failing.len()), (503, 1), "{failing:?}");
        assert!(failing[0].starts_with("store: ") && failing[0].contains("Redis at 127.0.0.1"));
        let message = json!({"text": "lost?"});
        let path = format!("{session}/messages");
        let (status, problem) = server.caller.call(reqwest::Method::POST, &path, &message).await;
        assert_eq!((status, &problem["type"]), (503, &json!("urn:livos:problem:unavailable")));
    }
    redis.restart().await;
    for server in [&one, &other] {
        server.caller.is_ready().await;
    }
    // The answer is kept by whoever had it in its hand, or asked for again if its lease was over.
    let looked = other.caller.run_is(&run, "completed");
    let asked_again = async {
        loop {
            answer(model.asked().await.0, "text/event-stream", &says("Well, hello.")).await;
        }
    };
    let ended = tokio::select! {
        ended = looked => ended,
        () = asked_again => unreachable!(),
    };
    assert_eq!(ended["text"], "Well, hello.");
    let entries = journal(&one.caller, &session).await;
    assert_eq!(names(&entries).last(), Some(&"run_finished"));
    assert!(redis.cli(&["PING"]).await.contains("PONG"));
}
