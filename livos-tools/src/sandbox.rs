//! A sandbox for commands: Linux's own means, applied to the command alone.
//!
//! A command sees and writes its workspace, reads programs and libraries, and nothing
//! else: no home directory, no key, no other process, no network unless it is granted. What
//! enforces it is up to three layers, each of which keeps it in without the others:
//! namespaces, Landlock and a seccomp filter. Which of them this machine has is found out
//! when it is asked ([`Sandbox::detect`]) and never assumed.
//!
//! The walls must be put up by the process that becomes the command. That is the host
//! program itself, started a second time, so a program that uses the sandbox calls
//! [`enter_if_asked`] first thing in `main`:
//!
//! ```no_run
//! use livos_tools::sandbox::{Sandbox, SandboxSettings};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let launcher = livos_tools::sandbox::enter_if_asked();
//!     let runtime = tokio::runtime::Runtime::new()?;
//!     let sandbox = runtime.block_on(Sandbox::detect(launcher, SandboxSettings::default()))?;
//!     for gap in sandbox.confinement().gaps() {
//!         println!("not enforced here: {gap}");
//!     }
//!     Ok(())
//! }
//! ```

mod confined;
mod confinement;
mod detection;
#[cfg(target_os = "linux")]
mod inside;
mod plan;

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

pub use self::confinement::Confinement;
pub use self::confinement::LayerState;

pub(crate) use self::confined::Confined;
pub(crate) use self::confined::ConfinedCommand;
pub(crate) use self::confined::Ended;

/// The right to start this program as a launcher. There is no other way to get one than
/// [`enter_if_asked`], or to name a program that calls it.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
}

/// Becomes the launcher of a command when this process was started as one, and then never
/// returns; otherwise does nothing.
///
/// Call it first thing in `main`, before threads are started and before arguments are read.
pub fn enter_if_asked() -> Launcher {
    #[cfg(target_os = "linux")]
    inside::enter_if_asked(std::env::args_os());
    // Not the path: that may be another program by now, after an upgrade.
    Launcher { program: PathBuf::from("/proc/self/exe") }
}

impl Launcher {
    /// Another program that calls [`enter_if_asked`] first thing; for tests, whose `main` is
    /// not theirs, and for hosts that are no Rust programs.
    pub fn of_program(path: impl Into<PathBuf>) -> Self {
        Self { program: path.into() }
    }

    fn program(&self) -> &OsStr {
        self.program.as_os_str()
    }
}

/// Confines commands. Clones are the same.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    launcher: Launcher,
    settings: SandboxSettings,
    confinement: Confinement,
}

impl Sandbox {
    /// Finds out what this machine can enforce, by trying it. Takes some ten milliseconds.
    ///
    /// That little or nothing can be enforced is no error: ask
    /// [`gaps`](Confinement::gaps) before you run something.
    ///
    /// # Errors
    /// When the launcher cannot be started, or is no launcher.
    pub async fn detect(
        launcher: Launcher,
        settings: SandboxSettings,
    ) -> Result<Self, SandboxError> {
        let confinement = detection::detect(&launcher, &settings).await?;
        Ok(Self(Arc::new(Inner { launcher, settings, confinement })))
    }

    /// What holds here, and what does not.
    pub fn confinement(&self) -> &Confinement {
        &self.0.confinement
    }

    /// What it was told.
    pub fn settings(&self) -> &SandboxSettings {
        &self.0.settings
    }

    /// Whether commands have directories for temporary files of their own.
    fn has_own_files(&self) -> bool {
        self.0.confinement.has(Layer::Namespaces)
    }
}

/// One of the means by which a command is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Layer {
    /// Namespaces for users, files, processes, network and messages: nothing else is there.
    Namespaces,
    /// Landlock: the kernel checks every access to a file, to TCP, and every signal.
    Landlock,
    /// seccomp: system calls that lead out are refused.
    SystemCalls,
}

impl Layer {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Namespaces, Self::Landlock, Self::SystemCalls];

    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Landlock => "Landlock",
            Self::SystemCalls => "seccomp",
        }
    }
}

/// Whether a command may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// It cannot make a socket.
    #[default]
    Denied,
    /// It has the host's network, this machine's own services included. Sockets of Unix and
    /// raw packets stay out of reach.
    Granted,
}

/// How much one command, with all it starts, may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// How many processes there may be at once. Default: 256, enough for parallel builds.
    pub processes: u32,
    /// How many bytes of memory one process may write to, and all together may hold.
    /// Default: 2 GiB.
    pub memory: u64,
    /// The largest file, in bytes. Default: 2 GiB.
    pub file_size: u64,
    /// How many files one process may have open. Default: 4096.
    pub open_files: u32,
    /// How many bytes `/tmp` holds, where it is the command's own. Default: 512 MiB.
    pub temporary: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            processes: 256,
            memory: 2048 * MIB,
            file_size: 2048 * MIB,
            open_files: 4096,
            temporary: 512 * MIB,
        }
    }
}

/// What commands may reach and use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SandboxSettings {
    /// Whether they may use the network. Default: no.
    pub network: Network,
    /// How much each may use.
    pub limits: Limits,
    readable: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    left_out: Vec<Layer>,
}

impl SandboxSettings {
    /// Does without a layer that this machine has, where it gets in the way. It counts as
    /// missing then, and what only it enforces as a gap.
    pub fn without(mut self, layer: Layer) -> Self {
        self.left_out.push(layer);
        self
    }

    /// Grants or denies the network.
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets how much each command may use.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets commands read and run what is beneath a path, such as a toolchain in a home directory.
    pub fn with_readable(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.push(path.into());
        self
    }

    /// Keeps what is beneath a path out of sight, also where it lies beneath the workspace or
    /// something readable; the workspace itself may lie beneath it.
    pub fn with_hidden(mut self, path: impl Into<PathBuf>) -> Self {
        self.hidden.push(path.into());
        self
    }

    /// What is hidden and would be seen were it not for namespaces, which alone can take a part
    /// out of what is granted.
    fn hidden_within(&self, granted: &Path) -> Option<&Path> {
        let is_within = |hidden: &&PathBuf| hidden.starts_with(granted) && *hidden != granted;
        self.hidden.iter().find(is_within).map(PathBuf::as_path)
    }
}

/// Why a command was not run in the sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The program that was started does not know what a launcher is.
    #[error(
        "'{program}' is no sandbox launcher: call livos_tools::sandbox::enter_if_asked() first \
         thing in its main"
    )]
    NotALauncher {
        /// The program.
        program: String,
    },
    /// The launcher could not be started.
    #[error("the sandbox cannot be started")]
    Start(#[source] std::io::Error),
    /// One of the walls could not be put up, so nothing was run.
    #[error("the sandbox could not {step}: {error}")]
    Wall {
        /// What was tried.
        step: String,
        /// What the system said.
        error: String,
    },
    /// The sandbox stands, but the program could not be started in it.
    #[error("{error}")]
    NotRun {
        /// What the system said.
        error: String,
    },
}
