//! An agent that uses a browser: Playwright MCP and Chromium, on a page that the test serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use livos_core::AgentLoop;
use livos_core::ContentBlock;
use livos_core::MemoryStore;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::replay;
use livos_core::replay::Recording;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::ServerDefinition;
use serde_json::json;
use tokio::net::TcpListener;

use super::Desk;
use super::npm;
use crate::clients::browser;

const PAGE: &str = "<!doctype html><title>Order</title><h1>Order tea</h1>\
    <form action='/done'><label>Name <input name='name'></label>\
    <label>Cups <input name='cups' type='number'></label><button>Send</button></form>";

/// A page with a form; it remembers what was asked for.
async fn page() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let answer = service_fn(move |request: Request<Incoming>| {
                seen.lock().unwrap().push(request.uri().to_string());
                let is_done = request.uri().path() == "/done";
                let html = if is_done { "<title>Thanks</title><h1>Thank you</h1>" } else { PAGE };
                let response = Response::builder().header("content-type", "text/html");
                let response = response.body(Full::new(Bytes::from_static(html.as_bytes())));
                async move { response }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(serving);
        }
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_fills_a_form_and_sees_what_came_of_it() {
    let (address, asked) = page().await;
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new().await;
    let chromium = browser();
    let output = folder.path().display().to_string();
    let arguments = [
        "--headless",
        "--isolated",
        "--no-sandbox",
        "--executable-path",
        &chromium,
        "--output-dir",
        &output,
    ];
    let playwright = ServerDefinition::stdio(npm("playwright-mcp"), arguments).unwrap();
    desk.add("browser", playwright).await;

    // What a model would decide from the snapshots; the selectors are of the page above.
    let url = format!("http://{address}/");
    let model = Arc::new(ScriptedProvider::new(
        "scripted",
        [
            Script::tool("1", "mcp__browser__browser_navigate", json!({"url": url})),
            Script::tool("2", "mcp__browser__browser_snapshot", json!({})),
            Script::tool(
                "3",
                "mcp__browser__browser_type",
                json!({"target": "[name=name]", "text": "Ada"}),
            )
            .call(
                "3b",
                "mcp__browser__browser_type",
                json!({"target": "[name=cups]", "text": "2"}),
            ),
            Script::tool("4", "mcp__browser__browser_click", json!({"target": "button"})),
            Script::tool(
                "5",
                "mcp__browser__browser_take_screenshot",
                json!({"type": "png", "scale": "css"}),
            ),
            Script::text("The tea is ordered."),
        ],
    ));
    let store = Arc::new(MemoryStore::new());
    let session = SessionId::generate();
    let agent = AgentLoop::builder_shared(Arc::clone(&model) as _)
        .tools(desk.tools.clone())
        .tool_budget(1_000_000)
        .journal(Arc::clone(&store) as _)
        .build();
    let run = agent.run(RunRequest::new("Order two cups of tea for Ada.").in_session(session));
    let run_id = run.run_id();
    let outcome = run.await;
    assert_eq!(outcome.text, "The tea is ordered.", "{outcome:?}");

    let requests = model.requests();
    let results = |turn: usize| -> Vec<ContentBlock> {
        let message = requests[turn].conversation.iter().last().unwrap().clone();
        let blocks = message.content.iter().filter_map(|block| match block {
            ContentBlock::ToolResult(result) => Some(result.content.clone()),
            _ => None,
        });
        blocks.flatten().collect()
    };
    let text = |turn: usize| -> String {
        results(turn).iter().filter_map(ContentBlock::as_text).collect::<Vec<_>>().join("\n")
    };
    assert!(text(2).contains("Order tea") && text(2).contains("Cups"), "{}", text(2));
    assert!(text(4).contains("Thanks"), "{}", text(4));
    let sent = asked.lock().unwrap().clone();
    assert!(sent.contains(&"/done?name=Ada&cups=2".to_owned()), "{sent:?}");
    // The picture reaches the model's next request.
    let sees = results(5).iter().any(|block| matches!(block, ContentBlock::Image(_)));
    assert!(sees, "{:?}", text(5));

    // The session is recorded, and goes the same way again without a browser.
    let recording = Recording::of(&agent, session, run_id).await.unwrap();
    desk.servers.close().await;
    let recording = Recording::from_json(&recording.to_json()).unwrap();
    assert_eq!(replay::replay(&recording).await.unwrap().first_difference, None);
}
