//! More tools than fit: a model is told of some, finds the others, and goes on with them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::Capabilities;
use livos_core::ContextReport;
use livos_core::Disclosure;
use livos_core::DynamicTool;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSearch;
use livos_core::ToolSpec;
use livos_core::ToolStatus;
use livos_core::replay;
use livos_core::replay::Recording;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

struct Remote {
    spec: ToolSpec,
}

#[async_trait]
impl DynamicTool for Remote {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(format!("{} was called", self.spec.name).into())
    }
}

const SERVERS: [&str; 10] =
    ["github", "calendar", "mail", "files", "maps", "music", "shop", "news", "home", "bank"];
const VERBS: [&str; 5] = ["create", "list", "update", "delete", "search"];
const THINGS: [&str; 4] = ["issue", "event", "invoice", "playlist"];

fn tool(server: &str, verb: &str, thing: &str) -> Remote {
    let description = format!(
        "Use this to {verb} one {thing} or several of them with the service {server}. \
         It takes the usual fields and answers with what was changed."
    );
    let schema = json!({"type": "object", "required": ["title"], "properties": {
        "title": {"type": "string", "description": format!("The title of the {thing}.")},
        "labels": {"type": "array", "items": {"type": "string"}, "description": "Labels to set."},
        "assignee": {"type": "string", "description": "Who shall see to it."},
    }});
    let name = format!("mcp__{server}__{verb}_{thing}");
    let spec = ToolSpec::new(name, description, schema, Effect::Mutating);
    Remote { spec: spec.with_disclosure(Disclosure::WhenFound) }
}

/// Ten servers with twenty tools each.
fn two_hundred() -> ToolRegistry {
    let tools = ToolRegistry::new();
    for server in SERVERS {
        for (verb, thing) in VERBS.iter().flat_map(|verb| THINGS.map(|thing| (verb, thing))) {
            tools.register_dynamic(tool(server, verb, thing)).unwrap();
        }
    }
    let plain =
        ToolSpec::new("time", "Tells the time.", json!({"type": "object"}), Effect::ReadOnly);
    tools.register_dynamic(Remote { spec: plain }).unwrap();
    tools.register(ToolSearch::of(&tools)).unwrap();
    tools
}

fn names(tools: &[ToolSpec]) -> Vec<String> {
    tools.iter().map(|spec| spec.name.to_string()).collect()
}

/// Runs a script in a session; tells what the model was told of in each turn, and how calls ended.
async fn run(
    store: &Arc<MemoryStore>,
    session: SessionId,
    tools: &ToolRegistry,
    scripts: Vec<Script>,
) -> (Vec<Vec<String>>, Vec<(ToolStatus, String)>, AgentLoop) {
    let model = Arc::new(ScriptedProvider::new("scripted", scripts));
    let agent = AgentLoop::builder_shared(Arc::clone(&model) as _)
        .tools(tools.clone())
        .journal(Arc::clone(store) as _)
        .build();
    let mut run = agent.run(RunRequest::new("go").in_session(session));
    let mut ended = Vec::new();
    while let Some(event) = run.next().await {
        if let EventKind::ToolFinished { status, content, .. } = event.kind {
            ended.push((status, content[0].as_text().unwrap().to_owned()));
        }
    }
    run.await.into_text().unwrap();
    let told = model.requests().iter().map(|request| names(&request.tools)).collect();
    (told, ended, agent)
}

const WANTED: &str = "mcp__calendar__create_event";

#[tokio::test]
async fn two_hundred_tools_begin_small_and_the_right_one_is_found_and_called() {
    let tools = two_hundred();
    assert_eq!(tools.specs().len(), 202);
    let (store, session) = (Arc::new(MemoryStore::new()), SessionId::generate());
    let scripts = vec![
        Script::tool("1", "tool_search", json!({"query": "create a calendar event"})),
        Script::tool("2", WANTED, json!({"title": "tea"})),
        Script::text("done"),
    ];
    let (told, ended, agent) = run(&store, session, &tools, scripts).await;
    let report: ContextReport = agent.context_report(&"scripted".into());
    assert!(report.tool_tokens < 8_000, "{} tokens", report.tool_tokens);
    assert_eq!(told[0], ["time", "tool_search"]);
    // What was told before comes first and stays as it was.
    assert_eq!(told[1][..2], told[0][..]);
    assert_eq!(told[1][2], WANTED);
    assert_eq!(ended[1], (ToolStatus::Ok, format!("{WANTED} was called")));

    // The next run of the session knows what was found, from its journal alone.
    let (told, ..) = run(&store, session, &tools, vec![Script::text("hello")]).await;
    assert!(told[0].contains(&WANTED.to_owned()), "{told:?}");
    // Another session does not.
    let (told, ..) = run(&store, SessionId::generate(), &tools, vec![Script::text("hello")]).await;
    assert_eq!(told[0], ["time", "tool_search"]);
}

#[tokio::test]
async fn a_tool_that_was_not_found_works_by_its_right_name() {
    let (store, tools) = (Arc::new(MemoryStore::new()), two_hundred());
    let scripts = vec![
        Script::tool("1", WANTED, json!({"title": "tea"})),
        Script::tool("2", "mcp__calendar__make_event", json!({"title": "tea"})),
        Script::text("done"),
    ];
    let (_, ended, _) = run(&store, SessionId::generate(), &tools, scripts).await;
    assert_eq!(ended[0].0, ToolStatus::Ok);
    // The error does not list two hundred names.
    assert!(ended[1].1.contains("tool_search") && ended[1].1.len() < 200, "{}", ended[1].1);
}

#[tokio::test]
async fn few_tools_are_told_whole_and_need_no_search() {
    let tools = ToolRegistry::new();
    tools.register_dynamic(tool("mail", "list", "event")).unwrap();
    tools.register(ToolSearch::of(&tools)).unwrap();
    let store = Arc::new(MemoryStore::new());
    let scripts = vec![Script::text("done")];
    let (told, ..) = run(&store, SessionId::generate(), &tools, scripts).await;
    assert_eq!(told[0], ["mcp__mail__list_event"]);
}

#[tokio::test]
async fn a_small_window_is_not_filled_with_tools() {
    let tools = ToolRegistry::new();
    for verb in VERBS {
        tools.register_dynamic(tool("mail", verb, "event")).unwrap();
    }
    tools.register(ToolSearch::of(&tools)).unwrap();
    for (window, expected) in [(1_600, 1), (8_000, VERBS.len())] {
        let mut capabilities = Capabilities::default();
        capabilities.context_window = Some(window);
        let model = ScriptedProvider::new("scripted", vec![Script::text("done")])
            .with_capabilities(capabilities);
        let model = Arc::new(model);
        let agent = AgentLoop::builder_shared(Arc::clone(&model) as _).tools(tools.clone()).build();
        agent.run("go").await.into_text().unwrap();
        assert_eq!(model.requests()[0].tools.len(), expected, "a window of {window}");
    }
}

#[tokio::test]
async fn a_run_that_found_tools_is_played_again() {
    let (store, tools) = (Arc::new(MemoryStore::new()), two_hundred());
    let session = SessionId::generate();
    let scripts = vec![
        Script::tool("1", "tool_search", json!({"query": "create a calendar event"})),
        Script::tool("2", WANTED, json!({"title": "tea"})),
        Script::text("done"),
    ];
    let (_, _, agent) = run(&store, session, &tools, scripts).await;
    let journal = livos_core::Journal::read(&*store, session, 0, 1).await.unwrap();
    let recording = Recording::of(&agent, session, journal[0].run_id).await.unwrap();
    let recording = Recording::from_json(&recording.to_json()).unwrap();
    assert_eq!(replay::replay(&recording).await.unwrap().first_difference, None);
    replay::check(&agent, &recording.to_json()).await.unwrap();
}

/// Twelve tools that a model is told of in any case, of many sizes, and twenty others.
fn many_for_a_small_window() -> ToolRegistry {
    let tools = ToolRegistry::new();
    for (size, thing) in (1..).zip([
        "kettle", "lamp", "oven", "radio", "fridge", "door", "blind", "fan", "heater", "camera",
        "vacuum", "piano",
    ]) {
        let description =
            format!("Turns the {thing} on. {}", "It hums a little. ".repeat(size * 8));
        let schema = json!({"type": "object"});
        let spec = ToolSpec::new(format!("use_{thing}"), description, schema, Effect::Mutating);
        tools.register_dynamic(Remote { spec }).unwrap();
    }
    for (verb, thing) in VERBS.iter().flat_map(|verb| THINGS.map(|thing| (verb, thing))) {
        tools.register_dynamic(tool("calendar", verb, thing)).unwrap();
    }
    tools.register(ToolSearch::of(&tools)).unwrap();
    tools
}

#[tokio::test]
async fn in_a_small_window_even_usual_tools_are_found_and_what_was_found_last_has_room() {
    const WINDOW: u64 = 8_192;
    let tools = many_for_a_small_window();
    let mut small = Capabilities::default();
    small.context_window = Some(WINDOW);
    let search = |id: &str, query: &str, limit: u8| {
        Script::tool(id, "tool_search", json!({"query": query, "limit": limit}))
    };
    let scripts = vec![
        search("1", "turn the piano on", 1),
        search("2", "create an event, an invoice, an issue or a playlist", 10),
        search("3", "piano", 1),
        Script::text("done"),
    ];
    let model = Arc::new(ScriptedProvider::new("scripted", scripts).with_capabilities(small));
    let agent = AgentLoop::builder_shared(Arc::clone(&model) as _).tools(tools).build();
    agent.run("go").await.into_text().unwrap();
    let told: Vec<_> = model.requests().iter().map(|request| names(&request.tools)).collect();
    let is_told = |turn: usize, name: &str| told[turn].iter().any(|told| told == name);
    // The smallest are told of, and beside them what finds the others.
    assert!(is_told(0, "tool_search") && is_told(0, "use_kettle"), "{told:?}");
    assert!(!is_told(0, "use_piano") && told[0].len() < 13, "{told:?}");
    let first = model.requests()[0].tools.clone();
    let finder = first.iter().find(|spec| spec.name.as_str() == "tool_search").unwrap();
    assert!(finder.description.contains("use ("), "{}", finder.description);
    assert!(is_told(1, "use_piano"), "{told:?}");
    assert!(!is_told(2, "use_piano") && told[2].len() > told[0].len(), "{told:?}");
    assert!(is_told(3, "use_piano"), "found once more, it is told of once more");
    for request in model.requests() {
        let counted =
            AgentLoop::builder(ScriptedProvider::answering("x")).tools(registry(&request.tools));
        let report = counted.build().context_report(&"scripted".into());
        assert!(report.tool_tokens < WINDOW / 2, "{} tokens", report.tool_tokens);
    }
}

/// These tools and no others, all told of.
fn registry(specs: &[ToolSpec]) -> ToolRegistry {
    let tools = ToolRegistry::new();
    for spec in specs {
        let spec = spec.clone().with_disclosure(Disclosure::Always);
        tools.register_dynamic(Remote { spec }).unwrap();
    }
    tools
}
