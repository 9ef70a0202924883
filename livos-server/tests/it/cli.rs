//! The `livos` command as people and scripts use it.

mod agents;
mod backup;
mod chat;
mod compact;
mod doctor;
mod lists;
mod memory;
mod replay;
mod run;
mod schedules;
mod secrets;
mod status;
mod tasks;

use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::process::Command;

use crate::test_server::KEY;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;

/// The command with a home of its own and the demo model, and nothing from who runs the test.
pub(crate) fn livos(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livos"));
    command
        .args(arguments)
        .env_clear()
        .env("LIVOS_HOME", home)
        .env("LIVOS_LISTEN", "127.0.0.1:0")
        .env("LIVOS_MODEL", "demo/demo")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The command as a client of a server that the test made.
fn client_of(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = livos(Path::new("/proc/no-home-is-needed"), arguments);
    command.env("LIVOS_URL", server.url("")).env("LIVOS_API_KEY", KEY);
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// The lines of standard output as JSON.
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        self.out.lines().map(parse).collect()
    }
}

pub(crate) async fn ended(child: Child) -> Ended {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
    let output = output.await.expect("the command ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) async fn tried(mut command: Command) -> Ended {
    ended(command.spawn().unwrap()).await
}

/// As [`tried`], with this on standard input.
async fn told(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    ended(child).await
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id().expect("it runs")).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
}
