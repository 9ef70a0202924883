//! `livos export` and `livos replay`.

use std::os::unix::fs::PermissionsExt;

use livos_core::testing::Script;
use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;

use super::client_of;
use super::livos;
use super::tried;
use crate::process;
use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::scripted;

#[tokio::test]
async fn an_exported_run_replays_and_shows_what_was_changed() {
    let answers =
        [Script::tool("a", "time", json!({"operation": "now"})), Script::text("It is noon.")];
    let server = TestServer::with(scripted(answers), &[]).await;
    let session = server.session().await;
    let run = server.say(&session, &format!("What time is it? My key is {KEY}.")).await;
    server.finished(&session, &run).await;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run.json");
    let path = file.to_str().unwrap();
    let exported = tried(client_of(&server, &["export", &run, "-o", path])).await;
    assert_eq!((exported.code, exported.out.as_str()), (Some(0), ""), "{exported:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(KEY), "the server's own key has left");
    assert!(text.contains("My key is [secret LIVOS_API_KEY]."));
    let printed = tried(client_of(&server, &["export", &run])).await;
    assert_eq!(printed.out, text);

    let replayed = tried(livos(directory.path(), &["replay", path])).await;
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert_eq!(replayed.out, format!("✓ run {run} goes as recorded: 8 entries\n"));

    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["entries"][3]["input"] = json!({"operation": "now", "time_zone": "Utc"});
    std::fs::write(&file, changed.to_string()).unwrap();
    let differs = tried(livos(directory.path(), &["replay", path])).await;
    assert_eq!(differs.code, Some(1), "{differs:?}");
    assert_eq!(
        differs.out,
        format!(
            "✗ run {run} goes otherwise than recorded from entry 5 on\n  \
             expected: tool_started of `time` with `input.time_zone` \"Utc\"\n  \
             came:     nothing\n"
        )
    );
}

#[tokio::test]
async fn keys_of_the_environment_do_not_leave() {
    let home = tempfile::tempdir().unwrap();
    let planted = "planted.secret/0123456789";
    let mut command = process::command(home.path());
    command.env("LIVOS_MODEL", "demo/demo").env("SOME_SERVICE_TOKEN", planted);
    let server = process::started(command).await;
    let task = format!("Say {planted}");
    let run = tried(livos(home.path(), &["run", "--json", &task])).await;
    assert!(!run.out.contains(planted), "{run:?}");
    let id = run.json_lines()[0]["run_id"].as_str().unwrap().to_owned();
    let exported = tried(livos(home.path(), &["export", &id])).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(
        exported.out.contains("Say [secret SOME_SERVICE_TOKEN]") && !exported.out.contains(planted)
    );
    server.signal(Signal::SIGTERM).await;
    let file = home.path().join("run.json");
    std::fs::write(&file, &exported.out).unwrap();
    let replayed = tried(livos(home.path(), &["replay", file.to_str().unwrap()])).await;
    assert_eq!(replayed.code, Some(0), "without a server: {replayed:?}");
}

#[tokio::test]
async fn what_cannot_be_exported_or_replayed_is_told() {
    let server = TestServer::start().await;
    let unknown = "01970000-0000-7000-8000-000000000000";
    let ended = tried(client_of(&server, &["export", unknown])).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("(HTTP 404)"), "{ended:?}");
    let ended = tried(client_of(&server, &["export", "nonsense"])).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");

    let directory = tempfile::tempdir().unwrap();
    let missing = tried(livos(directory.path(), &["replay", "/nowhere/run.json"])).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("/nowhere/run.json: No such file"), "{missing:?}");
    let file = directory.path().join("run.json");
    std::fs::write(&file, "{\"recording\": 99}").unwrap();
    let newer = tried(livos(directory.path(), &["replay", file.to_str().unwrap()])).await;
    assert_eq!(newer.code, Some(1), "{newer:?}");
    assert!(newer.err.contains("format 99, this version reads up to 1"), "{newer:?}");
}
