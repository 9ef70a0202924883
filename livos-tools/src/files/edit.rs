//! `file_edit`: replaces text that is found exactly.

mod near_miss;
mod replacement;

use std::io::Read;

use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use self::replacement::Occurrences;
use self::replacement::Replacement;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::workspace_root::FileVersion;
use crate::workspace_root::Precondition;
use crate::workspace_root::WorkspaceError;
use crate::workspace_root::WorkspacePath;

/// Replaces text that is found exactly.
#[derive(Debug, Clone)]
pub struct FileEdit {
    root: WorkspaceRoot,
}

/// The arguments of `file_edit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileEditArgs {
    /// The file, relative to the workspace.
    path: String,
    /// The text to replace, exactly as it is in the file.
    old_text: String,
    /// What shall be there instead; empty to delete.
    new_text: String,
    /// Whether to replace every occurrence. Default: false, then there must be exactly one.
    #[serde(default)]
    replace_all: bool,
}

impl FileEdit {
    /// The largest file that is edited, in bytes.
    const MAX_FILE: u64 = 4 * 1024 * 1024;

    /// Edits beneath `root`.
    pub fn new(root: WorkspaceRoot) -> Self {
        Self { root }
    }
}

impl Tool for FileEdit {
    type Args = FileEditArgs;

    fn name(&self) -> &str {
        "file_edit"
    }

    fn description(&self) -> &str {
        include_str!("edit.md")
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    async fn call(
        &self,
        args: FileEditArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        run_in_workspace(&self.root, context, move |root, _| edit(root, &args)).await
    }
}

fn edit(root: &WorkspaceRoot, args: &FileEditArgs) -> Result<ToolOutput, ToolError> {
    let path = root.parse(&args.path)?;
    let (text, version) = read(root, &path)?;
    let occurrences = if args.replace_all { Occurrences::All } else { Occurrences::ExactlyOne };
    let replacement = Replacement::new(&text, &args.old_text, &args.new_text, occurrences)
        .map_err(|refusal| ToolError::model(format!("nothing changed in '{path}': {refusal}")))?;
    root.replace_file(&path, replacement.text.as_bytes(), Precondition::Unchanged(version))?;
    Ok(ToolOutput::text(format!("edited {path}: {}", replacement.summary())))
}

fn read(root: &WorkspaceRoot, path: &WorkspacePath) -> Result<(String, FileVersion), ToolError> {
    let file = root.open_file(path)?;
    let version = FileVersion::of(&file)
        .map_err(|errno| WorkspaceError::of_io(errno.into(), "read", path))?;
    let mut bytes = Vec::new();
    file.take(FileEdit::MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| WorkspaceError::of_io(error, "read", path))?;
    if bytes.len() as u64 > FileEdit::MAX_FILE {
        return Err(ToolError::model(format!("'{path}' is larger than 4 MiB: too large to edit")));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| ToolError::model(format!("'{path}' is not UTF-8 text: it is not edited")))?;
    Ok((text, version))
}
