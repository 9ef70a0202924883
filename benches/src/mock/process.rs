//! The mock as a child process, so that its work is in nobody's count.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

/// A mock in a process of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct MockProcess {
    child: Child,
    origin: String,
}

impl MockProcess {
    /// Starts the `mock-model` binary and waits until it listens.
    ///
    /// # Errors
    /// When it does not start or does not say where it listens.
    pub fn start(binary: &str) -> io::Result<Self> {
        let mut child =
            Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut origin = String::new();
        BufReader::new(output).read_line(&mut origin)?;
        Ok(Self { child, origin: origin.trim().to_owned() })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        // It ends with its standard input; waiting keeps it from staying behind as a zombie.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
