//! Where the engine listens.

use std::path::Path;
use std::path::PathBuf;

/// The socket of a container engine.
///
/// ```
/// use livos_tools::containers::EngineSocket;
///
/// let socket: EngineSocket = "unix:///run/user/1000/podman/podman.sock".parse()?;
/// assert_eq!(socket.path().to_str(), Some("/run/user/1000/podman/podman.sock"));
/// assert!("tcp://127.0.0.1:2375".parse::<EngineSocket>().is_err());
/// # Ok::<(), livos_tools::containers::InvalidSocket>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSocket(PathBuf);

/// Text that names no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the path of a socket, such as unix:///var/run/docker.sock; tcp and ssh are not supported"
)]
pub struct InvalidSocket;

impl Default for EngineSocket {
    /// Docker's own, `/var/run/docker.sock`.
    fn default() -> Self {
        Self(PathBuf::from("/var/run/docker.sock"))
    }
}

impl EngineSocket {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl std::str::FromStr for EngineSocket {
    type Err = InvalidSocket;

    /// Reads what `DOCKER_HOST` holds: `unix://` and a path, or the path alone.
    fn from_str(text: &str) -> Result<Self, InvalidSocket> {
        let path = Path::new(text.strip_prefix("unix://").unwrap_or(text));
        if path.is_absolute() { Ok(Self(path.to_owned())) } else { Err(InvalidSocket) }
    }
}
