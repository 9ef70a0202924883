//! A workspace, and calls as an agent's run makes them.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use livos_core::Budget;
use livos_core::BudgetMeter;
use livos_core::CancelSignal;
use livos_core::Clock;
use livos_core::ContentBlock;
use livos_core::Origin;
use livos_core::ProgressSink;
use livos_core::RunId;
use livos_core::SessionId;
use livos_core::Timestamp;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolContextParts;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_tools::WorkspaceRoot;
use serde_json::Value;
use tempfile::TempDir;

/// 2026-11-22T15:00:00Z, always.
#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(1_795_359_600_000_000)
    }
}

pub(crate) struct Workspace {
    /// Removed with the workspace, if it is its own.
    _directory: Option<TempDir>,
    pub(crate) root: WorkspaceRoot,
    pub(crate) cancel: CancelSignal,
    session: SessionId,
    progress: Arc<Mutex<Vec<String>>>,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let root = WorkspaceRoot::open(directory.path()).unwrap();
        Self { _directory: Some(directory), ..Self::at(root) }
    }

    /// One that somebody else removes.
    pub(crate) fn at(root: WorkspaceRoot) -> Self {
        let session = SessionId::generate();
        let cancel = CancelSignal::new();
        Self { _directory: None, root, cancel, session, progress: Arc::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// The session of all calls.
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn text_of(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn context(&self) -> ToolContext {
        self.context_in(None)
    }

    pub(crate) fn context_in(&self, workspace: Option<&Path>) -> ToolContext {
        self.context_with(workspace, Origin::default())
    }

    pub(crate) fn context_of(&self, origin: Origin) -> ToolContext {
        self.context_with(None, origin)
    }

    fn context_with(&self, workspace: Option<&Path>, origin: Origin) -> ToolContext {
        let now = StoppedClock.now();
        let parts = ToolContextParts {
            profile: None,
            tools: livos_core::ToolRegistry::new(),
            run_id: RunId::generate(),
            session_id: self.session,
            origin,
            workspace: workspace.map(Arc::from),
            budget: BudgetMeter::new(Budget::default(), now),
            clock: Arc::new(StoppedClock),
        };
        let progress = Arc::clone(&self.progress);
        let sink = ProgressSink::new(move |_, text| progress.lock().unwrap().push(text));
        ToolContext::new(Arc::new(parts), "call_1".into(), self.cancel.clone(), sink)
    }

    pub(crate) fn progress(&self) -> Vec<String> {
        self.progress.lock().unwrap().clone()
    }

    pub(crate) async fn run<T: Tool>(
        &self,
        tool: &T,
        arguments: Value,
    ) -> Result<ToolOutput, ToolError> {
        let args = serde_json::from_value(arguments)
            .map_err(|error| ToolError::model(format!("the arguments do not fit: {error}")))?;
        tool.call(args, &self.context()).await
    }

    /// The text of an answer, or of an error.
    pub(crate) async fn text<T: Tool>(&self, tool: &T, arguments: Value) -> String {
        match self.run(tool, arguments).await {
            Ok(output) => text(&output),
            Err(error) => format!("error: {error}"),
        }
    }
}

pub(crate) fn text(output: &ToolOutput) -> String {
    output.content.iter().filter_map(ContentBlock::as_text).collect()
}
