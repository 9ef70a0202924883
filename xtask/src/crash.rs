//! The long form of the crash test.

use crate::process;
use crate::process::Failure;
use crate::workspace::Workspace;

/// Kills servers as often as the arguments say, `--runs N [--store sqlite|redis] [--seed S]`;
/// the test reads them.
///
/// The selection of packages and features is that of all tests, so that nothing is compiled again.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let mut test = workspace.cargo();
    test.args(["test", "--workspace", "--all-features", "--locked", "--test", "crash", "--"]);
    process::run(test.args(arguments))
}
