//! A server with the demo model, for as long as a chore needs one.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;

use crate::process::Failure;
use crate::workspace::Workspace;

/// A server on a port of its own, which forgets everything and ends when it is dropped.
#[derive(Debug)]
pub(crate) struct DemoServer {
    child: Child,
    url: String,
}

impl DemoServer {
    /// What its clients must send.
    pub(crate) const KEY: &str = "a-key-for-chores-only";

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(workspace: &Workspace, programs: &Path) -> Result<Self, Failure> {
        let program = programs.join("livos-server");
        let home = programs.join("demo-home");
        let mut command = workspace.offline_command(&program)?;
        command
            .args(["--listen=127.0.0.1:0", "--store=memory:", "--model=demo/demo", "--log=error"])
            .arg("--home")
            .arg(home)
            .env("LIVOS_API_KEY", Self::KEY);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
                Failure::new(format!("cannot start {}: {error}", program.display()))
            })?;
        let mut server = Self { child, url: String::new() };
        server.url = server.announced_url()?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The URL in its first words, `LivOS listens on URL`.
    fn announced_url(&mut self) -> Result<String, Failure> {
        let silent = || Failure::new("the demo server did not say where it listens");
        let output = self.child.stdout.take().ok_or_else(silent)?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listens on")).ok_or_else(silent)?;
        Ok(line.split_whitespace().last().unwrap_or_default().to_owned())
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
