//! What happens once, when a store is opened.

use std::collections::HashMap;

use super::connection::Connection;
use super::connection::Request;
use super::fields::Fields;
use super::script::Scripts;
use crate::store::StoreError;

/// The version of the keys and of what is in them.
const FORMAT: u32 = 1;
/// The oldest Redis that has all the commands.
const OLDEST: (u32, u32) = (6, 2);

/// Checks that this Redis can be a store, marks it as one, and gives it the scripts.
pub(super) async fn prepare(
    connection: &Connection,
    root: &str,
    scripts: &Scripts,
) -> Result<(), StoreError> {
    check_server(connection).await?;
    check_format(connection, root).await?;
    let mut load = redis::pipe();
    for script in scripts.all() {
        load.cmd("SCRIPT").arg("LOAD").arg(script.source()).ignore();
    }
    connection.ask(Request::Pipeline(&load)).await
}

async fn check_server(connection: &Connection) -> Result<(), StoreError> {
    let info: String = connection.ask(Request::Command(&redis::cmd("INFO"))).await?;
    let fields = info.lines().filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let fields = Fields::from(fields.collect::<HashMap<_, _>>());
    let version = fields.text("redis_version").unwrap_or_default();
    if is_too_old(version) {
        let (major, minor) = OLDEST;
        return Err(StoreError::unavailable(format!(
            "Redis at {} has version {version}; {major}.{minor} or newer is needed",
            connection.address()
        )));
    }
    match fields.text("maxmemory_policy") {
        None | Some("noeviction") => {}
        Some(policy) => tracing::warn!(
            policy,
            "Redis may drop what the store needs when its memory is full: set maxmemory-policy to noeviction"
        ),
    }
    if fields.text("aof_enabled") == Some("0") {
        tracing::warn!(
            "Redis keeps no append-only file: what it was told last is lost if it dies; set appendonly to yes"
        );
    }
    Ok(())
}

/// A version that cannot be read is let through: relatives of Redis number otherwise.
fn is_too_old(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => (major, minor) < OLDEST,
        _ => false,
    }
}

async fn check_format(connection: &Connection, root: &str) -> Result<(), StoreError> {
    let key = format!("{root}:format");
    let mut commands = redis::pipe();
    commands.cmd("SET").arg(&key).arg(FORMAT).arg("NX").ignore().cmd("GET").arg(&key);
    let (found,): (u32,) = connection.ask(Request::Pipeline(&commands)).await?;
    if found > FORMAT {
        return Err(StoreError::NewerFormat { found, supported: FORMAT });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_refused() {
        for (version, too_old) in
            [("6.2.0", false), ("7.0.15", false), ("6.0.16", true), ("5.0.7", true), ("x", false)]
        {
            assert_eq!(is_too_old(version), too_old, "{version}");
        }
    }
}
