//! Whether the store of a server that does not run is whole, or can be reached.

use std::path::Path;
use std::time::Duration;

use livos_core::RedisConfig;
use livos_core::RedisStore;
use livos_core::SqliteStore;
use livos_core::StoreError;
use livos_core::StoreHealth;

use super::Check;
use crate::api::health::with_fix;
use crate::config::StoreLocation;

const NAME: &str = "store";
/// How long a Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads all of a file, since damage is where nobody looked yet.
pub(super) async fn store(location: &StoreLocation) -> Check {
    match location {
        StoreLocation::Sqlite(file) => sqlite(file).await,
        StoreLocation::Memory => {
            Check::warning(NAME, "in memory: everything is forgotten when the server ends")
        }
        StoreLocation::Redis(url) => redis(RedisConfig::new(url.0.clone())).await,
    }
}

async fn sqlite(file: &Path) -> Check {
    let shown = file.display();
    if !file.exists() {
        return Check::ok(NAME, format!("{shown} will be made at the first start"));
    }
    match SqliteStore::examine(file).await {
        Ok(found) if found.faults.is_empty() => Check::ok(
            NAME,
            format!("{shown} is whole: {} sessions, {} entries", found.sessions, found.entries),
        ),
        Ok(found) => {
            let message = found.faults.into_iter().take(3).collect::<Vec<_>>().join("; ");
            failing(file, &StoreError::Corrupt { message })
        }
        Err(error) => failing(file, &error),
    }
}

async fn redis(config: RedisConfig) -> Check {
    let asked = async {
        let store = RedisStore::connect(config).await?;
        store.check_health().await?;
        Ok::<_, StoreError>(store.address().to_owned())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(address)) => Check::ok(NAME, format!("Redis at {address} answers")),
        Ok(Err(error)) => Check::failing(NAME, with_fix(&error)),
        Err(_) => Check::failing(NAME, "Redis does not answer"),
    }
}

fn failing(file: &Path, error: &StoreError) -> Check {
    Check::failing(NAME, format!("{}: {}", file.display(), with_fix(error)))
}
