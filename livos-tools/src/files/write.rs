//! `file_write`: a file, whole.

use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::workspace_root::Precondition;
use crate::workspace_root::Replaced;

/// Writes a file whole.
#[derive(Debug, Clone)]
pub struct FileWrite {
    root: WorkspaceRoot,
}

/// The arguments of `file_write`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWriteArgs {
    /// The file, relative to the workspace.
    path: String,
    /// The whole new content, as it shall be in the file.
    content: String,
}

impl FileWrite {
    /// How many bytes one call writes.
    const MAX_CONTENT: usize = 4 * 1024 * 1024;

    /// Writes beneath `root`.
    pub fn new(root: WorkspaceRoot) -> Self {
        Self { root }
    }
}

impl Tool for FileWrite {
    type Args = FileWriteArgs;

    fn name(&self) -> &str {
        "file_write"
    }

    fn description(&self) -> &str {
        include_str!("write.md")
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    async fn call(
        &self,
        args: FileWriteArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        run_in_workspace(&self.root, context, move |root, _| write(root, &args)).await
    }
}

fn write(root: &WorkspaceRoot, args: &FileWriteArgs) -> Result<ToolOutput, ToolError> {
    let size = args.content.len();
    if size > FileWrite::MAX_CONTENT {
        return Err(ToolError::model(format!(
            "the content has {size} bytes: at most {} can be written at once",
            FileWrite::MAX_CONTENT
        )));
    }
    let path = root.parse(&args.path)?;
    let lines = args.content.lines().count();
    let replaced = root.replace_file(&path, args.content.as_bytes(), Precondition::Nothing)?;
    Ok(ToolOutput::text(match replaced {
        Replaced::Nothing => format!("created {path}: {size} bytes, {lines} lines"),
        Replaced::File { bytes } => {
            format!("replaced {path}: {size} bytes, {lines} lines (before: {bytes} bytes)")
        }
    }))
}
