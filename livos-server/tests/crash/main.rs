//! Kills a server again and again under load, and compares what it promised with what it kept.
//!
//! `cargo xtask test` runs a short form of it, `cargo xtask crash --runs N` a long one. The
//! program is the test and, started by itself with `child`, the server that is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and this one reports for itself"
)]

mod api;
mod campaign;
mod chance;
mod checks;
mod child;
mod client;
mod ledger;
mod loopback;
mod model;
mod options;
mod plan;
mod preference;
mod process;
mod redis;
mod report;
mod schedules;
mod sink;
mod watcher;

use std::process::ExitCode;

use crate::campaign::Campaign;
use crate::options::Options;
use crate::options::StoreKind;
use crate::options::new_seed;

/// The short forms, as a test runner lists them, and how often each kills.
const TESTS: [(&str, StoreKind, usize); 2] = [
    ("nothing_is_lost_or_done_twice_on_sqlite", StoreKind::Sqlite, 20),
    ("nothing_is_lost_or_done_twice_on_redis", StoreKind::Redis, 10),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("child") => {
            child::serve(&arguments[1..]);
            ExitCode::SUCCESS
        }
        Some("--runs" | "--seed" | "--store") => match Options::read(&arguments) {
            Ok(options) => run(options),
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::FAILURE
            }
        },
        _ => as_tests(&arguments),
    }
}

/// What a test runner may ask for: a list, or the tests whose names contain a word.
fn as_tests(arguments: &[String]) -> ExitCode {
    let is_set = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let mut words = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    let any = words.peek().is_none();
    let words: Vec<&String> = words.collect();
    let is_asked_for = |name: &str| any || words.iter().any(|word| name.contains(word.as_str()));
    let tests = TESTS.into_iter().filter(|(name, ..)| is_asked_for(name) && !is_set("--ignored"));
    if is_set("--list") {
        tests.for_each(|(name, ..)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let run = |(_, store, kills)| run(Options { store, kills, seed: new_seed() });
    tests.map(run).find(|code| *code != ExitCode::SUCCESS).unwrap_or(ExitCode::SUCCESS)
}

fn run(options: Options) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async { Campaign::prepare(options).await.run().await });
    println!("{report}");
    if report.has_violations() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
