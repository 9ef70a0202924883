//! Tools that look beyond the workspace: the web, the machine, its containers.

use livos_core::RegisterToolError;
use livos_core::ToolRegistry;
use livos_tools::containers;
use livos_tools::containers::Engine;
use livos_tools::outgoing::GuardedClient;
use livos_tools::system;
use livos_tools::web;
use livos_tools::web::PdfProgram;

use crate::config::ContainerAccess;
use crate::config::ContainerSettings;
use crate::config::Offered;
use crate::config::SearchChoice;
use crate::config::SearchSettings;
use crate::config::WebSettings;

/// Adds what the settings offer. A tool that cannot be had is left out, visibly.
pub(super) fn add_tools(
    tools: &ToolRegistry,
    web: &WebSettings,
    containers: &ContainerSettings,
    pdf: PdfProgram,
) {
    let client = GuardedClient::new(web.guard());
    let fetch = match web.fetch {
        Offered::Off => Ok(()),
        Offered::On => web::register_fetch(tools, client.clone(), pdf),
    };
    let requests = match web.requests {
        Offered::Off => Ok(()),
        Offered::On => web::register_request(tools, client),
    };
    let search = add_search(tools, &web.search);
    let registered =
        [fetch, requests, search, system::register(tools), add_containers(tools, containers)];
    for error in registered.into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a tool is missing");
    }
}

fn add_search(tools: &ToolRegistry, search: &SearchSettings) -> Result<(), RegisterToolError> {
    let chosen = search.chosen();
    let services = (&search.brave, &search.tavily, &search.searxng);
    match (chosen, services) {
        (SearchChoice::Brave, (Some(brave), ..)) => web::register_search(tools, brave.clone()),
        (SearchChoice::Tavily, (_, Some(tavily), _)) => web::register_search(tools, tavily.clone()),
        (SearchChoice::SearXng, (.., Some(own))) => web::register_search(tools, own.clone()),
        _ => Ok(()),
    }
}

fn add_containers(
    tools: &ToolRegistry,
    settings: &ContainerSettings,
) -> Result<(), RegisterToolError> {
    let engine = Engine::new(settings.socket.clone().unwrap_or_default());
    if settings.access == ContainerAccess::Off {
        return Ok(());
    }
    containers::register_look(tools, engine.clone())?;
    match settings.access {
        ContainerAccess::Manage => containers::register_manage(tools, engine),
        ContainerAccess::Off | ContainerAccess::Read => Ok(()),
    }
}
