//! Tasks as lists show them: what each is called, and why it does nothing yet.

use std::collections::HashMap;

use livos_core::RunRecord;
use livos_core::RunState;
use livos_core::TaskFilter;
use livos_core::TaskManager;
use livos_core::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::runs::Run;
use crate::app::App;
use crate::engine::Engine;
use crate::http::Problem;
use crate::runs::Runs;

/// A task in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedTask {
    /// Its run.
    #[serde(flatten)]
    run: Run,
    /// What its session is called: the first line of what is to be done, unless somebody changed it.
    title: Option<String>,
}

/// Tells of runs what lists of tasks show.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    app: &'a App,
    manager: &'a TaskManager,
    runs: &'a Runs,
    /// The users that were looked up, and whether as many tasks of each go as may.
    full: HashMap<UserId, bool>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(app: &'a App, engine: &'a Engine) -> Self {
        Self { app, manager: &engine.tasks, runs: &engine.runs, full: HashMap::new() }
    }

    /// A task with what is known of it besides its run.
    pub(super) async fn task(&mut self, run: RunRecord) -> Result<ListedTask, Problem> {
        let session = self.app.store.session(run.session_id).await?;
        let title = session.and_then(|session| session.title);
        let waits_for = match run.state {
            RunState::Waiting => Some("an answer to an approval".to_owned()),
            RunState::Queued if self.is_full(&run.origin.user).await? => {
                Some(format!("other tasks: {} go at a time", self.manager.per_user()))
            }
            RunState::Queued => Some("a free place".to_owned()),
            _ => None,
        };
        let mut run = Run::here(run, self.runs);
        run.waits_for = run.waits_for.or(waits_for);
        Ok(ListedTask { run, title })
    }

    async fn is_full(&mut self, user: &UserId) -> Result<bool, Problem> {
        if let Some(is_full) = self.full.get(user) {
            return Ok(*is_full);
        }
        let width = usize::try_from(self.manager.per_user()).unwrap_or(usize::MAX);
        let mut going = 0;
        // One that waits for an answer keeps its place among them.
        for state in [RunState::Running, RunState::Waiting] {
            let filter = TaskFilter { state: Some(state), user: Some(user.clone()), before: None };
            going += self.manager.tasks(filter, width).await?.items.len();
        }
        let is_full = going >= width;
        self.full.insert(user.clone(), is_full);
        Ok(is_full)
    }
}
