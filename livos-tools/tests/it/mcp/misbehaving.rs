//! Servers that hang, die, print nonsense or start others: the run goes on with an honest error in
//! time, and no process is left.

use livos_core::ToolStatus;
use livos_tools::mcp::ServerState;
use livos_tools::mcp::ToolState;
use livos_tools::mcp::WrittenServer;

use super::Bench;
use super::Duration;

/// What a deadline may be overdrawn by on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

fn quick(written: WrittenServer) -> WrittenServer {
    let mut written = written;
    written.start_timeout_ms = Some(700);
    written.call_timeout_ms = Some(700);
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_at_the_start_is_given_up_in_time() {
    let bench = Bench::new().await;
    let status = bench.add_written("bad", quick(bench.written("hang_at_start"))).await;
    assert_eq!(status.state, ServerState::Failed);
    assert!(status.error.unwrap().contains("did not answer within 0.7 seconds"));
    assert_eq!(bench.processes(), 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_at_the_start_tells_why_and_no_secret() {
    let bench = Bench::new().await;
    let status = bench.add("bad", "die_at_start").await;
    let error = status.error.unwrap();
    assert!(error.contains("cannot find my licence [secret]"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_prints_only_nonsense_is_cut_off() {
    let bench = Bench::new().await;
    let begun = tokio::time::Instant::now();
    let status = bench.add("bad", "garbage").await;
    assert_eq!(status.state, ServerState::Failed);
    assert!(begun.elapsed() < Duration::from_secs(4) + SLACK);
    assert_eq!(bench.processes(), 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_definitions_are_refused_by_name_and_the_others_work() {
    let bench = Bench::new().await;
    let status = bench.add("bad", "hostile").await;
    let told = |name: &str| {
        let found = status.tools.iter().find(|tool| tool.tool.starts_with(name));
        let found = found.unwrap_or_else(|| panic!("no {name} in {status:?}"));
        (found.state, found.reason.clone().unwrap_or_default(), found.name.clone())
    };
    let specs = bench.tools.specs();
    let offers = |name: &str| specs.iter().any(|spec| spec.name.as_str() == name);
    for (name, reason) in [("circle", "circle"), ("elsewhere", "169.254.169.254")] {
        let (state, told, offered) = told(name);
        assert_eq!(state, ToolState::Refused, "{name}");
        assert!(told.contains(reason), "{name}: {told}");
        assert!(!offers(&offered), "{offered} is offered");
    }
    let warned = status.warnings.join("; ");
    assert!(warned.contains("circle") && warned.contains("elsewhere"), "{warned}");
    // A name that is none is made one, and what a terminal obeys is not passed on.
    let (state, _, odd) = told("no/id");
    assert_eq!(state, ToolState::Offered);
    assert!(odd.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{odd}");
    assert!(specs.iter().all(|spec| !spec.description.contains('\u{1b}')), "{specs:?}");
    drop(specs);
    assert_eq!(bench.call(&odd).await.text(), "heard");
    assert_eq!(bench.call("mcp__bad__echo").await.text(), "heard");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banner_does_no_harm() {
    let bench = Bench::new().await;
    assert_eq!(bench.add("chatty", "banner").await.state, ServerState::Ready);
    assert_eq!(bench.call("mcp__chatty__echo").await.text(), "heard");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_at_a_call_is_told_that_nobody_waits() {
    let bench = Bench::new().await;
    bench
        .add_written("bad", {
            let mut written = bench.written("hang_at_call");
            written.call_timeout_ms = Some(700);
            written
        })
        .await;
    let called = bench.call("mcp__bad__echo").await;
    assert_eq!(called.status, ToolStatus::Error);
    assert!(called.text().contains("did not answer within 0.7 seconds"), "{}", called.text());
    assert!(called.took < Duration::from_millis(700) + SLACK);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_in_a_call_is_named_with_its_last_words() {
    let bench = Bench::new().await;
    bench.add("bad", "die_at_call").await;
    let called = bench.call("mcp__bad__echo").await;
    assert_eq!(called.status, ToolStatus::Error);
    let text = called.text();
    assert!(text.contains("exit status: 7") && text.contains("out of memory"), "{text}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_died_is_started_again_for_the_next_call() {
    let bench = Bench::new().await;
    bench.add("shaky", "die_once").await;
    assert_eq!(bench.call("mcp__shaky__echo").await.status, ToolStatus::Error);
    assert_eq!(bench.call("mcp__shaky__echo").await.text(), "heard");
    let status = bench.servers.get("shaky").unwrap();
    assert_eq!((status.state, status.restarts), (ServerState::Ready, 1));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_keeps_failing_is_left_alone_and_says_how_long() {
    let bench = Bench::new().await;
    bench.add("bad", "die_at_start").await;
    // Each restart by hand begins anew; failures in a row make the pause longer.
    let mut errors = Vec::new();
    for _ in 0..5 {
        if let Err(error) = bench.servers.approve("bad", None).await {
            errors.push(error.to_string());
        }
    }
    assert!(errors.last().unwrap().contains("it is tried again in"), "{errors:?}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_read_past() {
    let bench = Bench::new().await;
    let mut written = bench.written("flood");
    written.call_timeout_ms = Some(20_000);
    bench.add_written("loud", written).await;
    assert_eq!(bench.call("mcp__loud__echo").await.text(), "heard");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_starts_ends_with_it() {
    let bench = Bench::new().await;
    bench.add("parent", "forks").await;
    assert_eq!(bench.call("mcp__parent__echo").await.text(), "heard");
    assert!(bench.processes() >= 3, "{} processes", bench.processes());
    bench.servers.remove("parent").await.unwrap();
    assert_eq!(bench.processes(), 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_listen_to_signals_is_killed() {
    let bench = Bench::new().await;
    bench.add("deaf", "deaf").await;
    let begun = tokio::time::Instant::now();
    bench.servers.remove("deaf").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4) + SLACK);
    assert_eq!(bench.processes(), 0);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_server_does_not_delay_the_others() {
    let bench = Bench::new().await;
    let name = livos_tools::mcp::ServerName::new("bad").unwrap();
    bench.servers.add(name, bench.definition("hang_at_start")).await.unwrap();
    let begun = tokio::time::Instant::now();
    bench.add("good", "fine").await;
    assert_eq!(bench.call("mcp__good__echo").await.text(), "heard");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(bench.servers.get("bad").unwrap().state, ServerState::Starting);
    // It is still starting, and is ended all the same.
    bench.close().await;
}
