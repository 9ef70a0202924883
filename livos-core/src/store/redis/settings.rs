//! A few values: one hash, each with its version before it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::RedisStore;
use super::failure::damaged;
use super::fields::to_text;
use crate::store::ExpectedVersion;
use crate::store::Setting;
use crate::store::SettingChange;
use crate::store::Settings;
use crate::store::StoreError;

#[async_trait]
impl Settings for RedisStore {
    async fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError> {
        let mut field = self.command("HGET", &[&"settings"]);
        let stored: Option<String> = self.ask(field.arg(key)).await?;
        stored.map(|stored| read(key, &stored)).transpose()
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, StoreError> {
        let all: BTreeMap<String, String> =
            self.ask(&self.command("HGETALL", &[&"settings"])).await?;
        let named = all.iter().filter(|(key, _)| key.starts_with(prefix));
        named.map(|(key, stored)| read(key, stored)).collect()
    }

    async fn change_setting(&self, change: SettingChange) -> Result<u64, StoreError> {
        let SettingChange { key, value, expected } = &change;
        let expected = match expected {
            ExpectedVersion::Any => None,
            ExpectedVersion::Absent => Some(0),
            ExpectedVersion::Exactly(version) => Some(*version),
        };
        let mut plan = json!({ "key": key, "value": to_text(value)? });
        if let (Some(expected), Some(plan)) = (expected, plan.as_object_mut()) {
            plan.insert("expected".to_owned(), expected.to_string().into());
        }
        let answer = self.once(&self.scripts.change_setting, &plan).await?;
        let version = answer.parse(1)?;
        if answer.verdict() != "ok" {
            change.check(version)?;
        }
        Ok(version)
    }
}

fn read(key: &str, stored: &str) -> Result<Setting, StoreError> {
    let parts = stored.split_once(' ');
    let (version, value) = parts.ok_or_else(|| damaged("setting", &key))?;
    let version = version.parse().map_err(|error| damaged("setting", &error))?;
    let value = serde_json::from_str(value).map_err(|error| damaged("setting", &error))?;
    Ok(Setting { key: key.to_owned(), value, version })
}
