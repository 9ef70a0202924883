//! The flags layer.

use std::path::PathBuf;

use super::Values;
use super::key;
use super::key::Layer;
use super::key::Source;

/// The flags of `livos-server`, as typed.
///
/// There is none for the API key: a process's arguments can be read by others.
#[derive(Debug, Clone, Default, clap::Parser)]
#[command(
    name = "livos-server",
    version,
    about = "Serves LivOS: agents, sessions, an API and a console on one port.",
    long_about = None
)]
#[non_exhaustive]
pub struct ServeFlags {
    /// Directory of everything that is kept [default: ~/.livos]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:3200]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where sessions are kept: sqlite:PATH, redis://HOST:PORT or memory: [default: sqlite:livos.db]
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Model to use, as provider/model or a tier (fast, balanced, best)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// What to log, such as info or livos_server=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How to log: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Address that browsers reach this server under, such as <https://livos.example.org>
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Directory that the file tools are confined to [default: workspace in the home]
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Whether the agent may run shell commands: off or on [default: off]
    #[arg(long, value_name = "ACCESS")]
    pub shell: Option<String>,
}

impl ServeFlags {
    pub(super) fn into_layer(self) -> Layer {
        let workspace = self.workspace.map(|path| path.to_string_lossy().into_owned());
        let typed = [
            (key::LISTEN.name, self.listen),
            (key::STORE.name, self.store),
            (key::MODEL.name, self.model),
            (key::LOG.name, self.log),
            (key::LOG_FORMAT.name, self.log_format),
            (key::PUBLIC_URL.name, self.public_url),
            (key::WORKSPACE.name, workspace),
            (key::SHELL.name, self.shell),
        ];
        let values: Values =
            typed.into_iter().filter_map(|(name, value)| Some((name, value?.into()))).collect();
        Layer { source: Source::Flags, values }
    }
}
