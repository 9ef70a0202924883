//! Every test there is, in one build.

use crate::process;
use crate::process::Failure;
use crate::third_party;
use crate::workspace::Workspace;

/// Installs what the tests talk to, then runs them all.
///
/// One selection of packages and features for everything, because each other
/// one would compile the dependencies again.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    third_party::install(workspace)?;
    let mut tests = workspace.cargo();
    tests.args(["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"]);
    tests.env(third_party::CACHE_VARIABLE, third_party::cache(workspace));
    process::run(&mut tests)
}
