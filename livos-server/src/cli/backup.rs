//! `livos backup` and `livos restore`: the store as one file, out and in again.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use livos_core::SqliteStore;
use livos_core::StoreCheck;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::connection::load;
use super::exit;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Config;
use crate::config::Environment;
use crate::config::StoreLocation;
use crate::home::Home;
use crate::home::RunningServer;
use crate::http::Causes;

/// What belongs to an SQLite file beside itself.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// File to write; must not exist
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// What `livos backup` wrote
    file: PathBuf,
    /// Put it in the place of the store that is there, which is kept under another name
    #[arg(long)]
    replace: bool,
}

pub(super) async fn backup(
    target: &Target,
    environment: &Environment,
    args: &BackupArgs,
) -> Result<ExitCode, ClientError> {
    let file = &args.file;
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    if file.exists() {
        return Err(refused(file, "exists already; choose another name"));
    }
    new_private(&unfinished).map_err(|error| ClientError::file(&unfinished, &error))?;
    let copied = copy_to(&unfinished, target, environment).await;
    let check = match copied {
        Ok(()) => checked(&unfinished).await,
        Err(error) => Err(error),
    };
    let kept = check.and_then(|check| {
        if let Some(fault) = check.faults.first() {
            return Err(refused(file, &format!("the store is damaged, {fault}")));
        }
        std::fs::rename(&unfinished, file).map_err(|error| ClientError::file(file, &error))?;
        Ok(check)
    });
    remove_with_companions(&unfinished);
    let check = kept?;
    let mut terminal = Terminal::of_process();
    terminal.line(Style::Good, format!("✓ {} has {}", file.display(), counts(&check)))?;
    Ok(ExitCode::SUCCESS)
}

/// Copies the store of the running server, or that of the home when none runs.
async fn copy_to(
    file: &Path,
    target: &Target,
    environment: &Environment,
) -> Result<(), ClientError> {
    if target.url.is_none() {
        let config = load(target, environment)?;
        if RunningServer::find(config.home()).is_none() {
            return copy_home(&config, file).await;
        }
    }
    let connection = Connection::to_running(target, environment)?;
    connection.client.download("/api/backup", file).await
}

async fn copy_home(config: &Config, file: &Path) -> Result<(), ClientError> {
    let store = store_file(config)?;
    if !store.exists() {
        return Err(refused(store, "there is no store to copy"));
    }
    // Held, so that no server begins meanwhile.
    let _home = Home::open(config.home()).map_err(|error| unusable(&error))?;
    let opened = SqliteStore::open(store).map_err(|error| ClientError::file(store, &error))?;
    opened.backup(file).await.map_err(|error| ClientError::file(file, &error))
}

pub(super) async fn restore(
    target: &Target,
    environment: &Environment,
    args: &RestoreArgs,
) -> Result<ExitCode, ClientError> {
    if target.url.is_some() {
        let reason =
            "a store is restored on its own machine, while no server runs; leave out --url";
        return Err(ClientError::NoServer(reason.to_owned()));
    }
    let config = load(target, environment)?;
    let store = store_file(&config)?;
    let file = &args.file;
    let _home = Home::open(config.home()).map_err(|error| unusable(&error))?;
    if store.exists() && !args.replace {
        return Err(refused(
            store,
            "there is a store already; `--replace` puts the backup in its place and keeps it under another name",
        ));
    }
    let trial = beside(store, "check");
    copy_private(file, &trial).map_err(|error| ClientError::file(file, &error))?;
    let check = checked(&trial).await;
    remove_with_companions(&trial);
    let check = check.map_err(|error| match error {
        ClientError::File { reason, .. } => ClientError::File { path: file.clone(), reason },
        other => other,
    })?;
    let mut terminal = Terminal::of_process();
    if !check.faults.is_empty() {
        for fault in &check.faults {
            terminal.aside(Style::Bad, format!("✗ {fault}"))?;
        }
        terminal
            .aside(Style::Bad, format!("{} is damaged; nothing was changed", file.display()))?;
        return Ok(ExitCode::from(exit::FAILED));
    }
    let kept = put_in_place(file, store).map_err(|error| ClientError::file(store, &error))?;
    if let Some(kept) = kept {
        terminal.aside(Style::Quiet, format!("the store before is {}", kept.display()))?;
    }
    terminal.line(Style::Good, format!("✓ {} has {}", store.display(), counts(&check)))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy of the backup where the store was, and gives the name under which that is kept.
fn put_in_place(file: &Path, store: &Path) -> io::Result<Option<PathBuf>> {
    let fresh = beside(store, "restored");
    copy_private(file, &fresh)?;
    let kept = store.exists().then(|| beside(store, "before-restore"));
    for companion in COMPANIONS {
        let old = with_suffix(store, companion);
        match &kept {
            Some(kept) if old.exists() => {
                std::fs::rename(&old, with_suffix(kept, companion))?;
            }
            // What a store that is gone left behind must not be taken for part of this one.
            None if old.exists() => std::fs::remove_file(&old)?,
            _ => {}
        }
    }
    std::fs::rename(&fresh, store)?;
    if let Some(directory) = store.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(kept)
}

/// Opens a copy, which tells whether this version can read it, and looks for damage.
async fn checked(copy: &Path) -> Result<StoreCheck, ClientError> {
    let failed = |error| ClientError::file(copy, &error);
    let store = SqliteStore::open(copy).map_err(failed)?;
    store.check().await.map_err(failed)
}

fn counts(check: &StoreCheck) -> String {
    format!("{} sessions with {} entries", check.sessions, check.entries)
}

fn store_file(config: &Config) -> Result<&Path, ClientError> {
    match &config.store {
        StoreLocation::Sqlite(file) => Ok(file),
        StoreLocation::Memory => {
            Err(ClientError::NoServer("the store is in memory; there is no file of it".to_owned()))
        }
        StoreLocation::Redis(_) => Err(ClientError::NoServer(
            "the store is a Redis; copy its append-only file instead".to_owned(),
        )),
    }
}

fn beside(store: &Path, purpose: &str) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    with_suffix(store, &format!(".{purpose}-{}", now.as_millis()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn new_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = new_private(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// Removes a file with everything a store makes beside it. What cannot be removed is only in the way.
fn remove_with_companions(path: &Path) {
    for companion in COMPANIONS.into_iter().chain([".lock"]) {
        std::fs::remove_file(with_suffix(path, companion)).ok();
    }
}

fn refused(path: &Path, reason: &str) -> ClientError {
    ClientError::File { path: path.to_owned(), reason: reason.to_owned() }
}

fn unusable(error: &crate::home::HomeError) -> ClientError {
    ClientError::NoServer(Causes(error).to_string())
}
