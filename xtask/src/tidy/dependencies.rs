//! Which crate may know which, and what no crate may bring in.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Findings;
use crate::process;
use crate::process::Failure;
use crate::workspace::Workspace;

/// The edges between the crates: server → channels, tools, providers → core.
const EDGES: [(&str, &[&str]); 8] = [
    ("livos-core", &[]),
    ("livos-providers", &["livos-core"]),
    ("livos-tools", &["livos-core"]),
    ("livos-channels", &["livos-core"]),
    ("livos-server", &["livos-core", "livos-providers", "livos-tools", "livos-channels"]),
    ("livos-examples", &["livos-core", "livos-providers", "livos-tools", "livos-channels"]),
    ("livos-benches", &["livos-core", "livos-providers", "livos-tools", "livos-channels"]),
    ("xtask", &[]),
];

/// How many crates `cargo add livos-core` may bring, itself counted.
const MAX_CORE_CRATES: usize = 60;

/// What core's default build must do without.
const NOT_IN_CORE: [&str; 7] =
    ["reqwest", "hyper", "rusqlite", "libsqlite3-sys", "rustls", "clap", "axum"];

/// What nothing may bring in: a second TLS stack, or an HTTP client that needs one.
const BANNED: [&str; 4] = ["ring", "openssl-sys", "native-tls", "async-std"];

/// The oldest reqwest whose TLS stack is the one the workspace has.
const OLDEST_REQWEST: (u64, u64) = (0, 13);

pub(super) fn check(workspace: &Workspace, findings: &mut Findings) -> Result<(), Failure> {
    check_edges(&workspace.metadata()?.packages, findings);
    check_core(&tree(workspace, &["--package=livos-core", "--edges=no-dev"])?, findings);
    check_banned(
        &tree(workspace, &["--workspace", "--all-features", "--edges=normal,build,dev"])?,
        findings,
    );
    Ok(())
}

fn check_edges(packages: &[Value], findings: &mut Findings) {
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            findings.error(format!("{name}: a new package; say in xtask what it may depend on"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice);
        for dependency in dependencies.unwrap_or_default() {
            let target = dependency["name"].as_str().unwrap_or_default();
            if names.contains(target) && target != name && !allowed.contains(&target) {
                findings.error(format!("{name}/Cargo.toml: must not depend on {target}"));
            }
        }
    }
}

fn check_core(crates: &BTreeSet<String>, findings: &mut Findings) {
    if crates.len() > MAX_CORE_CRATES {
        findings.error(format!(
            "livos-core: its default build has {} crates, more than {MAX_CORE_CRATES}",
            crates.len()
        ));
    }
    for unwanted in NOT_IN_CORE {
        if crates.iter().any(|line| name_of(line) == unwanted) {
            findings.error(format!("livos-core: its default build brings in {unwanted}"));
        }
    }
}

fn check_banned(crates: &BTreeSet<String>, findings: &mut Findings) {
    for line in crates {
        let name = name_of(line);
        if BANNED.contains(&name) {
            findings.error(format!("Cargo.lock: {name} is banned; see `cargo tree -i {name}`"));
        }
        if name == "reqwest" && version_of(line).is_none_or(|version| version < OLDEST_REQWEST) {
            findings.error(format!("Cargo.lock: {line} is older than 0.13"));
        }
    }
}

/// The crates of a tree, each once as `name vX.Y.Z`.
fn tree(workspace: &Workspace, selection: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let mut command = workspace.cargo();
    command.args(["tree", "--locked", "--prefix=none"]).args(selection);
    let text = process::output(&mut command)?;
    Ok(text.lines().filter_map(crate_of).collect())
}

fn crate_of(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next().filter(|word| word.starts_with('v'))?;
    Some(format!("{name} {version}"))
}

fn name_of(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn version_of(line: &str) -> Option<(u64, u64)> {
    let mut parts = line.split_once(" v")?.1.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::Findings;
    use super::check_banned;
    use super::check_core;
    use super::check_edges;

    fn crates(lines: &[&str]) -> BTreeSet<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_middle_crates_must_not_see_each_other() {
        let packages = [
            json!({"name": "livos-tools", "dependencies": [{"name": "livos-core"}, {"name": "serde"}]}),
            json!({"name": "livos-core", "dependencies": [{"name": "livos-core"}]}),
            json!({"name": "livos-providers", "dependencies": [{"name": "livos-tools"}]}),
            json!({"name": "livos-new", "dependencies": []}),
        ];
        let mut findings = Findings::default();
        check_edges(&packages, &mut findings);
        assert_eq!(
            findings.errors,
            [
                "livos-providers/Cargo.toml: must not depend on livos-tools",
                "livos-new: a new package; say in xtask what it may depend on",
            ]
        );
    }

    #[test]
    fn core_stays_lean() {
        let mut findings = Findings::default();
        check_core(&crates(&["serde v1.0.0", "tokio v1.54.1"]), &mut findings);
        assert_eq!(findings.errors.len(), 0);
        let many: Vec<String> = (0..61).map(|n| format!("c{n} v1.0.0")).collect();
        check_core(&many.into_iter().chain(["hyper v1.0.0".to_owned()]).collect(), &mut findings);
        assert_eq!(findings.errors.len(), 2, "{:?}", findings.errors);
    }

    #[test]
    fn a_second_tls_stack_is_refused() {
        let mut findings = Findings::default();
        check_banned(&crates(&["reqwest v0.13.5", "rustls v0.23.1"]), &mut findings);
        assert_eq!(findings.errors.len(), 0);
        check_banned(&crates(&["reqwest v0.12.9", "ring v0.17.1"]), &mut findings);
        assert_eq!(findings.errors.len(), 2, "{:?}", findings.errors);
    }
}
