//! The project's own chores: `cargo xtask test`, `ci`, `crash`, `tidy`.

mod ci;
mod crash;
mod demo_server;
mod environment;
mod process;
mod source;
mod test;
mod third_party;
mod tidy;
mod workspace;

use std::process::ExitCode;

use crate::process::Failure;
use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask CHORE

  test         every test: the workspace's own, the documentation's, and those
               against third-party programs, which it installs first
  ci           what the gate runs: test, format, lints, docs, feature sets,
               examples, packages, tidy
  crash --runs N [--store sqlite|redis] [--seed S]
               kills a server N times under load and compares what it promised
               with what it kept; `test` does so for a short time
  tidy         the rules that no compiler checks: edges between crates, sizes,
               names, leftovers, documented variables
  third-party  only installs the programs that the tests talk to
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match arguments {
        ["test"] => test::run(&workspace),
        ["ci"] => ci::run(&workspace),
        ["crash", options @ ..] if !options.is_empty() => crash::run(&workspace, options),
        ["tidy"] => tidy::run(&workspace),
        ["third-party"] => third_party::install(&workspace),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::new(format!("unknown chore {arguments:?}\n{USAGE}"))),
    }
}
