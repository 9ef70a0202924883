use std::sync::Arc;

use livos_core::Effect;
use livos_core::MemoryStore;
use livos_core::ScheduleManager;
use livos_core::ScheduleSettings;
use livos_core::SystemClock;
use livos_core::ToolRegistry;
use livos_tools::containers::Engine;
use livos_tools::containers::EngineSocket;
use livos_tools::outgoing::AddressGuard;
use livos_tools::outgoing::GuardedClient;
use livos_tools::shell::ShellSettings;
use livos_tools::web::PdfProgram;
use livos_tools::web::SearXng;
use serde_json::Value;

use crate::harness::Workspace;

fn registry() -> ToolRegistry {
    let workspace = Workspace::new();
    let tools = ToolRegistry::new();
    livos_tools::files::register(&tools, &workspace.root).unwrap();
    livos_tools::shell::register(&tools, &workspace.root, ShellSettings::default()).unwrap();
    livos_tools::time::register(&tools).unwrap();
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(SystemClock);
    let schedules = ScheduleManager::new(store, clock, ScheduleSettings::default());
    livos_tools::schedules::register(&tools, &schedules).unwrap();
    livos_tools::system::register(&tools).unwrap();
    let client = GuardedClient::new(AddressGuard::new("web.allowed_hosts"));
    livos_tools::web::register_fetch(&tools, client.clone(), PdfProgram::in_process()).unwrap();
    livos_tools::web::register_request(&tools, client).unwrap();
    let search = SearXng::new("https://search.example.org").unwrap();
    livos_tools::web::register_search(&tools, search).unwrap();
    let engine = Engine::new(EngineSocket::default());
    livos_tools::containers::register_look(&tools, engine.clone()).unwrap();
    livos_tools::containers::register_manage(&tools, engine).unwrap();
    livos_tools::todo::register(&tools, Arc::new(MemoryStore::new())).unwrap();
    tools
}

#[test]
fn names_and_effects_are_the_contract() {
    let effects: Vec<(String, Effect)> = registry()
        .specs()
        .iter()
        .map(|spec| (spec.name.as_str().to_owned(), spec.effect))
        .collect();
    assert_eq!(
        effects,
        [
            ("containers".to_owned(), Effect::ReadOnly),
            ("containers_manage".to_owned(), Effect::Destructive),
            ("file_edit".to_owned(), Effect::Mutating),
            ("file_list".to_owned(), Effect::ReadOnly),
            ("file_read".to_owned(), Effect::ReadOnly),
            ("file_search".to_owned(), Effect::ReadOnly),
            ("file_write".to_owned(), Effect::Idempotent),
            ("http_request".to_owned(), Effect::Destructive),
            ("schedule_create".to_owned(), Effect::Mutating),
            ("schedule_delete".to_owned(), Effect::Destructive),
            ("schedule_list".to_owned(), Effect::ReadOnly),
            ("shell".to_owned(), Effect::Destructive),
            ("shell_kill".to_owned(), Effect::Idempotent),
            ("shell_output".to_owned(), Effect::ReadOnly),
            ("system_info".to_owned(), Effect::ReadOnly),
            ("time".to_owned(), Effect::ReadOnly),
            ("todo".to_owned(), Effect::Idempotent),
            ("web_fetch".to_owned(), Effect::ReadOnly),
            ("web_search".to_owned(), Effect::ReadOnly),
        ]
    );
}

#[test]
fn every_provider_takes_the_schemas() {
    for spec in registry().specs().iter() {
        let schema = &spec.input_schema;
        assert_eq!(schema["type"], "object", "{}", spec.name);
        assert_eq!(schema["additionalProperties"], false, "{}", spec.name);
        let text = schema.to_string();
        for unsupported in ["$ref", "$defs", "oneOf", "allOf"] {
            assert!(!text.contains(unsupported), "{}: {unsupported} in {text}", spec.name);
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{}: {name} is described", spec.name);
        }
    }
}

#[test]
fn descriptions_have_a_bounded_price() {
    let total: usize = registry()
        .specs()
        .iter()
        .map(|spec| spec.description.len() + Value::to_string(&spec.input_schema).len())
        .sum();
    // Sent with every request, if all of them are offered: about 5,500 tokens.
    assert!(total < 22_000, "{total} bytes");
}
