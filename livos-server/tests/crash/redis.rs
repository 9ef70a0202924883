//! A Redis that is killed too, and starts again with what its append-only file has.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;

const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a start may take, reading the append-only file included.
const START_TIME: Duration = Duration::from_secs(30);

/// A Redis on a port of its own that writes everything down before it answers.
#[derive(Debug)]
pub(crate) struct Redis {
    port: u16,
    folder: PathBuf,
    child: Child,
}

impl Redis {
    pub(crate) async fn start(folder: &Path) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = spawn(port, folder);
        let redis = Self { port, folder: folder.to_owned(), child };
        redis.answers().await;
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it with SIGKILL, leaves it dead for so long, and starts it again.
    pub(crate) async fn die_for(&mut self, time: Duration) {
        self.child.kill().await.unwrap();
        tokio::time::sleep(time).await;
        self.child = spawn(self.port, &self.folder);
        self.answers().await;
    }

    async fn answers(&self) {
        let answered = async {
            while !self.is_ready().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(START_TIME, answered).await.expect("redis-server starts");
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

fn spawn(port: u16, folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("redis.log")).unwrap();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .kill_on_drop(true);
    command.spawn().expect("redis-server is installed (apt-get install redis-server)")
}
