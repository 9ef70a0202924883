//! The file of the sealing key, and the one beside it while the key is changed.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::SecretsError;
use super::seal::SealingKey;

const FILE: &str = "secrets.key";
const PRIVATE: u32 = 0o600;
/// The longest key file that is read, in bytes.
const MAX_BYTES: u64 = 4 * 1024;

/// Where the sealing key of a home is kept.
pub(crate) fn key_file_path(home: &Path) -> PathBuf {
    home.join(FILE)
}

/// The key file of a home.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    path: PathBuf,
    /// The key that everything is about to be sealed with.
    next: PathBuf,
}

/// The keys a home has.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    pub(super) current: Option<SealingKey>,
    pub(super) next: Option<SealingKey>,
}

impl KeyRing {
    pub(super) fn key(&self, id: &str) -> Option<&SealingKey> {
        self.current.iter().chain(&self.next).find(|key| key.id() == id)
    }
}

impl KeyFile {
    pub(super) fn of_home(home: &Path) -> Self {
        Self { path: home.join(FILE), next: home.join("secrets.key.next") }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn read(&self) -> Result<KeyRing, SecretsError> {
        self.blocking(|files| {
            Ok(KeyRing { current: read_key(&files.path)?, next: read_key(&files.next)? })
        })
        .await
    }

    /// Makes the first key.
    pub(super) async fn create(&self) -> Result<SealingKey, SecretsError> {
        self.blocking(|files| write_new_key(&files.path)).await
    }

    /// The key for a rotation: one that an interrupted rotation left, or a new one. It is on the disk when
    /// this returns.
    pub(super) async fn prepare_next(&self, ring: KeyRing) -> Result<SealingKey, SecretsError> {
        if let Some(next) = ring.next {
            return Ok(next);
        }
        self.blocking(|files| write_new_key(&files.next)).await
    }

    /// Puts the next key in the place of the current one.
    pub(super) async fn promote_next(&self) -> Result<(), SecretsError> {
        self.blocking(|files| {
            std::fs::rename(&files.next, &files.path)
                .and_then(|()| sync_directory(&files.path))
                .map_err(unusable(&files.path))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, SecretsError> + Send + 'static,
    ) -> Result<T, SecretsError> {
        let files = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.map_err(|error| unusable(&self.path)(io::Error::other(error)))?
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> SecretsError {
    move |source| SecretsError::KeyFile { path: path.to_owned(), source }
}

fn read_key(path: &Path) -> Result<Option<SealingKey>, SecretsError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path)(error)),
    };
    take_rights_from_others(path, &file).map_err(unusable(path))?;
    let mut text = Zeroizing::new(String::new());
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(unusable(path)(error)),
        _ => match SealingKey::from_hex(text.trim()) {
            Some(key) => Ok(Some(key)),
            None => Err(SecretsError::BrokenKey { path: path.to_owned() }),
        },
    }
}

fn take_rights_from_others(path: &Path, file: &File) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    let mode = permissions.mode() & 0o777;
    let is_private = mode % 0o100 == 0;
    if is_private {
        return Ok(());
    }
    permissions.set_mode(PRIVATE);
    file.set_permissions(permissions)?;
    tracing::warn!(
        path = %path.display(),
        mode = format!("{mode:o}"),
        "others could read the key of the secrets; they no longer can, and `livos secrets rotate` makes a new one"
    );
    Ok(())
}

/// Makes a key that is either there as a whole or not at all, and survives a crash when this returns.
fn write_new_key(path: &Path) -> Result<SealingKey, SecretsError> {
    let key = SealingKey::generate().map_err(SecretsError::Random)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let write = || {
        // What a crash left; nothing was ever sealed with it.
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(PRIVATE).open(&unfinished)?;
        let text = Zeroizing::new(format!("{}\n", *key.to_hex()));
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        sync_directory(path)
    };
    write().map_err(unusable(path))?;
    Ok(key)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
