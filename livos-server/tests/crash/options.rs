//! What the test is told.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// The store that the killed server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Redis,
}

/// How often a server is killed, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) store: StoreKind,
    pub(crate) kills: usize,
    pub(crate) seed: u64,
}

const USAGE: &str = "arguments: --runs N [--store sqlite|redis] [--seed S]";

impl Options {
    /// Reads `--runs N --store S --seed S`.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { store: StoreKind::Sqlite, kills: 0, seed: new_seed() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} wants a value; {USAGE}"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{value} is no number"));
            match (word.as_str(), value.as_str()) {
                ("--runs", _) => options.kills = usize::try_from(number()?).unwrap_or(usize::MAX),
                ("--seed", _) => options.seed = number()?,
                ("--store", "sqlite") => options.store = StoreKind::Sqlite,
                ("--store", "redis") => options.store = StoreKind::Redis,
                _ => return Err(format!("{word} {value} is not understood; {USAGE}")),
            }
        }
        Ok(options)
    }
}

/// A seed that nobody chose; a report names it.
pub(crate) fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
