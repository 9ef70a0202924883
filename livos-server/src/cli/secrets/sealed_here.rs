//! The sealed secrets of a home whose server does not run.

use std::sync::Arc;

use livos_core::Redactor;
use livos_core::Secret;
use livos_core::SecretName;
use livos_core::Settings;
use livos_core::SystemClock;
use serde_json::Value;
use serde_json::json;

use super::super::client::ClientError;
use crate::config::Config;
use crate::config::Environment;
use crate::config::StoreLocation;
use crate::home::Home;
use crate::http::Causes;
use crate::runtime::open_store;
use crate::secrets::SealedSecrets;
use crate::secrets::SecretsError;

/// The sealed secrets, and the home that no server can take meanwhile.
pub(super) struct SealedHere {
    secrets: SealedSecrets,
    environment: Environment,
    _home: Home,
}

impl SealedHere {
    pub(super) async fn open(
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, ClientError> {
        if config.store == StoreLocation::Memory {
            return Err(ClientError::NoServer(
                "the store is in memory, which nothing outlives; set LIVOS_STORE to another, or start the server first"
                    .to_owned(),
            ));
        }
        let home = Home::open(config.home()).map_err(|error| unusable(&error))?;
        let opened = open_store(&config.store).await;
        let store = opened.map_err(|error| unusable(&error))?.store;
        let secrets = SealedSecrets::new(
            store as Arc<dyn Settings>,
            config.home(),
            Redactor::new(),
            Arc::new(SystemClock),
        );
        Ok(Self { secrets, environment: environment.clone(), _home: home })
    }

    pub(super) async fn set(&self, name: &SecretName, secret: &Secret) -> Result<(), ClientError> {
        self.secrets.set(name.clone(), secret).await.map_err(|error| refused(&error))
    }

    pub(super) async fn list(&self) -> Result<Vec<Value>, ClientError> {
        let listed = self.secrets.list().await.map_err(|error| refused(&error))?;
        let names = self.environment.names();
        let line = |secret: crate::secrets::SealedSecret| {
            json!({
                "shadowed": names.contains(secret.name.as_str()),
                "name": secret.name,
                "changed_at": secret.changed_at,
                "key_id": secret.key_id,
            })
        };
        Ok(listed.into_iter().map(line).collect())
    }

    pub(super) async fn rotate(&self) -> Result<(String, u64), ClientError> {
        let (key_id, count) = self.secrets.rotate().await.map_err(|error| refused(&error))?;
        Ok((key_id, count as u64))
    }

    pub(super) async fn remove(&self, name: &SecretName) -> Result<(), ClientError> {
        self.secrets.remove(name).await.map_err(|error| refused(&error))
    }
}

fn refused(error: &SecretsError) -> ClientError {
    ClientError::Secrets(Causes(error).to_string())
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> ClientError {
    ClientError::NoServer(Causes(error).to_string())
}
