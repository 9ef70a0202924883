//! Runs file system work off the runtime's threads.

use std::path::Path;

use livos_core::CancelSignal;
use livos_core::ToolContext;
use livos_core::ToolError;

use crate::WorkspaceRoot;

/// Runs blocking work in the workspace of a call: the run's own if it has one, else `root`.
///
/// When this future is dropped the work is told to stop by its signal; work that does
/// not look at it runs to its end.
pub(crate) async fn run_in_workspace<T: Send + 'static>(
    root: &WorkspaceRoot,
    context: &ToolContext,
    work: impl FnOnce(&WorkspaceRoot, &CancelSignal) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let root = root.clone();
    let own = context.workspace().map(Path::to_path_buf);
    let stop = context.cancel_signal().child();
    let guard = StopOnDrop(stop.clone());
    let blocking = tokio::task::spawn_blocking(move || {
        let root = root.or_of_run(own.as_deref())?;
        work(&root, &stop)
    });
    let result = blocking.await;
    drop(guard);
    result.unwrap_or_else(|_| Err(ToolError::model("the tool failed inside; try another way")))
}

struct StopOnDrop(CancelSignal);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
