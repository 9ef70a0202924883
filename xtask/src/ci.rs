//! What the gate runs, in the order in which a mistake shows soonest for its cost.

use serde_json::Value;
use serde_json::json;

use crate::demo_server::DemoServer;
use crate::process;
use crate::process::Failure;
use crate::test;
use crate::tidy;
use crate::workspace::Workspace;

/// The crates that others add to their programs, each alone.
const LIBRARIES: [&str; 4] = ["livos-core", "livos-providers", "livos-tools", "livos-channels"];

/// Runs everything and stops at the first failure.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    tidy::run(workspace)?;
    process::run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    test::run(workspace)?;
    lints(workspace)?;
    fuzz_targets(workspace)?;
    documentation(workspace)?;
    feature_sets(workspace)?;
    examples(workspace)?;
    packages(workspace)
}

fn lints(workspace: &Workspace) -> Result<(), Failure> {
    let selection = ["clippy", "--workspace", "--all-targets", "--all-features", "--locked"];
    process::run(workspace.cargo().args(selection).args(["--", "-D", "warnings"]))
}

/// The fuzz targets are a workspace of their own and need a nightly compiler to run; that they
/// still fit the code is checked without the fuzzer.
fn fuzz_targets(workspace: &Workspace) -> Result<(), Failure> {
    let selection = ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features"];
    process::run(workspace.cargo().args(selection).args(["--locked", "--", "-D", "warnings"]))
}

fn documentation(workspace: &Workspace) -> Result<(), Failure> {
    let selection = ["doc", "--workspace", "--all-features", "--no-deps", "--locked"];
    process::run(workspace.cargo().args(selection).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Each library as somebody gets it who adds it alone: with its defaults, and with nothing.
fn feature_sets(workspace: &Workspace) -> Result<(), Failure> {
    for library in LIBRARIES {
        for features in [[].as_slice(), &["--no-default-features"]] {
            let check = ["check", "--quiet", "--locked", "--package", library];
            process::run(workspace.cargo().args(check).args(features))?;
        }
    }
    Ok(())
}

/// The examples as the tests have built them. They need no network: the models are the
/// demo model and scripts, and the one that speaks to a server gets one here.
fn examples(workspace: &Workspace) -> Result<(), Failure> {
    let build = ["build", "--workspace", "--all-features", "--bins", "--examples", "--locked"];
    process::run(workspace.cargo().args(build))?;
    let metadata = workspace.metadata()?;
    let programs = metadata.target_directory.join("debug");
    let server = DemoServer::start(workspace, &programs)?;
    for name in example_names(&metadata.packages) {
        let program = programs.join("examples").join(name);
        let mut example = workspace.offline_command(&program)?;
        process::run(example.env("LIVOS_URL", server.url()).env("LIVOS_API_KEY", DemoServer::KEY))?;
    }
    Ok(())
}

fn example_names(packages: &[Value]) -> Vec<String> {
    let targets = packages
        .iter()
        .filter(|package| package["name"] == "livos-examples")
        .flat_map(|package| package["targets"].as_array().map(Vec::as_slice).unwrap_or_default());
    let examples = targets.filter(|target| target["kind"] == json!(["example"]));
    examples.filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect()
}

/// The foundation is packed and built from its package; the others, which need
/// it from the registry, show what they would pack.
fn packages(workspace: &Workspace) -> Result<(), Failure> {
    let options = ["package", "--quiet", "--locked", "--allow-dirty"];
    process::run(workspace.cargo().args(options).args(["--package", "livos-core"]))?;
    for library in LIBRARIES.iter().skip(1).chain(&["livos-server"]) {
        process::run(workspace.cargo().args(options).args(["--list", "--package", library]))?;
    }
    Ok(())
}
