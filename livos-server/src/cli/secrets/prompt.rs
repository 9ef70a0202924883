//! Asks for a value that the terminal does not show.

use std::io;
use std::io::BufRead;
use std::io::Write;

use livos_core::Secret;
use nix::sys::termios;
use nix::sys::termios::LocalFlags;
use nix::sys::termios::SetArg;
use nix::sys::termios::Termios;
use zeroize::Zeroizing;

use super::super::client::ClientError;

/// Asks for a line. Ctrl-C gives up, and leaves the terminal as it was.
pub(super) async fn hidden(question: &str) -> Result<Secret, ClientError> {
    let failed = |error: io::Error| ClientError::Terminal(error.to_string());
    let quiet = Quiet::begin().map_err(failed)?;
    let mut err = io::stderr().lock();
    write!(err, "{question}").and_then(|()| err.flush()).map_err(failed)?;
    drop(err);
    let (sender, line) = tokio::sync::oneshot::channel();
    // No task of the runtime: one that waits for a line would keep it from ending.
    std::thread::spawn(move || {
        let mut line = Zeroizing::new(String::new());
        let read = io::stdin().lock().read_line(&mut line).map(|_| Secret::new(line.as_str()));
        // Nobody waits for it after Ctrl-C.
        sender.send(read).ok();
    });
    let answered = tokio::select! {
        line = line => line.map_err(io::Error::other).and_then(|read| read).map_err(failed),
        _ = tokio::signal::ctrl_c() => Err(ClientError::GivenUp),
    };
    drop(quiet);
    // The end of the line was not shown either.
    eprintln!();
    answered
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nothing left to try where even this fails.
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0).ok();
    }
}
