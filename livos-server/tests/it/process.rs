//! The server as the process that people start.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitStatus;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;

use crate::test_server::PATIENCE;

pub(crate) struct Process {
    child: Child,
    /// What it printed before it was ready.
    greeting: Vec<String>,
}

pub(crate) fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livos-server"));
    prepare(&mut command, home);
    command
}

/// Gives a command this home, a free port, and nothing from who runs the test.
pub(crate) fn prepare(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("LIVOS_HOME", home)
        .env("LIVOS_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
}

pub(crate) async fn start(home: &Path) -> Process {
    started(command(home)).await
}

pub(crate) async fn started(mut command: Command) -> Process {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut greeting = Vec::new();
    while greeting.len() < 3 {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts");
        greeting.push(line.unwrap().expect("it says where it listens"));
    }
    Process { child, greeting }
}

impl Process {
    pub(crate) fn url(&self) -> &str {
        self.greeting[0].strip_prefix("LivOS listens on ").unwrap()
    }

    /// Sends a signal and does not wait for anything.
    pub(crate) fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    pub(crate) async fn signal(mut self, signal: Signal) -> ExitStatus {
        self.send(signal);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops").unwrap()
    }
}

/// Runs to the end and gives the exit code and what it said on standard error.
pub(crate) async fn fails(mut command: Command) -> (i32, String) {
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    let read = tokio::time::timeout(PATIENCE, errors.read_to_string(&mut said));
    read.await.expect("it ends").unwrap();
    (child.wait().await.unwrap().code().unwrap(), said)
}

#[tokio::test]
async fn it_starts_says_where_and_stops_when_told() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let link = server.greeting[1].strip_prefix("Log in once, within 15 minutes: ").unwrap();
    assert!(link.starts_with(&format!("{}/login?token=", server.url())), "{link}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = client.get(format!("{}/healthz", server.url())).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let key = home.path().join("api.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(key).unwrap();
    assert!(!server.greeting.join("\n").contains(key.trim()), "the key itself is not printed");
    let tools = client.get(format!("{}/api/tools", server.url())).bearer_auth(key.trim());
    assert_eq!(tools.send().await.unwrap().status(), 200);
    assert_eq!(server.signal(Signal::SIGTERM).await.code(), Some(0));
    // The second start has the key already, and nobody at a terminal to give a link to.
    let again = start(home.path()).await;
    assert!(again.greeting[1].contains("Log in with the API key"), "{:?}", again.greeting);
    assert_eq!(again.signal(Signal::SIGINT).await.code(), Some(0));
}

#[tokio::test]
async fn the_demo_model_needs_no_key() {
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path());
    // Without this a model server of the machine that runs the test would be found first.
    command.env("LIVOS_MODEL", "demo/demo");
    let server = started(command).await;
    let key = std::fs::read_to_string(home.path().join("api.key")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client
        .post(format!("{}/v1/chat/completions", server.url()))
        .bearer_auth(key.trim())
        .header("content-type", "application/json")
        .body(r#"{"model":"default","messages":[{"role":"user","content":"12 * 7"}]}"#);
    let answer = asked.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("84"), "{answer}");
    server.signal(Signal::SIGTERM).await;
}

#[tokio::test]
async fn an_address_of_a_provider_that_is_none_is_named() {
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path());
    command.env("ANTHROPIC_BASE_URL", "localhost");
    let (code, said) = fails(command).await;
    assert_eq!(code, 1);
    assert!(said.contains("anthropic"), "{said}");
}

#[tokio::test]
async fn a_second_server_on_one_home_is_told_so() {
    let home = tempfile::tempdir().unwrap();
    let first = start(home.path()).await;
    let (code, said) = fails(command(home.path())).await;
    assert_eq!(code, 1);
    assert!(said.contains("in use by another livos-server"), "{said}");
    assert!(said.contains(first.url()), "{said}");
    first.signal(Signal::SIGTERM).await;
    let found = livos_server::RunningServer::find(home.path());
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_named() {
    // Even root cannot make a directory there.
    let (code, said) = fails(command(Path::new("/proc/livos-home"))).await;
    assert_eq!(code, 1);
    assert!(said.contains("cannot use /proc/livos-home"), "{said}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path());
    command.env("LIVOS_LISTEN", &address);
    let (code, said) = fails(command).await;
    assert_eq!(code, 1);
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_all_told() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("livos.toml"), "listn = 1\n[agent]\nshell = 7\n").unwrap();
    let mut command = command(home.path());
    command.env("LIVOS_LISTEN", "0.0.0.0:0").env("LIVOS_STORE", "rediss://localhost");
    let (code, said) = fails(command).await;
    assert_eq!(code, 2);
    for part in [
        "4 problems",
        "did you mean 'listen'?",
        "agent.shell",
        "TLS to Redis is not in this version",
        "LIVOS_API_KEY",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_damaged_store_is_named_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("livos.db");
    std::fs::write(&store, "this is no database, and long enough to be looked at".repeat(100))
        .unwrap();
    let (code, said) = fails(command(home.path())).await;
    assert_eq!(code, 1);
    assert!(said.contains("cannot open the store") && said.contains("livos.db"), "{said}");
    assert!(std::fs::read_to_string(&store).unwrap().starts_with("this is no database"));
}
