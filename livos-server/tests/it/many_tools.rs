//! Two hundred tools of ten MCP servers: what a model is told of them at first, and that it finds them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livos_core::ProviderManager;
use livos_core::Tiers;
use livos_core::ToolSpec;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_server::Models;
use serde_json::Value;
use serde_json::json;

use crate::test_server::TestServer;

/// The servers, and what their tools are about.
const SERVERS: [(&str, [&str; 4]); 10] = [
    ("calendar", ["event", "reminder", "meeting_room", "holiday"]),
    ("mail", ["message", "draft", "mail_folder", "signature"]),
    ("tracker", ["issue", "milestone", "sprint", "release_note"]),
    ("weather", ["forecast", "storm_warning", "pollen_count", "tide_table"]),
    ("music", ["song", "playlist", "concert", "lyrics"]),
    ("travel", ["flight", "hotel", "train_ticket", "rental_car"]),
    ("bank", ["payment", "standing_order", "account_statement", "exchange_rate"]),
    ("house", ["lamp", "thermostat", "door_lock", "blind"]),
    ("photos", ["album", "portrait", "photo_tag", "slideshow"]),
    ("shop", ["order", "invoice", "coupon", "shopping_cart"]),
];

const VERBS: [&str; 5] = ["find", "create", "change", "delete", "share"];

/// A server whose tools are in the file `tools`, and which says what was called.
const PROGRAM: &str = r#"while IFS= read -r line; do
    id=$(expr "$line" : '.*"id":\([0-9]*\)')
    case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}' ;;
    *'"tools/list"'*) echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"tools":'"$(cat tools)"'}}' ;;
    *'"tools/call"'*)
        name=$(expr "$line" : '.*"name":"\([a-z_]*\)"')
        echo '{"jsonrpc":"2.0","id":'"$id"',"result":{"content":[{"type":"text","text":"'"$SERVER did $name"'"}]}}' ;;
    *'"id":'*) echo '{"jsonrpc":"2.0","id":'"$id"',"error":{"code":-32601,"message":"not here"}}' ;;
    esac
done"#;

/// The tools of a server, described as servers describe theirs.
fn tools(server: &str, things: [&str; 4]) -> Value {
    let described = |verb: &str, thing: &str| {
        let words = thing.replace('_', " ");
        json!({
            "name": format!("{verb}_{thing}"),
            "description": format!(
                "{verb} a {words} of the {server}. Returns the {words} as it is afterwards, with its \
                 id and the time of the last change. Fails when there is no such {words}, or when it \
                 belongs to somebody else."
            ),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "which": {"type": "string", "description": format!("The id of the {words}.")},
                    "title": {"type": "string", "description": "What it is called, in one line."},
                    "details": {"type": "object", "description": "Anything else, by name.",
                        "additionalProperties": {"type": "string"}},
                    "notify": {"type": "boolean", "description": "Whether those concerned are told."},
                },
                "required": ["which"],
            },
        })
    };
    let all = VERBS.iter().flat_map(|verb| things.map(|thing| described(verb, thing)));
    all.collect::<Vec<_>>().into()
}

async fn add(server: &TestServer, folder: &Path, name: &str, things: [&str; 4]) {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tools"), tools(name, things).to_string()).unwrap();
    let definition = json!({
        "name": name, "command": "sh", "args": ["-c", PROGRAM], "cwd": folder, "env": {"SERVER": name},
    });
    let made = server.post("/api/mcp/servers", &definition).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

async fn ready(server: &TestServer, name: &str) {
    for _ in 0..2_000 {
        let shown = server.get(&format!("/api/mcp/servers/{name}")).await.json();
        if shown["tools"].as_array().is_some_and(|tools| tools.len() == 20) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} does not become ready");
}

/// By the rough count of four bytes a token, as vendors give it for English and JSON.
fn tokens(tools: &[ToolSpec]) -> usize {
    let bytes: usize = tools
        .iter()
        .map(|tool| {
            tool.name.as_str().len() + tool.description.len() + tool.input_schema.to_string().len()
        })
        .sum();
    bytes / 4
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_tools_are_found_without_all_being_told() {
    // What somebody wants, in their words, and the tool that does it.
    let wanted = [
        ("book a room for a meeting: create meeting room", "mcp__calendar__create_meeting_room"),
        ("what is the exchange rate at the bank", "mcp__bank__find_exchange_rate"),
        ("delete a standing order", "mcp__bank__delete_standing_order"),
        ("change the thermostat of the house", "mcp__house__change_thermostat"),
        ("find a train ticket", "mcp__travel__find_train_ticket"),
        ("share a playlist", "mcp__music__share_playlist"),
    ];
    let script = wanted.iter().enumerate().flat_map(|(number, (query, tool))| {
        let (search, call) = (format!("s{number}"), format!("c{number}"));
        [
            Script::tool(&search, "tool_search", json!({"query": query})),
            Script::tool(&call, tool, json!({"which": "7"})),
        ]
    });
    let script: Vec<_> = script.chain([Script::text("done")]).collect();
    let model = Arc::new(ScriptedProvider::new("scripted", script));
    let manager = ProviderManager::builder();
    let manager = manager.provider_shared(Arc::clone(&model) as _, Tiers::single("m")).build();
    let server = TestServer::with(Models::new(manager), &[]).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, things) in SERVERS {
        add(&server, folder.path(), name, things).await;
    }
    for (name, _) in SERVERS {
        ready(&server, name).await;
    }
    let all = server.get("/api/tools").await.json();
    let count = all["items"].as_array().unwrap().iter();
    let count = count.filter(|tool| tool["name"].as_str().unwrap().starts_with("mcp__")).count();
    assert_eq!(count, 200);

    let session = server.session().await;
    let run = server.say(&session, "Do all that.").await;
    let run = format!("/api/runs/{run}");
    let begun = std::time::Instant::now();
    while server.get(&run).await.json()["finished_at"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the run does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let requests = model.requests();
    let first = tokens(&requests[0].tools);
    assert!(first < 8_000, "the first turn's tools take {first} tokens");
    let told = |turn: usize, name: &str| {
        requests[turn].tools.iter().any(|tool| tool.name.as_str() == name)
    };
    for (number, (_, tool)) in wanted.iter().enumerate() {
        assert!(!told(0, tool), "{tool} is told of before it is looked for");
        assert!(told(number * 2 + 1, tool), "{tool} is not found");
    }
    let last = tokens(&requests.last().unwrap().tools);
    assert!(last < 16_000, "what was found takes {last} tokens");
    let events = server.get(&format!("{session}/events?wait=0")).await.text;
    for (_, tool) in wanted {
        let (name, tool) = tool.trim_start_matches("mcp__").split_once("__").unwrap();
        assert!(events.contains(&format!("{name} did {tool}")), "{tool}: {events}");
    }
    server.stop().await;
}
