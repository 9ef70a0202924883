//! A Redis of the test's own, which it can kill.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;

use crate::test_server::PATIENCE;

/// A `redis-server` that writes everything down before it answers. It dies with this.
pub(crate) struct RedisServer {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let redis = Self { child: spawn(folder.path(), port), folder, port };
        redis.answers().await;
        redis
    }

    /// One that writes nothing down, for tests in which it does not die.
    pub(crate) async fn start_forgetful() -> Self {
        let redis = Self::start().await;
        let answer = redis.cli(&["config", "set", "appendonly", "no"]).await;
        assert_eq!(answer.trim(), "OK");
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again with what it had.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.folder.path(), self.port);
        self.answers().await;
    }

    /// What it answers to a command.
    pub(crate) async fn cli(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        let output = cli.args(["-p", &self.port.to_string()]).args(command).output().await;
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    async fn answers(&self) {
        let answered = async {
            while !self.is_ready().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("redis-server starts");
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else {
            return false;
        };
        let mut answer = [0; 5];
        let asked = stream.write_all(b"PING\r\n").await;
        asked.is_ok() && stream.read_exact(&mut answer).await.is_ok() && &answer == b"+PONG"
    }
}

fn spawn(folder: &Path, port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command.spawn().expect("redis-server is installed (apt-get install redis-server)")
}
