//! What each published crate carries: metadata, README, the license whole.

use serde_json::Value;

use super::Findings;
use crate::workspace::File;

/// What a registry shows of a crate.
const METADATA: [&str; 6] =
    ["description", "license", "readme", "repository", "homepage", "rust_version"];

pub(super) fn check(packages: &[Value], files: &[File], findings: &mut Findings) {
    // `publish = false` is an empty list of registries; published crates have none.
    for package in packages.iter().filter(|package| package["publish"].is_null()) {
        let name = package["name"].as_str().unwrap_or_default();
        for field in METADATA.iter().filter(|field| package[**field].is_null()) {
            findings.error(format!("{name}/Cargo.toml: no {field}"));
        }
        check_license(name, files, findings);
    }
}

fn check_license(name: &str, files: &[File], findings: &mut Findings) {
    let text = |path: &str| files.iter().find(|file| file.path == path)?.text.as_deref();
    match (text("LICENSE"), text(&format!("{name}/LICENSE"))) {
        (Some(whole), Some(copy)) if whole == copy => {}
        _ => findings.error(format!("{name}/LICENSE: must be a copy of LICENSE")),
    }
}
