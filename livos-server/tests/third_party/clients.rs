//! A LivOS server with the demo model, used by programs that others wrote.

use std::path::Path;
use std::process::Command;

use crate::program::Server;
use crate::program::installed;

/// The key that the clients send.
pub(crate) const KEY: &str = "a-key-for-third-party-tests";

/// Under which names Chromium is found, where `CHROMIUM` does not say.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

#[tokio::test]
async fn the_official_openai_client_is_content() {
    let livos = start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/openai_client.py");
    let mut client = Command::new(installed("venv/bin/python"));
    client.arg(script).arg(livos.url("/v1")).arg(KEY);
    run(client).await;
}

/// Schemathesis asks what the description allows, and what it does not, and looks whether the answers
/// are those described. Not asked: that everything a schema allows is accepted, because no schema tells
/// which models and sessions there are.
#[tokio::test]
async fn the_api_is_what_its_description_says() {
    let livos = start().await;
    let mut fuzzer = Command::new(installed("venv/bin/schemathesis"));
    fuzzer.args(["run", "--no-color", "--max-examples=10", "--seed=1", "--request-timeout=5"]);
    // Journals in JSON Lines are beyond the fuzzer: it has no serializer for them.
    fuzzer.args(["--exclude-path=/api/sessions/import", "--exclude-path=/api/memories/import"]);
    // It would have the server start programs of any name; the protocol has a suite of its own.
    fuzzer.args(["--exclude-path=/api/mcp/servers", "--exclude-path=/api/mcp/servers/{name}"]);
    fuzzer.arg("--exclude-path=/mcp");
    // Wrong keys make their address wait, as they should, and all that follows with it.
    fuzzer
        .args(["--exclude-path=/login", "--exclude-checks=ignored_auth,positive_data_acceptance"]);
    fuzzer.arg("--header").arg(format!("Authorization: Bearer {KEY}"));
    fuzzer.arg(livos.url("/openapi.json"));
    fuzzer.current_dir(livos.folder());
    run(fuzzer).await;
}

#[tokio::test]
async fn the_console_works_in_a_browser() {
    let livos = start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    let mut test = Command::new("node");
    // They share a server, and look at all that it has.
    test.args(["--test", "--test-concurrency=1"]);
    test.args(["console.test.mjs", "pages.test.mjs"].map(|file| folder.join(file)));
    test.env("NODE_PATH", installed("npm/node_modules"));
    test.env("CHROMIUM", browser());
    test.env("LIVOS_CONSOLE_URL", livos.url(""));
    test.env("LIVOS_CONSOLE_KEY", KEY);
    run(test).await;
}

pub(crate) async fn start() -> Server {
    Server::start(
        |port| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_livos-server"));
            // Only what the server needs: no key of the one who runs the tests.
            let path = std::env::var_os("PATH").unwrap_or_default();
            command.env_clear().env("PATH", path).env("LIVOS_API_KEY", KEY);
            // So that a short conversation can be made shorter.
            command.env("LIVOS_COMPACTION_KEEP_MESSAGES", "2");
            command.args(["--home", "home", "--store", "memory:", "--model", "demo/demo"]);
            command.arg("--listen").arg(format!("127.0.0.1:{port}"));
            command
        },
        "/readyz",
    )
    .await
}

async fn run(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
}

pub(crate) fn browser() -> String {
    if let Ok(named) = std::env::var("CHROMIUM") {
        return named;
    }
    let folders = std::env::var("PATH").unwrap_or_default();
    let candidates = folders
        .split(':')
        .flat_map(|folder| BROWSERS.iter().map(move |name| format!("{folder}/{name}")));
    let mut found = candidates.filter(|path| Path::new(path).is_file());
    found.next().expect("no Chromium on PATH; run `cargo xtask third-party`")
}
