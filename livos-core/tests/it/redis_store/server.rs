//! A Redis of its own for a test.

use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use livos_core::RedisConfig;
use tempfile::TempDir;

/// A `redis-server` on a free port, in a directory of its own. It dies with this.
pub(crate) struct RedisServer {
    process: Child,
    home: TempDir,
    pub(crate) port: u16,
    options: Vec<String>,
}

impl RedisServer {
    /// One that forgets everything.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// One that remembers what it was told, also when it is killed.
    pub(crate) fn start_durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Somebody else may take the port between the look and the start.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(process) = launch(home.path(), port, &options) {
                return Self { process, home, port, options };
            }
        }
        panic!("redis-server found no free port");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> RedisConfig {
        RedisConfig::new(self.url())
    }

    /// What `redis-cli` prints for a command.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        let output = cli.args(["-p", &self.port.to_string()]).args(command).output();
        let output = output.expect("redis-cli is not installed: apt-get install redis-server");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stops it as a debugger does: it takes everything and answers nothing.
    pub(crate) fn stand_still(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, on the same port with the same files.
    pub(crate) fn restart(&mut self) {
        for _ in 0..100 {
            if let Some(process) = launch(self.home.path(), self.port, &self.options) {
                self.process = process;
                return;
            }
        }
        panic!("redis-server does not start again on port {}", self.port);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Starts a server and waits until it says that it is ready; none if it ended before.
fn launch(home: &Path, port: u16, options: &[String]) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--daemonize",
            "no",
        ])
        .arg("--dir")
        .arg(home)
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is not installed: apt-get install redis-server");
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    if lines.any(|line| line.contains("Ready to accept connections")) {
        // Whoever does not read lets the server stand still when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        return Some(process);
    }
    process.wait().ok();
    None
}
