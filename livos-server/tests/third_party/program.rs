//! Programs of others: found, started on a free port, ended with the test.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

/// How long a program may take until it answers. Seen: 2 to 6 s on a busy machine.
const START_TIME: Duration = Duration::from_secs(60);
/// Between two looks whether it answers.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A file of an installed program.
pub(crate) fn installed(path: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party");
    let cache = std::env::var_os("LIVOS_TEST_CACHE").map_or(default, PathBuf::from);
    let file = cache.join(path);
    assert!(
        file.exists(),
        "{} is not installed; run `cargo xtask third-party`, or all tests by `cargo xtask test`",
        file.display()
    );
    file
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    url: String,
    child: Child,
    client: reqwest::Client,
    folder: TempDir,
}

impl Server {
    /// Starts a command that listens on the port it is given, and waits until it answers at `health`.
    pub(crate) async fn start(command: impl FnOnce(u16) -> Command, health: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command(port)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { url, child, client: reqwest::Client::new(), folder };
        server.wait_for(health).await;
        server
    }

    /// As [`start`](Self::start), for a program without a page that answers well: any answer will do.
    pub(crate) async fn start_anyway(command: impl FnOnce(u16) -> Command) -> Self {
        Self::start(command, "").await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A folder of its own, gone with it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) {
        let request = self.client.post(self.url(path)).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "POST {path} {body}: {status} {text}");
    }

    async fn wait_for(&mut self, health: &str) {
        let deadline = Instant::now() + START_TIME;
        while !self.answers(health).await {
            let ended = self.child.try_wait().unwrap();
            let is_late = Instant::now() > deadline;
            assert!(ended.is_none() && !is_late, "no answer at {health}: {}", self.log());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn answers(&self, health: &str) -> bool {
        let response = self.client.get(self.url(health)).send().await;
        response.is_ok_and(|response| response.status().is_success() || health.is_empty())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a program that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
