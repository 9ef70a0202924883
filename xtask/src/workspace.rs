//! Where the workspace is, and which files belong to it.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::environment::EXAMPLE;
use crate::environment::documented_variables;
use crate::process;
use crate::process::Failure;

/// The checked-out repository.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

/// A file of the repository, read as text where it is text.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path beneath the root, with forward slashes.
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// Its text; none for images and the like.
    pub(crate) text: Option<String>,
}

/// What cargo knows about the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Each package, as cargo describes it.
    pub(crate) packages: Vec<Value>,
    /// Where builds go.
    pub(crate) target_directory: PathBuf,
}

impl File {
    /// Whether its name ends in a dot and this.
    pub(crate) fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }
}

impl Workspace {
    /// The workspace that cargo runs this program in, or else the one it was built in. They differ where
    /// several clones share a target directory.
    pub(crate) fn find() -> Result<Self, Failure> {
        let running = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = running.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = package
            .parent()
            .ok_or_else(|| Failure::new(format!("{} has no parent", package.display())))?;
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A program that starts in the root.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A program that starts in the root and knows none of the variables that `.env.example`
    /// names, so that nobody's keys are used.
    pub(crate) fn offline_command(&self, program: &Path) -> Result<Command, Failure> {
        let path = self.root.join(EXAMPLE);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        let mut command = self.command(&program.to_string_lossy());
        for name in documented_variables(&text) {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Cargo, the same that runs this.
    pub(crate) fn cargo(&self) -> Command {
        let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        self.command(&program)
    }

    /// What cargo knows about the workspace.
    pub(crate) fn metadata(&self) -> Result<Metadata, Failure> {
        let options = ["metadata", "--format-version=1", "--locked", "--no-deps"];
        let text = process::output(self.cargo().args(options))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cargo metadata is not as expected: {error}")))
    }

    /// Every file that is tracked or could be: what git ignores is left out.
    pub(crate) fn files(&self) -> Result<Vec<File>, Failure> {
        let listing = process::output(self.command("git").args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut paths: Vec<&str> = listing.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().filter_map(|path| self.read(path).transpose()).collect()
    }

    fn read(&self, path: &str) -> Result<Option<File>, Failure> {
        let full = self.root.join(path);
        if !full.is_file() {
            return Ok(None); // deleted and not yet committed
        }
        let bytes = fs::read(&full)
            .map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
        let size = bytes.len();
        Ok(Some(File { path: path.to_owned(), size, text: String::from_utf8(bytes).ok() }))
    }
}
