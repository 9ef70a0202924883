//! What happens in the launcher's own processes, between the host and the command.
//!
//! ```text
//! host ─► supervisor (outside) ─► keeper (inside, first process there) ─► command
//! ```
//!
//! The supervisor makes the namespaces and waits. The keeper puts up the walls around
//! itself, starts the command, collects what dies and ends everything at the end. When the
//! host closes the socket or dies the keeper ends, and with the first process of a
//! namespace the kernel ends all others of it.

mod file_tree;
mod grants;
mod keeper;
mod landlock_rules;
mod namespaces;
mod process_table;
mod resource_limits;
mod supervisor;
mod system_calls;

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::plan::MARKER;
use super::plan::Message;
use super::plan::Role;

/// Becomes a launcher if the arguments say so, and then does not come back.
pub(super) fn enter_if_asked(mut arguments: impl Iterator<Item = OsString>) {
    if arguments.nth(1).is_none_or(|first| first != MARKER) {
        return;
    }
    let role = arguments.next().and_then(|role| Role::parse(role.to_str()?));
    // No socket, no host: somebody typed the word.
    let (Some(role), Ok(socket)) = (role, control_socket()) else {
        std::process::exit(exit_code::NOT_ASKED);
    };
    let outcome = match role {
        Role::Supervisor(view) => supervisor::supervise(view),
        Role::Keeper => keeper::keep(&socket),
    };
    let code = match outcome {
        Ok(code) => code,
        Err(Failure { step, error }) => {
            // The host may be gone; the code says it too.
            let _ = Message::Failed { step: step.to_owned(), error }.send(&socket);
            exit_code::FAILED
        }
    };
    std::process::exit(code);
}

/// How a launcher's process ends, where the host could not be told more.
mod exit_code {
    pub(super) const DONE: i32 = 0;
    pub(super) const FAILED: i32 = 71;
    pub(super) const NOT_ASKED: i32 = 64;
}

/// The host gives its end as standard input.
fn control_socket() -> std::io::Result<UnixStream> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr().map(|_| socket)
}

/// A wall that could not be put up.
#[derive(Debug)]
struct Failure {
    step: &'static str,
    error: String,
}

impl Failure {
    /// For `map_err`: what was tried, and what the system said.
    fn of<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> Self {
        move |error| Self { step, error: error.to_string() }
    }
}
