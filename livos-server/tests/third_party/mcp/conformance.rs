//! The official conformance suite, for our client and our server.

use std::process::Command;

use livos_tools::mcp::ServerDefinition;
use serde_json::json;

use super::Desk;
use super::new_node;
use super::profile;
use crate::program::installed;

/// The variable by which the suite tells a client what is tried.
const SCENARIO: &str = "MCP_CONFORMANCE_SCENARIO";

/// What our server does not offer, and so cannot pass: `docs/mcp.md` says why.
const NOT_OFFERED: &str = "server:
  - completion-complete
  - elicitation-sep1034-defaults
  - elicitation-sep1330-enums
  - logging-set-level
  - prompts-get-embedded-resource
  - prompts-get-simple
  - prompts-get-with-args
  - prompts-get-with-image
  - prompts-list
  - resources-list
  - resources-read-binary
  - resources-read-text
  - resources-subscribe
  - resources-templates-read
  - resources-unsubscribe
  - server-sse-polling
  - tools-call-audio
  - tools-call-elicitation
  - tools-call-embedded-resource
  - tools-call-mixed-content
  - tools-call-sampling
  - tools-call-with-logging
";

fn suite() -> Command {
    let mut command = Command::new(new_node());
    command.arg(installed("npm/node_modules/.bin/conformance"));
    command
}

async fn passes(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn our_server_conforms() {
    let address = profile::serve().await;
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.yml");
    std::fs::write(&expected, NOT_OFFERED).unwrap();
    let mut command = suite();
    command.args(["server", "--suite", "all", "--url", &format!("http://{address}/mcp")]);
    command.arg("--expected-failures").arg(expected).current_dir(folder.path());
    passes(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let probe = std::env::current_exe().unwrap();
    let probe = format!("{} --exact mcp::conformance::probe", probe.display());
    for scenario in ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"]
    {
        let mut command = suite();
        command.args(["client", "--command", &probe, "--scenario", scenario]);
        command.current_dir(folder.path());
        let said = passes(command).await;
        assert!(!said.contains("FAILURE"), "{scenario}: {said}");
    }
}

/// The client that the suite starts, with its server's address as the last argument. Without the
/// suite there is nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn probe() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    let url = std::env::args().next_back().unwrap();
    let desk = Desk::new().await.answering(json!({}));
    let definition = ServerDefinition::http(url).unwrap();
    if scenario == "initialize" {
        let name = livos_tools::mcp::ServerName::new("suite").unwrap();
        desk.servers.add(name, definition).await.unwrap();
        desk.servers.restart("suite").await.unwrap();
    } else {
        desk.add("suite", definition).await;
        let (tool, arguments) = match scenario.as_str() {
            "tools_call" => ("add_numbers", json!({"a": 5, "b": 3})),
            "sse-retry" => ("test_reconnection", json!({})),
            _ => ("test_client_elicitation_defaults", json!({})),
        };
        let called = desk.call(&format!("mcp__suite__{tool}"), arguments).await;
        assert_eq!(called.status, livos_core::ToolStatus::Ok, "{called:?}");
    }
    desk.servers.close().await;
}
