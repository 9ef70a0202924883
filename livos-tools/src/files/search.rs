//! `file_search`: which lines of which files match.

mod matches;

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;

use livos_core::CancelSignal;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use regex::bytes::Regex;
use regex::bytes::RegexBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use self::matches::Matches;
use super::content::ContentKind;
use super::glob_filter::GlobFilter;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::workspace_root::EntryKind;
use crate::workspace_root::IgnoreFiles;
use crate::workspace_root::Walk;
use crate::workspace_root::WalkEnd;
use crate::workspace_root::WorkspaceError;
use crate::workspace_root::WorkspacePath;
use crate::workspace_root::printable;

/// Searches the content of files.
#[derive(Debug, Clone)]
pub struct FileSearch {
    root: WorkspaceRoot,
}

/// The arguments of `file_search`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSearchArgs {
    /// What to look for.
    pattern: String,
    /// How `pattern` is meant. Default: regex.
    #[serde(default)]
    syntax: Syntax,
    /// Whether upper and lower case differ. Default: sensitive.
    #[serde(default)]
    case: Case,
    /// The directory or file to search, relative to the workspace. Default: the workspace.
    #[serde(default)]
    path: String,
    /// Only files this glob means; without a slash it is about names.
    glob: Option<String>,
    /// How many lines to show before and after each match. Default: 0, maximum: 10.
    #[serde(default)]
    context: usize,
    /// What to show. Default: lines.
    #[serde(default)]
    output: Output,
    /// How many matching lines (or files) to show at most. Default: 100, maximum: 500.
    limit: Option<usize>,
    /// Whether to search what ignore files name, too. Default: false.
    #[serde(default)]
    include_ignored: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Syntax {
    #[default]
    Regex,
    Literal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Case {
    #[default]
    Sensitive,
    Insensitive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Output {
    #[default]
    Lines,
    Files,
}

impl FileSearch {
    const DEFAULT_LIMIT: usize = 100;
    const MAX_LIMIT: usize = 500;
    const MAX_CONTEXT: usize = 10;
    /// How long a pattern may be, in bytes.
    const MAX_PATTERN: usize = 4096;
    /// How much memory a compiled pattern may take: `(a{1000}){1000}` is refused.
    const MAX_COMPILED: usize = 2 * 1024 * 1024;
    /// The largest file that is searched, in bytes.
    const MAX_FILE: u64 = 8 * 1024 * 1024;

    /// Searches beneath `root`.
    pub fn new(root: WorkspaceRoot) -> Self {
        Self { root }
    }
}

impl Tool for FileSearch {
    type Args = FileSearchArgs;

    fn name(&self) -> &str {
        "file_search"
    }

    fn description(&self) -> &str {
        include_str!("search.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: FileSearchArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        run_in_workspace(&self.root, context, move |root, stop| search(root, &args, stop)).await
    }
}

fn search(
    root: &WorkspaceRoot,
    args: &FileSearchArgs,
    stop: &CancelSignal,
) -> Result<ToolOutput, ToolError> {
    let start = root.parse(&args.path)?;
    let mut search = Search::new(args)?;
    let end = match root.open_file(&start) {
        Ok(file) => {
            let _ = search.file(file, &start.to_string());
            WalkEnd::Complete
        }
        Err(WorkspaceError::IsDirectory { .. }) => search.directory(root, &start, args, stop)?,
        Err(error) => return Err(error.into()),
    };
    let skipped = search.too_large;
    Ok(search.matches.into_output(end, skipped, &start))
}

struct Search {
    pattern: Regex,
    glob: Option<GlobFilter>,
    matches: Matches,
    too_large: usize,
}

impl Search {
    fn new(args: &FileSearchArgs) -> Result<Self, ToolError> {
        let limit = args.limit.unwrap_or(FileSearch::DEFAULT_LIMIT);
        Ok(Self {
            pattern: compile(args)?,
            glob: args.glob.as_deref().map(GlobFilter::parse).transpose()?,
            matches: Matches::new(
                args.output,
                limit.clamp(1, FileSearch::MAX_LIMIT),
                args.context.min(FileSearch::MAX_CONTEXT),
            ),
            too_large: 0,
        })
    }

    fn directory(
        &mut self,
        root: &WorkspaceRoot,
        start: &WorkspacePath,
        args: &FileSearchArgs,
        stop: &CancelSignal,
    ) -> Result<WalkEnd, WorkspaceError> {
        let ignore_files =
            if args.include_ignored { IgnoreFiles::Disregarded } else { IgnoreFiles::Respected };
        let walk = Walk { ignore_files, depth: Walk::MAX_DEPTH, stop };
        walk.visit(root, start, |found| {
            if found.kind != EntryKind::File {
                return ControlFlow::Continue(());
            }
            let relative = found.path.strip_prefix(start.as_path()).unwrap_or(found.path);
            if self.glob.as_ref().is_some_and(|glob| !glob.matches(relative)) {
                return ControlFlow::Continue(());
            }
            match found.open() {
                Ok(file) => self.file(file, &printable(found.path)),
                // Not ours to read, or gone.
                Err(_) => ControlFlow::Continue(()),
            }
        })
    }

    /// Searches one file; breaks when enough was found.
    fn file(&mut self, file: File, path: &str) -> ControlFlow<()> {
        let mut bytes = Vec::new();
        if file.take(FileSearch::MAX_FILE + 1).read_to_end(&mut bytes).is_err() {
            return ControlFlow::Continue(());
        }
        let probe = bytes.get(..ContentKind::PROBE).unwrap_or(&bytes);
        if ContentKind::of(probe) != ContentKind::Text {
            return ControlFlow::Continue(());
        }
        if bytes.len() as u64 > FileSearch::MAX_FILE {
            self.too_large += 1;
            return ControlFlow::Continue(());
        }
        self.matches.add_file(path, &bytes, &self.pattern)
    }
}

fn compile(args: &FileSearchArgs) -> Result<Regex, ToolError> {
    if args.pattern.is_empty() || args.pattern.len() > FileSearch::MAX_PATTERN {
        return Err(ToolError::model("the pattern must have 1 to 4096 bytes"));
    }
    let pattern = match args.syntax {
        Syntax::Regex => args.pattern.clone(),
        Syntax::Literal => regex::escape(&args.pattern),
    };
    RegexBuilder::new(&pattern)
        .case_insensitive(args.case == Case::Insensitive)
        .size_limit(FileSearch::MAX_COMPILED)
        .dfa_size_limit(FileSearch::MAX_COMPILED)
        .build()
        .map_err(|error| {
            ToolError::model(format!("{error}\nFor plain text set syntax to \"literal\"."))
        })
}
