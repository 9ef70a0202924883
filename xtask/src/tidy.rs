//! The rules that no compiler checks, each in its own file.
//!
//! A rule looks at the files and tells what is wrong as `path:line: what`. All
//! rules run to their end, so that one run shows everything.

mod dependencies;
mod documents;
mod leftovers;
mod names;
mod packages;
mod secrets;
mod sizes;
mod variables;

use crate::process::Failure;
use crate::workspace::File;
use crate::workspace::Workspace;

/// What the rules found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    /// Something that must not be merged.
    fn error(&mut self, finding: String) {
        self.errors.push(finding);
    }

    /// Something that wants a second look.
    fn warning(&mut self, finding: String) {
        self.warnings.push(finding);
    }
}

/// Checks everything and fails when anything is wrong.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = workspace.files()?;
    let mut findings = Findings::default();
    check_files(&files, &mut findings);
    packages::check(&workspace.metadata()?.packages, &files, &mut findings);
    dependencies::check(workspace, &mut findings)?;
    report(&findings, files.len())
}

fn check_files(files: &[File], findings: &mut Findings) {
    for file in files {
        names::check(file, findings);
        sizes::check(file, findings);
        leftovers::check(file, findings);
        secrets::check(file, findings);
    }
    documents::check(files, findings);
    variables::check(files, findings);
}

fn report(findings: &Findings, files: usize) -> Result<(), Failure> {
    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for error in &findings.errors {
        eprintln!("error: {error}");
    }
    match findings.errors.len() {
        0 => {
            println!("tidy: {files} files, {} warnings", findings.warnings.len());
            Ok(())
        }
        count => Err(Failure::new(format!("tidy found {count} errors"))),
    }
}
