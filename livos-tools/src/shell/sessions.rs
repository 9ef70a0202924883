//! What the shell remembers of each session: where it is, and what runs in the background.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use livos_core::SessionId;
use livos_core::ToolContext;
use livos_core::ToolError;

use super::background::Background;
use super::background::Slot;

/// The directories and background processes of all sessions. Clones are the same.
///
/// Nothing of it outlives this process. When the last clone is dropped without
/// [`stop`](Self::stop), processes in the background end with their Tokio runtime.
#[derive(Debug, Clone, Default)]
pub struct ShellSessions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    directories: HashMap<SessionId, String>,
    processes: HashMap<SessionId, BTreeMap<u32, Arc<Background>>>,
    /// Starts that were granted and are not in `processes` yet.
    starting: HashMap<SessionId, usize>,
    last_number: HashMap<SessionId, u32>,
    is_stopped: bool,
}

impl ShellSessions {
    /// How many processes one session may have in the background.
    pub const MAX_RUNNING: usize = 8;
    /// How many all sessions together may have.
    pub const MAX_RUNNING_OF_ALL: usize = 64;
    /// How many that ended are remembered for each session, with what they printed last.
    pub const MAX_ENDED: usize = 16;
    /// For how many sessions a directory is remembered; then all are forgotten, which brings
    /// each back to its workspace.
    const MAX_DIRECTORIES: usize = 10_000;
    /// For how many sessions ended processes are remembered.
    const MAX_SESSIONS: usize = 256;

    /// Ends everything, and returns when it is gone. Nothing can be started after this.
    pub async fn stop(&self) {
        let all: Vec<Arc<Background>> = {
            let mut state = self.state();
            state.is_stopped = true;
            state.processes.values().flat_map(|of_session| of_session.values().cloned()).collect()
        };
        end_all(all).await;
    }

    /// Ends what a session started, and forgets it.
    pub async fn end_session(&self, session: SessionId) {
        let of_session = {
            let mut state = self.state();
            state.directories.remove(&session);
            state.last_number.remove(&session);
            state.processes.remove(&session).unwrap_or_default()
        };
        end_all(of_session.into_values().collect()).await;
    }

    /// How many processes are in the background, of all sessions.
    pub fn running(&self) -> usize {
        self.state().running()
    }

    pub(super) fn directory_of(&self, session: SessionId) -> Option<String> {
        self.state().directories.get(&session).cloned()
    }

    pub(super) fn set_directory(&self, session: SessionId, directory: String) {
        let mut state = self.state();
        if state.directories.len() >= Self::MAX_DIRECTORIES {
            state.directories.clear();
        }
        state.directories.insert(session, directory);
    }

    pub(super) fn forget_directory(&self, session: SessionId) {
        self.state().directories.remove(&session);
    }

    /// The right to start one more in the background.
    pub(super) fn reserve(&self, context: &ToolContext) -> Result<Slot, ToolError> {
        let session = context.session_id();
        let mut state = self.state();
        if state.is_stopped {
            return Err(ToolError::model("the server is stopping; nothing can be started"));
        }
        let of_session = state.running_of(session);
        if of_session >= Self::MAX_RUNNING {
            return Err(ToolError::model(format!(
                "{of_session} commands of this session run in the background, and more are not \
                 allowed: end one with shell_kill first"
            )));
        }
        if state.running() >= Self::MAX_RUNNING_OF_ALL {
            return Err(ToolError::model(
                "as many commands run in the background as the server allows: try again later, \
                 or run it in the foreground",
            ));
        }
        *state.starting.entry(session).or_default() += 1;
        Ok(Slot::new(self.clone(), session))
    }

    /// Gives back a right that was used, or will not be.
    pub(super) fn release(&self, session: SessionId) {
        let mut state = self.state();
        if let Some(count) = state.starting.get_mut(&session) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.starting.remove(&session);
            }
        }
    }

    /// Remembers one that runs; its number, or none when the server is stopping.
    pub(super) fn add(&self, session: SessionId, process: Arc<Background>) -> Option<u32> {
        let mut state = self.state();
        if state.is_stopped {
            return None;
        }
        state.forget_ended(session);
        let number = state.last_number.entry(session).or_default();
        *number += 1;
        let number = *number;
        state.processes.entry(session).or_default().insert(number, process);
        Some(number)
    }

    pub(super) fn find(
        &self,
        session: SessionId,
        number: u32,
    ) -> Result<Arc<Background>, ToolError> {
        let state = self.state();
        let found = state.processes.get(&session).and_then(|all| all.get(&number)).cloned();
        found.ok_or_else(|| {
            ToolError::model(format!(
                "there is no background command {number} in this session: it ended with an earlier \
                 start of the server, or never was; call shell_output without id for the list"
            ))
        })
    }

    pub(super) fn list(&self, session: SessionId) -> Vec<(u32, Arc<Background>)> {
        let state = self.state();
        let of_session = state.processes.get(&session).into_iter().flatten();
        of_session.map(|(number, process)| (*number, Arc::clone(process))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn running(&self) -> usize {
        let starting: usize = self.starting.values().sum();
        let all = self.processes.values().flat_map(BTreeMap::values);
        starting + all.filter(|process| process.is_running()).count()
    }

    fn running_of(&self, session: SessionId) -> usize {
        let starting = self.starting.get(&session).copied().unwrap_or_default();
        let all = self.processes.get(&session).into_iter().flat_map(BTreeMap::values);
        starting + all.filter(|process| process.is_running()).count()
    }

    /// Makes room for one more that will have ended.
    fn forget_ended(&mut self, session: SessionId) {
        if let Some(of_session) = self.processes.get_mut(&session) {
            let ended: Vec<u32> = of_session
                .iter()
                .filter(|(_, process)| !process.is_running())
                .map(|(number, _)| *number)
                .collect();
            let excess = (ended.len() + 1).saturating_sub(ShellSessions::MAX_ENDED);
            for number in ended.into_iter().take(excess) {
                of_session.remove(&number);
            }
        }
        if self.processes.len() >= ShellSessions::MAX_SESSIONS {
            self.processes.retain(|known, all| {
                *known == session || all.values().any(|process| process.is_running())
            });
        }
    }
}

async fn end_all(processes: Vec<Arc<Background>>) {
    for process in &processes {
        process.ask_to_stop();
    }
    for process in processes {
        process.until_ended().await;
    }
}
