//! `file_read`: a file for the model's eyes.

use std::fmt::Write;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use livos_core::ContentBlock;
use livos_core::Document;
use livos_core::Effect;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;

use super::content::ContentKind;
use super::line_reader::LineReader;
use crate::WorkspaceRoot;
use crate::blocking::run_in_workspace;
use crate::workspace_root::WorkspaceError;
use crate::workspace_root::WorkspacePath;

/// Reads text with line numbers, pictures and PDF files.
#[derive(Debug, Clone)]
pub struct FileRead {
    root: WorkspaceRoot,
}

/// The arguments of `file_read`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReadArgs {
    /// The file, relative to the workspace.
    path: String,
    /// The first line to read, counted from 1. Default: 1. For text only.
    offset: Option<u64>,
    /// How many lines to read at most. Default and maximum: 2000. For text only.
    limit: Option<u64>,
}

impl FileRead {
    /// How many bytes of text one call brings.
    const MAX_TEXT: usize = 32 * 1024;
    /// How many lines one call brings.
    const MAX_LINES: u64 = 2000;
    /// How many bytes are looked at to count the lines of a file.
    const MAX_SCANNED: u64 = 64 * 1024 * 1024;
    /// The largest picture: providers take 5 MB of base64.
    const MAX_IMAGE: u64 = 3_670_016;
    /// The largest PDF: providers take some 20 MB for a whole request.
    const MAX_PDF: u64 = 8 * 1024 * 1024;

    /// Reads beneath `root`.
    pub fn new(root: WorkspaceRoot) -> Self {
        Self { root }
    }
}

impl Tool for FileRead {
    type Args = FileReadArgs;

    fn name(&self) -> &str {
        "file_read"
    }

    fn description(&self) -> &str {
        include_str!("read.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(
        &self,
        args: FileReadArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        run_in_workspace(&self.root, context, move |root, _| read(root, &args)).await
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // Room for the last line, which says how to go on.
        spec.with_output_limit(Self::MAX_TEXT + 4 * 1024)
    }
}

fn read(root: &WorkspaceRoot, args: &FileReadArgs) -> Result<ToolOutput, ToolError> {
    let path = root.parse(&args.path)?;
    let mut file = root.open_file(&path)?;
    let failed = |error| WorkspaceError::of_io(error, "read", &path);
    let mut beginning = Vec::new();
    file.by_ref().take(ContentKind::PROBE as u64).read_to_end(&mut beginning).map_err(failed)?;
    file.rewind().map_err(failed)?;
    match ContentKind::of(&beginning) {
        ContentKind::Text => read_text(file, &path, args),
        ContentKind::Image(media_type) => read_image(file, &path, media_type),
        ContentKind::Pdf => read_pdf(file, &path),
        ContentKind::Binary => Err(ToolError::model(format!(
            "'{path}' is a binary file ({} bytes): it cannot be shown as text",
            size_of(&file)
        ))),
    }
}

fn read_text(
    file: File,
    path: &WorkspacePath,
    args: &FileReadArgs,
) -> Result<ToolOutput, ToolError> {
    let first = args.offset.unwrap_or(1).max(1);
    let limit = args.limit.unwrap_or(FileRead::MAX_LINES).clamp(1, FileRead::MAX_LINES);
    let size = size_of(&file);
    let mut lines = LineReader::new(BufReader::new(file.take(FileRead::MAX_SCANNED)));
    let mut text = String::new();
    let mut count = 0;
    let mut shown = 0;
    let mut is_full = false;
    while let Some(line) =
        lines.next_line().map_err(|error| WorkspaceError::of_io(error, "read", path))?
    {
        count += 1;
        if count < first || is_full {
            continue;
        }
        let numbered = format!("{count}\t{}\n", line.to_text());
        is_full = shown == limit || text.len() + numbered.len() > FileRead::MAX_TEXT;
        if !is_full {
            text.push_str(&numbered);
            shown += 1;
        }
    }
    if count == 0 {
        return Ok(ToolOutput::text(format!("[{path} is empty]")));
    }
    if shown == 0 {
        return Err(ToolError::model(format!(
            "offset {first} is behind the end: '{path}' has {count} lines"
        )));
    }
    let last = first + shown - 1;
    let of = if size > FileRead::MAX_SCANNED { "more than " } else { "" };
    if last == count && size <= FileRead::MAX_SCANNED {
        return Ok(ToolOutput::text(text));
    }
    let next = last + 1;
    let _ = write!(text, "[lines {first} to {last} of {of}{count}; go on with offset={next}]");
    Ok(ToolOutput::text(text).truncated())
}

fn read_image(
    file: File,
    path: &WorkspacePath,
    media_type: &'static str,
) -> Result<ToolOutput, ToolError> {
    let bytes = read_whole(file, path, FileRead::MAX_IMAGE)?;
    let caption = format!("[{path}: {media_type}, {} bytes]", bytes.len());
    let image = Image {
        media_type: media_type.to_owned(),
        source: MediaSource::Base64(STANDARD.encode(bytes)),
    };
    Ok(ToolOutput::blocks(vec![ContentBlock::text(caption), ContentBlock::Image(image)]))
}

fn read_pdf(file: File, path: &WorkspacePath) -> Result<ToolOutput, ToolError> {
    let bytes = read_whole(file, path, FileRead::MAX_PDF)?;
    let caption = format!("[{path}: application/pdf, {} bytes]", bytes.len());
    let document = Document {
        media_type: "application/pdf".to_owned(),
        source: MediaSource::Base64(STANDARD.encode(bytes)),
        title: Some(path.to_string()),
    };
    Ok(ToolOutput::blocks(vec![ContentBlock::text(caption), ContentBlock::Document(document)]))
}

fn read_whole(file: File, path: &WorkspacePath, limit: u64) -> Result<Vec<u8>, ToolError> {
    let size = size_of(&file);
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| WorkspaceError::of_io(error, "read", path))?;
    if bytes.len() as u64 > limit {
        return Err(ToolError::model(format!(
            "'{path}' has {size} bytes: at most {limit} can be shown; make a smaller copy first"
        )));
    }
    Ok(bytes)
}

fn size_of(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}
