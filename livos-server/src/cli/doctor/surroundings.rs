//! What the agent can reach beyond its workspace: the web and the containers of this machine.

use livos_tools::containers::Engine;

use super::Check;
use crate::config::Config;
use crate::config::ContainerAccess;
use crate::config::Offered;
use crate::config::SearchChoice;

pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let mut checks = vec![web(config), search(config)];
    checks.extend(containers(config).await);
    checks
}

fn web(config: &Config) -> Check {
    const NAME: &str = "web";
    let fetch = match config.web.fetch {
        Offered::On => "pages can be read",
        Offered::Off => "pages cannot be read (web.fetch)",
    };
    let requests = match config.web.requests {
        Offered::On => "requests of any kind can be made",
        Offered::Off => "no other requests can be made (web.requests)",
    };
    let (hosts, networks) = (config.web.allowed_hosts.len(), config.web.allowed_networks.len());
    let reach = match hosts + networks {
        0 => "on the public internet only".to_owned(),
        _ => format!("on the public internet, {hosts} hosts and {networks} networks besides"),
    };
    Check::ok(NAME, format!("{fetch}, {requests}, {reach}"))
}

fn search(config: &Config) -> Check {
    const NAME: &str = "web search";
    let search = &config.web.search;
    match search.chosen() {
        SearchChoice::Brave => {
            Check::ok(NAME, format!("by Brave Search, at {}", search.brave_address))
        }
        SearchChoice::Tavily => Check::ok(NAME, format!("by Tavily, at {}", search.tavily_address)),
        SearchChoice::SearXng => Check::ok(NAME, "by SearXNG"),
        SearchChoice::Off => {
            Check::ok(NAME, "off; set BRAVE_API_KEY, TAVILY_API_KEY or SEARXNG_URL to have it")
        }
    }
}

/// Nothing when the agent has nothing to do with containers.
async fn containers(config: &Config) -> Option<Check> {
    const NAME: &str = "containers";
    let allowed = match config.containers.access {
        ContainerAccess::Off => return None,
        ContainerAccess::Read => "looked at",
        ContainerAccess::Manage => "looked at, started, stopped and used",
    };
    let engine = Engine::new(config.containers.socket.clone().unwrap_or_default());
    Some(match engine.version().await {
        Ok(version) => Check::ok(NAME, format!("can be {allowed}; the engine has API {version}")),
        Err(error) => Check::warning(NAME, error.to_string()),
    })
}
