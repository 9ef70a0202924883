//! Many tasks on a real server, counted at the socket of the model they ask.

use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::caller::Caller;
use crate::counting_model::CountingModel;
use crate::counting_model::ENDLESS;
use crate::process;
use crate::process::Process;

const TASKS: usize = 200;
const AT_ONCE: usize = 8;
/// Longer than all tasks together should take, on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(120);
/// How soon a task that is stopped spends no more.
const STOP_TIME: Duration = Duration::from_secs(1);

struct Server {
    caller: Caller,
    process: Process,
    home: TempDir,
}

impl Server {
    async fn start(model: &CountingModel, adjust: impl FnOnce(&mut Command)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), model, adjust).await
    }

    async fn start_in(
        home: TempDir,
        model: &CountingModel,
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = process::command(home.path());
        command
            .env("LIVOS_AGENT_MAX_CONCURRENT_RUNS", AT_ONCE.to_string())
            .env("LIVOS_AGENT_TASKS_PER_USER", TASKS.to_string());
        model.serve(&mut command);
        adjust(&mut command);
        let process = process::started(command).await;
        let caller = Caller::new(&process, home.path());
        caller.is_ready().await;
        Self { caller, process, home }
    }

    async fn tasks(&self, texts: &[String]) -> Vec<String> {
        let started = self.caller.post("/api/tasks", &json!({"tasks": texts})).await;
        let tasks = started["tasks"].as_array().unwrap_or_else(|| panic!("{started}"));
        tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn two_hundred_tasks_are_done_and_never_more_than_eight_ask_at_once() {
    // Long enough that all places are taken before the first is free again.
    let model = CountingModel::start(Duration::from_millis(150)).await;
    let server = Server::start(&model, |_| {}).await;
    let texts: Vec<String> = (0..TASKS).map(|number| format!("job {number}.")).collect();
    let tasks = server.tasks(&texts).await;
    assert_eq!(tasks.len(), TASKS);
    model.was_asked(TASKS, LONG).await;
    server.caller.run_is(tasks.last().unwrap(), "completed").await;
    for task in &tasks {
        server.caller.run_is(task, "completed").await;
    }
    assert_eq!(model.most_at_once(), AT_ONCE, "all places are used, and no more");
    let asked = model.texts();
    assert_eq!((asked.len(), model.asked()), (TASKS, TASKS), "each is done once");
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
}

#[tokio::test]
async fn a_task_that_is_stopped_spends_nothing_a_second_later() {
    let model = CountingModel::start(Duration::ZERO).await;
    let server = Server::start(&model, |_| {}).await;
    let texts: Vec<String> = (0..=AT_ONCE).map(|_| format!("Go on {ENDLESS}.")).collect();
    let tasks = server.tasks(&texts).await;
    model.was_asked(AT_ONCE, LONG).await;
    let waiting = server.caller.get("/api/tasks?status=queued").await;
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(1), "{waiting}");
    // The one that waits takes the place of the first that is stopped; then all are stopped.
    for (stopped, task) in tasks.iter().enumerate() {
        let asked_at = Instant::now();
        let answer = server.caller.post(&format!("/api/tasks/{task}/cancel"), &json!({})).await;
        assert_eq!(answer["status"], "cancelled", "{answer}");
        let left = tasks.len() - stopped - 1;
        let quiet = async {
            while model.open() > left.min(AT_ONCE) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let quiet = tokio::time::timeout(LONG, quiet).await;
        assert!(quiet.is_ok() && asked_at.elapsed() < STOP_TIME, "{:?}", asked_at.elapsed());
    }
    let asked = model.asked();
    assert!(asked <= tasks.len(), "{asked} requests for {} tasks", tasks.len());
    tokio::time::sleep(STOP_TIME).await;
    assert_eq!((model.asked(), model.open()), (asked, 0), "nobody asks again");
    let over = server.caller.get("/api/tasks?status=cancelled").await;
    assert_eq!(over["items"].as_array().map(Vec::len), Some(tasks.len()));
}

#[tokio::test]
async fn tasks_wait_while_the_machine_has_no_memory_left_and_people_do_not() {
    let model = CountingModel::start(Duration::ZERO).await;
    // No machine uses less.
    let full = |command: &mut Command| {
        command.env("LIVOS_TASKS_MAX_MEMORY_PERCENT", "1");
    };
    let server = Server::start(&model, full).await;
    let tasks = server.tasks(&["job 1.".to_owned(), "job 2.".to_owned()]).await;
    let session = server.caller.session().await;
    let run = server.caller.say(&session, "Hello.").await;
    server.caller.run_is(&run, "completed").await;
    let task = server.caller.get(&format!("/api/tasks/{}", tasks[0])).await;
    assert_eq!(task["status"], "queued", "{task}");
    let reason = task["waits_for"].as_str().unwrap_or_default();
    assert!(reason.starts_with("memory: ") && reason.ends_with("it begins below 1 %"), "{task}");
    let listed = server.caller.get("/api/tasks").await;
    assert!(listed["items"][1]["waits_for"].is_string(), "{listed}");
    assert_eq!(model.asked(), 1);
    let stopped =
        server.caller.post(&format!("/api/tasks/{}/cancel", tasks[0]), &Value::Null).await;
    assert_eq!(stopped["status"], "cancelled", "one that waits can be stopped: {stopped}");
    assert_eq!(stopped.get("waits_for"), None);

    // Where there is room again what waited goes on.
    assert_eq!(server.process.signal(Signal::SIGTERM).await.code(), Some(0));
    let server = Server::start_in(server.home, &model, |_| {}).await;
    let done = server.caller.run_is(&tasks[1], "completed").await;
    assert_eq!(done.get("waits_for"), None);
    assert_eq!(model.asked(), 2);
}
