//! The sealed secrets as the server uses them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use livos_core::MemoryStore;
use livos_core::Setting;
use livos_core::SystemClock;

use super::*;

const VALUE: &str = "swordfish-0123456789";

fn over(settings: &Arc<dyn Settings>, home: &Path) -> SealedSecrets {
    SealedSecrets::new(Arc::clone(settings), home, Redactor::new(), Arc::new(SystemClock))
}

fn fresh() -> (Arc<dyn Settings>, tempfile::TempDir) {
    (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

async fn value(secrets: &SealedSecrets, name: &str) -> Option<String> {
    secrets.secret(name).await.unwrap().map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn a_secret_is_kept_sealed_and_comes_back() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    assert_eq!(value(&secrets, "A_KEY").await, None);
    secrets.set(name("A_KEY"), &Secret::new(VALUE)).await.unwrap();
    assert_eq!(value(&secrets, "A_KEY").await.as_deref(), Some(VALUE));
    let kept = settings.setting(SETTING).await.unwrap().unwrap();
    assert!(!kept.value.to_string().contains("swordfish"), "{}", kept.value);
    let mode = std::fs::metadata(key_file_path(home.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(secrets.redactor.clean(VALUE), "[secret A_KEY]");
    secrets.remove(&name("A_KEY")).await.unwrap();
    assert_eq!(value(&secrets, "A_KEY").await, None);
    let gone = secrets.remove(&name("A_KEY")).await.unwrap_err();
    assert!(matches!(gone, SecretsError::Unknown { .. }), "{gone}");
}

#[tokio::test]
async fn values_that_could_not_be_redacted_or_are_huge_are_refused() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    let short = secrets.set(name("A"), &Secret::new("1234567")).await.unwrap_err();
    assert!(matches!(short, SecretsError::TooShort { shortest: 8 }), "{short}");
    let long = secrets.set(name("A"), &Secret::new("x".repeat(MAX_VALUE + 1))).await.unwrap_err();
    assert!(matches!(long, SecretsError::TooLong { .. }), "{long}");
    assert!(secrets.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_named_and_changes_nothing() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    secrets.set(name("A"), &Secret::new(VALUE)).await.unwrap();
    let before = settings.setting(SETTING).await.unwrap();
    let key_file = key_file_path(home.path());
    let right = std::fs::read_to_string(&key_file).unwrap();
    for (content, expected) in [
        (None, "is missing; put it back"),
        (Some("0".repeat(64)), "holds key"),
        (Some("no key".to_owned()), "holds no sealing key"),
    ] {
        match &content {
            None => std::fs::remove_file(&key_file).unwrap(),
            Some(text) => std::fs::write(&key_file, text).unwrap(),
        }
        let errors = [
            secrets.set(name("B"), &Secret::new(VALUE)).await.unwrap_err(),
            secrets.rotate().await.unwrap_err(),
            secrets.open_all().await.unwrap_err(),
        ];
        for error in errors.map(|error| error.to_string()) {
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(key_file.to_str().unwrap()), "{error}");
        }
        let error = secrets.secret("A").await.unwrap_err();
        assert!(matches!(error, SecretSourceError::Locked { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&key_file).ok(), content, "no key is made");
        assert_eq!(settings.setting(SETTING).await.unwrap(), before);
    }
    // The owner can still see what there is, and let it go.
    assert_eq!(secrets.list().await.unwrap().len(), 1);
    std::fs::write(&key_file, right).unwrap();
    assert_eq!(value(&secrets, "A").await.as_deref(), Some(VALUE));
    std::fs::remove_file(&key_file).unwrap();
    secrets.remove(&name("A")).await.unwrap();
    secrets.set(name("B"), &Secret::new(VALUE)).await.unwrap();
}

#[tokio::test]
async fn sealed_values_cannot_be_exchanged() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    secrets.set(name("A"), &Secret::new(VALUE)).await.unwrap();
    secrets.set(name("B"), &Secret::new("another-secret")).await.unwrap();
    let mut kept = settings.setting(SETTING).await.unwrap().unwrap();
    let a = kept.value["secrets"]["A"].take();
    kept.value["secrets"]["A"] = std::mem::replace(&mut kept.value["secrets"]["B"], a);
    let change = SettingChange { key: kept.key, value: kept.value, expected: ExpectedVersion::Any };
    settings.change_setting(change).await.unwrap();
    let error = secrets.open_all().await.unwrap_err();
    assert!(matches!(error, SecretsError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_rotation_changes_the_key_and_keeps_the_secrets() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    secrets.set(name("A"), &Secret::new(VALUE)).await.unwrap();
    let before = secrets.list().await.unwrap();
    let old_key = std::fs::read_to_string(key_file_path(home.path())).unwrap();
    let (key_id, count) = secrets.rotate().await.unwrap();
    assert_eq!(count, 1);
    let after = secrets.list().await.unwrap();
    assert_eq!(after[0].key_id, key_id);
    assert_ne!(after[0].key_id, before[0].key_id);
    assert_eq!(after[0].changed_at, before[0].changed_at, "its value is the same");
    assert_eq!(value(&secrets, "A").await.as_deref(), Some(VALUE));
    let files: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(files.len(), 1, "one key file is left");
    assert_ne!(files[0], old_key);
}

/// A store that dies at its second change: before it is made, or after.
#[derive(Debug)]
struct Dying {
    inner: Arc<dyn Settings>,
    changes: AtomicUsize,
    after: bool,
}

#[async_trait]
impl Settings for Dying {
    async fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError> {
        self.inner.setting(key).await
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, StoreError> {
        self.inner.settings(prefix).await
    }

    async fn change_setting(&self, change: SettingChange) -> Result<u64, StoreError> {
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        if number == 1 {
            if self.after {
                self.inner.change_setting(change).await?;
            }
            return Err(StoreError::unavailable("the process died"));
        }
        self.inner.change_setting(change).await
    }
}

#[tokio::test]
async fn an_interrupted_rotation_loses_nothing_and_is_finished_later() {
    for after in [false, true] {
        let (inner, home) = fresh();
        let dying = Dying { inner: Arc::clone(&inner), changes: AtomicUsize::default(), after };
        let dying: Arc<dyn Settings> = Arc::new(dying);
        let secrets = over(&dying, home.path());
        secrets.set(name("A"), &Secret::new(VALUE)).await.unwrap();
        let before = secrets.list().await.unwrap();
        secrets.rotate().await.unwrap_err();
        assert!(home.path().join("secrets.key.next").exists());
        // The next process.
        let secrets = over(&inner, home.path());
        assert_eq!(value(&secrets, "A").await.as_deref(), Some(VALUE), "after: {after}");
        let opened = secrets.open_all().await.unwrap();
        assert_eq!(opened[0].1.expose(), VALUE);
        assert_eq!(home.path().join("secrets.key.next").exists(), !after);
        secrets.rotate().await.unwrap();
        assert!(!home.path().join("secrets.key.next").exists());
        assert_ne!(secrets.list().await.unwrap()[0].key_id, before[0].key_id);
        assert_eq!(value(&secrets, "A").await.as_deref(), Some(VALUE));
    }
}

#[tokio::test]
async fn rights_of_others_are_taken_away() {
    let (settings, home) = fresh();
    let secrets = over(&settings, home.path());
    secrets.set(name("A"), &Secret::new(VALUE)).await.unwrap();
    let path = key_file_path(home.path());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    secrets.open_all().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn changes_by_two_at_once_are_all_kept() {
    let (settings, home) = fresh();
    over(&settings, home.path()).set(name("FIRST"), &Secret::new(VALUE)).await.unwrap();
    let (one, other) = (over(&settings, home.path()), over(&settings, home.path()));
    let secret = Secret::new(VALUE);
    let (a, b) = tokio::join!(one.set(name("A"), &secret), other.set(name("B"), &secret));
    a.unwrap();
    b.unwrap();
    assert_eq!(one.list().await.unwrap().len(), 3);
}
