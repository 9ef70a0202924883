//! An agent with a browser, by Playwright MCP: `cargo run --example browser_agent -- URL`.
//!
//! It needs `npm install @playwright/mcp@0.0.83` and Chromium; `PLAYWRIGHT_MCP` names the program
//! and `CHROMIUM` the browser. Without `PLAYWRIGHT_MCP` it says what to do and ends.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::MemoryStore;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::mcp::McpServers;
use livos_tools::mcp::ServerDefinition;
use livos_tools::mcp::ServerName;
use livos_tools::mcp::ServerState;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Ok(program) = std::env::var("PLAYWRIGHT_MCP") else {
        println!("set PLAYWRIGHT_MCP to .../node_modules/.bin/playwright-mcp; see docs/browser.md");
        return Ok(());
    };
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let url = std::env::args().nth(1).unwrap_or_else(|| "about:blank".to_owned());
    let arguments = ["--headless", "--isolated", "--no-sandbox", "--executable-path", &chromium];

    let tools = ToolRegistry::new();
    let servers = McpServers::builder(tools.clone(), Arc::new(MemoryStore::new())).open().await?;
    let name = ServerName::new("browser")?;
    servers.add(name, ServerDefinition::stdio(program, arguments)?).await?;
    while servers.get("browser")?.state != ServerState::Ready {
        if let Some(problem) = servers.get("browser")?.error {
            return Err(problem.into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A real model decides this for itself: `livos_providers::from_env()?` in place of the script.
    let model = ScriptedProvider::new(
        "scripted",
        [
            Script::tool("1", "mcp__browser__browser_navigate", json!({"url": url})),
            Script::tool("2", "mcp__browser__browser_snapshot", json!({})),
            Script::tool(
                "3",
                "mcp__browser__browser_take_screenshot",
                json!({"type": "png", "scale": "css"}),
            ),
            Script::text("That is the page."),
        ],
    );
    let mut run = AgentLoop::builder(model).tools(tools).build().run("Show me the page.");
    while let Some(event) = run.next().await {
        if let EventKind::ToolFinished { name, content, .. } = event.kind {
            for block in content.iter() {
                match block {
                    ContentBlock::Image(image) => println!("{name}: a {}", image.media_type),
                    other => println!("{name}: {}", other.as_text().unwrap_or_default()),
                }
            }
        }
    }
    println!("{}", run.await.into_text()?);
    servers.close().await;
    Ok(())
}
