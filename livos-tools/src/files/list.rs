//! `file_list`: what is there.

use std::fmt::Write;
use std::ops::ControlFlow;

use livos_core::CancelSignal;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

use super::glob_filter::GlobFilter;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::workspace_root::EntryKind;
use crate::workspace_root::Found;
use crate::workspace_root::IgnoreFiles;
use crate::workspace_root::Walk;
use crate::workspace_root::WalkEnd;
use crate::workspace_root::WorkspacePath;
use crate::workspace_root::printable;

/// Lists files and directories.
#[derive(Debug, Clone)]
pub struct FileList {
    root: WorkspaceRoot,
}

/// The arguments of `file_list`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileListArgs {
    /// The directory to list, relative to the workspace. Default: the workspace.
    #[serde(default)]
    path: String,
    /// Only files this glob means; without a slash it is about names. Default: everything.
    glob: Option<String>,
    /// How many levels to go down. Default: 2, or all of them when there is a glob.
    depth: Option<usize>,
    /// Whether to show what ignore files name, too. Default: false.
    #[serde(default)]
    include_ignored: bool,
    /// How many entries to show at most. Default: 200, maximum: 1000.
    limit: Option<usize>,
}

impl FileList {
    const DEFAULT_DEPTH: usize = 2;
    const DEFAULT_LIMIT: usize = 200;
    const MAX_LIMIT: usize = 1000;
    /// How many bytes of text one call brings.
    const MAX_TEXT: usize = 28 * 1024;

    /// Lists beneath `root`.
    pub fn new(root: WorkspaceRoot) -> Self {
        Self { root }
    }
}

impl Tool for FileList {
    type Args = FileListArgs;

    fn name(&self) -> &str {
        "file_list"
    }

    fn description(&self) -> &str {
        include_str!("list.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: FileListArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        run_in_workspace(&self.root, context, move |root, stop| list(root, &args, stop)).await
    }
}

fn list(
    root: &WorkspaceRoot,
    args: &FileListArgs,
    stop: &CancelSignal,
) -> Result<ToolOutput, ToolError> {
    let start = root.parse(&args.path)?;
    let glob = args.glob.as_deref().map(GlobFilter::parse).transpose()?;
    let default_depth = if glob.is_some() { Walk::MAX_DEPTH } else { FileList::DEFAULT_DEPTH };
    let walk = Walk {
        ignore_files: if args.include_ignored {
            IgnoreFiles::Disregarded
        } else {
            IgnoreFiles::Respected
        },
        depth: args.depth.unwrap_or(default_depth).clamp(1, Walk::MAX_DEPTH),
        stop,
    };
    let limit = args.limit.unwrap_or(FileList::DEFAULT_LIMIT).clamp(1, FileList::MAX_LIMIT);
    let mut listing = Listing { start, glob, limit, text: String::new(), shown: 0, more: 0 };
    let start = listing.start.clone();
    let end = walk.visit(root, &start, |found| {
        listing.add(found);
        ControlFlow::Continue(())
    })?;
    Ok(listing.into_output(end))
}

struct Listing {
    start: WorkspacePath,
    glob: Option<GlobFilter>,
    limit: usize,
    text: String,
    shown: usize,
    more: usize,
}

impl Listing {
    fn add(&mut self, found: &Found<'_>) {
        if let Some(glob) = &self.glob {
            let relative = found.path.strip_prefix(self.start.as_path()).unwrap_or(found.path);
            if found.kind == EntryKind::Directory || !glob.matches(relative) {
                return;
            }
        }
        if self.shown == self.limit || self.text.len() > FileList::MAX_TEXT {
            self.more += 1;
            return;
        }
        self.shown += 1;
        self.text.push_str(&printable(found.path));
        // Writing to a string does not fail.
        let _ = match found.kind {
            EntryKind::Directory => writeln!(self.text, "/"),
            EntryKind::File => writeln!(self.text, "  {}", found.size()),
            EntryKind::Link => writeln!(self.text, " -> {}", printable(found.link_target())),
            EntryKind::Other => writeln!(self.text, "  (pipe, socket or device)"),
        };
    }

    fn into_output(mut self, end: WalkEnd) -> ToolOutput {
        if self.shown == 0 {
            let nothing = if self.glob.is_some() { "no file matches" } else { "nothing to show" };
            self.text = format!("[{nothing} in {}]", self.start);
        }
        let at_least = if end == WalkEnd::Complete { "" } else { "at least " };
        if self.more == 0 && end == WalkEnd::Complete {
            return ToolOutput::text(self.text);
        }
        let _ = write!(
            self.text,
            "[{at_least}{} more entries not shown: narrow it with path, glob or depth]",
            self.more
        );
        ToolOutput::text(self.text).truncated()
    }
}
