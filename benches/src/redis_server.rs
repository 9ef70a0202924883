//! A Redis of its own for a bench.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Error;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

/// A `redis-server` that keeps an append-only file. It is killed when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    url: String,
    _home: TempDir,
}

impl RedisServer {
    /// Starts one on a free port; `fsync` is its `appendfsync`: `always` or `everysec`.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not start.
    pub fn start(fsync: &str) -> Result<Self, Error> {
        let home = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", fsync, "--dir"])
            .arg(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let said = process.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        if !lines.any(|line| line.contains("Ready to accept connections")) {
            process.wait()?;
            return Err(Error::other("redis-server did not start"));
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, url: format!("redis://127.0.0.1:{port}"), _home: home })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
