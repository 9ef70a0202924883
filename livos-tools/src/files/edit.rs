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
    /// The text to replace, exactly as it is in the file. Either this or edits.
    old_text: Option<String>,
    /// What shall be there instead; empty to delete.
    new_text: Option<String>,
    /// Whether to replace every occurrence. Default: false, then there must be exactly one.
    #[serde(default)]
    replace_all: bool,
    /// Several replacements, made one after another: all of them, or none when one does not fit.
    edits: Option<Vec<Edit>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Edit {
    /// The text to replace.
    old_text: String,
    /// What shall be there instead.
    new_text: String,
    /// Whether to replace every occurrence.
    #[serde(default)]
    replace_all: bool,
}

impl FileEditArgs {
    /// The replacements, in one of two forms.
    fn into_edits(self) -> Result<(String, Vec<Edit>), ToolError> {
        let Self { path, old_text, new_text, replace_all, edits } = self;
        let edits = match (old_text, new_text, edits) {
            (Some(old_text), Some(new_text), None) => {
                vec![Edit { old_text, new_text, replace_all }]
            }
            (None, None, Some(edits)) if edits.is_empty() => {
                return Err(ToolError::model("edits is empty: give at least one replacement"));
            }
            (None, None, Some(edits)) if edits.len() > FileEdit::MAX_EDITS => {
                return Err(ToolError::model(format!(
                    "edits has {} replacements: at most {} can be made in one call",
                    edits.len(),
                    FileEdit::MAX_EDITS
                )));
            }
            (None, None, Some(edits)) => edits,
            (_, _, Some(_)) => {
                return Err(ToolError::model("give either old_text and new_text, or edits"));
            }
            (_, _, None) => {
                return Err(ToolError::model(
                    "give old_text and new_text (empty to delete), or edits",
                ));
            }
        };
        Ok((path, edits))
    }
}

impl FileEdit {
    /// The largest file that is edited, in bytes.
    const MAX_FILE: u64 = 4 * 1024 * 1024;
    /// How many replacements one call makes.
    const MAX_EDITS: usize = 50;
    /// How much is shown of what was changed, in bytes.
    const MAX_SHOWN: usize = 24 * 1024;

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
        run_in_workspace(&self.root, context, move |root, _| edit(root, args)).await
    }
}

fn edit(root: &WorkspaceRoot, args: FileEditArgs) -> Result<ToolOutput, ToolError> {
    let (path, edits) = args.into_edits()?;
    let path = root.parse(&path)?;
    let (mut text, version) = read(root, &path)?;
    let mut summary = format!("edited {path}: ");
    for (place, edit) in edits.iter().enumerate() {
        let occurrences = if edit.replace_all { Occurrences::All } else { Occurrences::ExactlyOne };
        let made = Replacement::new(&text, &edit.old_text, &edit.new_text, occurrences);
        let replacement = made.map_err(|refusal| {
            let which = match edits.len() {
                1 => String::new(),
                _ => format!("edits[{place}]: "),
            };
            ToolError::model(format!("nothing changed in '{path}': {which}{refusal}"))
        })?;
        if place > 0 {
            summary.push('\n');
        }
        if summary.len() < FileEdit::MAX_SHOWN {
            summary.push_str(&replacement.summary());
        }
        text = replacement.text;
        if text.len() as u64 > FileEdit::MAX_FILE {
            return Err(ToolError::model(format!(
                "nothing changed in '{path}': it would be larger than 4 MiB"
            )));
        }
    }
    root.replace_file(&path, text.as_bytes(), Precondition::Unchanged(version))?;
    Ok(ToolOutput::text(summary))
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
