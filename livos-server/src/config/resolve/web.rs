//! What the settings of the web and of containers mean.

use livos_core::Secret;
use livos_tools::containers::EngineSocket;
use livos_tools::web::Brave;
use livos_tools::web::InvalidSearchSettings;
use livos_tools::web::SearXng;
use livos_tools::web::Tavily;
use toml::Value;

use super::Typed;
use crate::config::ContainerAccess;
use crate::config::ContainerSettings;
use crate::config::Offered;
use crate::config::SearchChoice;
use crate::config::SearchSettings;
use crate::config::WebSettings;
use crate::config::key;
use crate::config::value;

pub(super) fn settings(typed: &mut Typed<'_>) -> WebSettings {
    let networks = |typed: &Value| value::list(typed)?.iter().map(|text| network(text)).collect();
    WebSettings {
        fetch: typed.get(&key::WEB_FETCH, offered).unwrap_or(Offered::On),
        requests: typed.get(&key::WEB_REQUESTS, offered).unwrap_or(Offered::Off),
        allowed_hosts: typed.get(&key::WEB_HOSTS, value::hosts_or_addresses).unwrap_or_default(),
        allowed_networks: typed.get(&key::WEB_NETWORKS, networks).unwrap_or_default(),
        search: search(typed),
    }
}

fn search(typed: &mut Typed<'_>) -> SearchSettings {
    let secret = |typed: &Value| value::text(typed).map(Secret::new);
    let brave_key = typed.get(&key::BRAVE_KEY, secret);
    let tavily_key = typed.get(&key::TAVILY_KEY, secret);
    let brave_address = typed.get(&key::BRAVE_URL, address);
    let brave_address = brave_address.unwrap_or_else(|| Brave::ADDRESS.to_owned());
    let tavily_address = typed.get(&key::TAVILY_URL, address);
    let tavily_address = tavily_address.unwrap_or_else(|| Tavily::ADDRESS.to_owned());
    let brave = brave_key.as_ref().map(|key| Brave::new(key, &brave_address));
    let tavily = tavily_key.as_ref().map(|key| Tavily::new(key, &tavily_address));
    // The addresses were checked above: what is still wrong is the key.
    let brave = brave.and_then(|made| made_or_told(typed, &key::BRAVE_KEY, made));
    let tavily = tavily.and_then(|made| made_or_told(typed, &key::TAVILY_KEY, made));
    let searxng = typed.get(&key::SEARXNG_URL, |typed| {
        SearXng::new(&address(typed)?).map_err(|_| WEB_ADDRESS.to_owned())
    });
    let mut settings = SearchSettings {
        choice: None,
        brave,
        brave_key,
        brave_address,
        tavily,
        tavily_key,
        tavily_address,
        searxng,
    };
    let ready = settings.ready();
    settings.choice = typed.get(&key::WEB_SEARCH, |typed| choice(typed, &ready));
    settings
}

const WEB_ADDRESS: &str = "must be an http or https address such as https://search.example.org, without user and password";

fn address(typed: &Value) -> Result<String, String> {
    let text = value::text(typed)?;
    value::web_address(&text).map_err(|_| WEB_ADDRESS.to_owned())?;
    Ok(text)
}

fn made_or_told<T>(
    typed: &mut Typed<'_>,
    key: &key::Key,
    made: Result<T, InvalidSearchSettings>,
) -> Option<T> {
    let mut service = None;
    let told = made.map(|made| service = Some(made));
    typed.get(key, |_| {
        told.map_err(|_| "has characters that no key has; paste it again".to_owned())
    });
    service
}

fn choice(typed: &Value, ready: &[SearchChoice]) -> Result<SearchChoice, String> {
    let (choice, needed) = match value::text(typed)?.as_str() {
        "off" => return Ok(SearchChoice::Off),
        "brave" => (SearchChoice::Brave, &key::BRAVE_KEY),
        "tavily" => (SearchChoice::Tavily, &key::TAVILY_KEY),
        "searxng" => (SearchChoice::SearXng, &key::SEARXNG_URL),
        other => {
            return Err(format!(
                "'{other}' is no search service; write brave, tavily, searxng or off"
            ));
        }
    };
    match ready.contains(&choice) {
        true => Ok(choice),
        false => Err(format!("this service needs {} ({})", needed.name, needed.variable)),
    }
}

pub(super) fn containers(typed: &mut Typed<'_>) -> ContainerSettings {
    let access = typed.get(&key::CONTAINER_ACCESS, access).unwrap_or(ContainerAccess::Off);
    let socket = typed.get(&key::CONTAINER_SOCKET, |typed| {
        let parsed = value::text(typed)?.parse::<EngineSocket>();
        match (parsed, access) {
            (Ok(socket), _) => Ok(Some(socket)),
            // The variable may be there for others: it need not be understood.
            (Err(_), ContainerAccess::Off) => Ok(None),
            (Err(error), _) => Err(error.to_string()),
        }
    });
    ContainerSettings { access, socket: socket.flatten() }
}

fn access(typed: &Value) -> Result<ContainerAccess, String> {
    match value::text(typed)?.as_str() {
        "off" => Ok(ContainerAccess::Off),
        "read" => Ok(ContainerAccess::Read),
        "manage" => Ok(ContainerAccess::Manage),
        _ => Err("must be off, read or manage".to_owned()),
    }
}

fn offered(typed: &Value) -> Result<Offered, String> {
    match typed {
        Value::Boolean(true) => Ok(Offered::On),
        Value::Boolean(false) => Ok(Offered::Off),
        Value::String(text) if text == "on" => Ok(Offered::On),
        Value::String(text) if text == "off" => Ok(Offered::Off),
        _ => Err("must be off or on".to_owned()),
    }
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    text.parse().map_err(|_| format!("'{text}' is no network; write one such as 192.168.1.0/24"))
}
