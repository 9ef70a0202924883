//! `livos schedules`.

use livos_core::testing::Script;

use super::client_of;
use super::tried;
use crate::test_server::TestServer;
use crate::test_server::scripted;

#[tokio::test]
async fn schedules_are_made_shown_paused_fired_and_deleted() {
    let server = TestServer::with(scripted([Script::text("Good morning.")]), &[]).await;
    let none = tried(client_of(&server, &["schedules"])).await;
    assert_eq!((none.code, none.err.as_str()), (Some(0), "there are none\n"));
    let cron = ["--cron", "0 9 * * MON-FRI", "--zone", "Europe/Berlin"];
    let add = |more: &[&'static str]| {
        let mut words = vec!["schedules", "add", "Greet me."];
        words.extend(cron);
        words.extend(more);
        tried(client_of(&server, &words))
    };
    let dry = add(&["--dry-run"]).await;
    assert_eq!(dry.out.lines().count(), 5, "{dry:?}");
    let made = add(&["--title", "Morning", "--overlap", "replace"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.err.starts_with("next at "), "{made:?}");
    let id = made.out.trim();
    let listed = tried(client_of(&server, &["schedules", "list"])).await;
    assert!(
        listed.out.starts_with(id)
            && listed.out.ends_with("  Morning  [0 9 * * MON-FRI (Europe/Berlin)]\n"),
        "{listed:?}"
    );
    let fired = tried(client_of(&server, &["schedules", "run", id])).await;
    assert_eq!(fired.out.trim().len(), id.len(), "{fired:?}");
    let paused = tried(client_of(&server, &["schedules", "pause", id])).await;
    assert!(paused.out.contains("  paused  -  "), "{paused:?}");
    let doctor = tried(client_of(&server, &["doctor"])).await;
    assert!(format!("{doctor:?}").contains("1 paused"), "{doctor:?}");
    let shown = tried(client_of(&server, &["schedules", "show", id])).await;
    assert!(shown.out.contains("somebody paused it") && shown.out.contains("by_hand"), "{shown:?}");
    let resumed = tried(client_of(&server, &["schedules", "resume", id, "--json"])).await;
    assert_eq!(resumed.json_lines()[0]["status"], "active");
    let removed = tried(client_of(&server, &["schedules", "remove", id])).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let wrong = ["schedules", "add", "x", "--cron", "61 * * * *"];
    let wrong = tried(client_of(&server, &wrong)).await;
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("recurrence.expression"), "{wrong:?}");
    let both = ["schedules", "add", "x", "--every", "15m", "--after", "3d"];
    assert_eq!(tried(client_of(&server, &both)).await.code, Some(2));
    let every = ["schedules", "add", "x", "--every", "15m", "--if-unwell"];
    assert_eq!(tried(client_of(&server, &every)).await.code, Some(0));
}
