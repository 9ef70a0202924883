//! Recorded traffic with real services, where `LIVOS_CASSETTES` names its folder.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

/// A request and what the service answered.
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) request: Value,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) response: String,
}

/// The recordings of a folder by name, without the exchanges that are no chats. None where no
/// recordings are.
pub(crate) fn recorded(
    folder: &str,
    is_chat: impl Fn(&str) -> bool,
) -> Vec<(String, Vec<Exchange>)> {
    let Some(root) = std::env::var_os("LIVOS_CASSETTES") else {
        eprintln!("skipped: LIVOS_CASSETTES names no folder");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(PathBuf::from(root).join(folder))
        .expect("LIVOS_CASSETTES holds the folder")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    let recording = |path: PathBuf| {
        let mut exchanges = read(&path);
        exchanges.retain(|exchange| is_chat(&exchange.path));
        (path.display().to_string(), exchanges)
    };
    files.into_iter().map(recording).collect()
}

fn read(path: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(path).expect("readable");
    let cassette: Value = serde_json::from_str(&text).expect("JSON");
    let exchanges = cassette["exchanges"].as_array().expect("exchanges").iter();
    exchanges.map(exchange).collect()
}

fn exchange(recorded: &Value) -> Exchange {
    let (request, response) = (&recorded["request"], &recorded["response"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let status = response["status"].as_u64().expect("a status");
    Exchange {
        path: text(&request["path"]),
        request: request["body"].clone(),
        status: status.try_into().expect("u16"),
        content_type: text(&response["headers"]["content-type"]),
        response: text(&response["body"]),
    }
}
