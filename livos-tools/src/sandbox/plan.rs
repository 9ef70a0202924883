//! What the host tells the launcher, and what it hears back; both ends are this crate.
//!
//! One socket carries both: the plan first, its length before it, then single bytes of
//! [`Order`]; the other way one JSON line for each [`Message`].

use std::io;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use super::Layer;
use super::Limits;
use super::Network;

/// The first argument of a launcher, before its role.
pub(super) const MARKER: &str = "__livos-sandbox";

/// What a launcher's process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Supervisor(View),
    Keeper,
}

/// What a command sees of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// All of it, as far as the other walls let it.
    Host,
    /// Namespaces of its own, but the host's network.
    OwnWithNetwork,
    /// Namespaces of its own, and a network without any interface that is up.
    Own,
}

impl Role {
    const ALL: [Self; 4] = [
        Self::Keeper,
        Self::Supervisor(View::Host),
        Self::Supervisor(View::OwnWithNetwork),
        Self::Supervisor(View::Own),
    ];

    /// The second argument of a launcher.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Keeper => "keep",
            Self::Supervisor(View::Host) => "supervise",
            Self::Supervisor(View::OwnWithNetwork) => "supervise-own-with-network",
            Self::Supervisor(View::Own) => "supervise-own",
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// What a launcher shall confine and run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The one directory that can be written, without links in its path.
    pub(super) workspace: PathBuf,
    /// What can be read beside what every command needs.
    pub(super) readable: Vec<PathBuf>,
    /// What stays out of sight, also where it lies in something that can be read.
    pub(super) hidden: Vec<PathBuf>,
    pub(super) network: Network,
    /// What is enforced; a layer that fails stops everything.
    pub(super) layers: Vec<Layer>,
    pub(super) limits: Limits,
    /// A directory for temporary files, where the sandbox has none of its own.
    pub(super) temporary: Option<PathBuf>,
    /// What to run; without it the launcher only tries whether it could.
    pub(super) command: Option<PlannedCommand>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PlannedCommand {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    /// A file in which the command leaves the directory it ended in.
    pub(super) directory_note: Option<PathBuf>,
}

/// What the host hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The walls stand; the command runs, if there is one.
    Ready { notes: Vec<String> },
    /// A wall could not be put up; nothing was run.
    Failed { step: String, error: String },
    /// The walls stand, but the program could not be started.
    NotRun { error: String },
    /// The command used more than it may and everything was ended.
    OverLimit { limit: String },
    /// The command ended. What it left running ends now.
    Exited { code: Option<i32>, signal: Option<i32>, left_behind: usize, directory: Option<String> },
}

impl Plan {
    /// The longest plan: a command has 96 KiB, and JSON may escape each byte to six.
    pub(super) const MAX_BYTES: usize = 1024 * 1024;

    pub(super) fn view(&self) -> View {
        match (self.enforces(Layer::Namespaces), self.network) {
            (false, _) => View::Host,
            (true, Network::Granted) => View::OwnWithNetwork,
            (true, Network::Denied) => View::Own,
        }
    }

    pub(super) fn enforces(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }

    /// As it goes over the socket.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(io::Error::other)?;
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        if json.len() > Self::MAX_BYTES {
            return Err(io::Error::other("the command and its paths are too long"));
        }
        Ok([&length.to_le_bytes()[..], &json].concat())
    }

    #[cfg(target_os = "linux")]
    pub(super) fn read(mut source: impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        source.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > Self::MAX_BYTES {
            return Err(io::Error::other("the plan is too long"));
        }
        let mut json = vec![0; length];
        source.read_exact(&mut json)?;
        serde_json::from_slice(&json).map_err(io::Error::other)
    }
}

impl Message {
    /// The longest line the host takes; a command could write to its launcher's socket.
    pub(super) const MAX_BYTES: usize = 64 * 1024;

    #[cfg(target_os = "linux")]
    pub(super) fn send(&self, mut sink: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self).map_err(io::Error::other)?;
        line.push(b'\n');
        sink.write_all(&line)
    }

    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// What the host says while a command runs. That it closes the socket means: end everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Ask the command to end.
    AskToEnd,
}

impl Order {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::AskToEnd => b'T',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_arrives_as_it_was_sent() {
        let plan = Plan {
            workspace: "/ws".into(),
            readable: vec!["/srv/tools".into()],
            hidden: vec!["/home/me/.livos".into()],
            network: Network::Denied,
            layers: vec![Layer::Landlock],
            limits: Limits::default(),
            temporary: None,
            command: Some(PlannedCommand {
                program: "printf".to_owned(),
                arguments: vec!["\u{1}\n\"ä".to_owned()],
                directory_note: None,
            }),
        };
        let bytes = plan.encode().unwrap();
        let read = Plan::read(&bytes[..]).unwrap();
        assert_eq!(format!("{read:?}"), format!("{plan:?}"));
        assert!(Plan::read(&bytes[..bytes.len() - 1]).is_err());
        assert!(Plan::read(&b"\xff\xff\xff\xff"[..]).is_err());
    }

    #[test]
    fn junk_is_no_message() {
        let mut line = Vec::new();
        Message::NotRun { error: "no\nfile".to_owned() }.send(&mut line).unwrap();
        assert_eq!(line.split(|byte| *byte == b'\n').count(), 2, "one line");
        assert!(Message::parse(&line).is_some());
        assert!(Message::parse(b"hello").is_none());
    }
}
