//! Tells when the processes that a command starts run, and when the last of them is gone.
//!
//! They hold the writing end of a named pipe: each says in it that it runs, and it
//! ends when nobody holds it any more.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::harness::Workspace;

/// How long anything may take that is to happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Children {
    alive: pipe::Receiver,
    go: PathBuf,
}

impl Children {
    /// What a command begins with, so that everything it starts holds the pipe.
    pub(crate) const ENTER: &str = "exec 9>alive";
    /// A process that does not end by itself.
    pub(crate) const CHILD: &str = "sh child.sh";
    /// Waits until [`Children::let_go_on`].
    pub(crate) const WAIT: &str = "cat go";

    pub(crate) fn of(workspace: &Workspace) -> Self {
        workspace.put("child.sh", "echo >&9\nexec sleep 86400\n");
        let (alive, go) = (workspace.path().join("alive"), workspace.path().join("go"));
        let made = Command::new("mkfifo").args([&alive, &go]).status().unwrap();
        assert!(made.success());
        Self { alive: pipe::OpenOptions::new().open_receiver(alive).unwrap(), go }
    }

    /// Waits until so many of them run.
    pub(crate) async fn started(&mut self, count: usize) {
        let mut said = vec![0; count];
        let read = tokio::time::timeout(PATIENCE, self.alive.read_exact(&mut said)).await;
        assert!(matches!(read, Ok(Ok(_))), "the command does not run: {read:?}");
    }

    pub(crate) async fn let_go_on(&self) {
        tokio::time::timeout(PATIENCE, tokio::fs::write(&self.go, "")).await.unwrap().unwrap();
    }

    /// Waits until none is left.
    pub(crate) async fn gone(mut self) {
        let mut said = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.alive.read_to_end(&mut said)).await;
        assert!(matches!(read, Ok(Ok(_))), "a child is left: {read:?}");
    }
}
