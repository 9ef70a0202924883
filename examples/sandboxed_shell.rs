//! An agent with a shell that cannot leave its workspace: try what it tries.
//!
//! `cargo run -p livos-examples --example sandboxed_shell`
//!
//! The first line of `main` is what a program needs to confine commands: the walls are put up
//! by the process that becomes the command, and that is this program, started once more.

use std::error::Error;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::WorkspaceRoot;
use livos_tools::sandbox::Launcher;
use livos_tools::sandbox::Sandbox;
use livos_tools::sandbox::SandboxSettings;
use livos_tools::shell::ShellSettings;
use serde_json::json;

const COMMANDS: [&str; 6] = [
    "mkdir -p notes && cd notes && echo 'in the workspace' > a.txt && cat a.txt",
    "pwd; ls",
    "ls -A ~root /home; cat /etc/shadow",
    "echo x > /usr/bin/mine",
    "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 22))' 2>&1 | tail -1",
    "ps -e 2>/dev/null || ls -d /proc/[0-9]*",
];

fn main() -> Result<(), Box<dyn Error>> {
    let launcher = livos_tools::sandbox::enter_if_asked();
    tokio::runtime::Runtime::new()?.block_on(run(launcher))
}

async fn run(launcher: Launcher) -> Result<(), Box<dyn Error>> {
    let workspace = std::env::temp_dir().join(format!("livos-example-{}", std::process::id()));
    let root = WorkspaceRoot::create(&workspace)?;
    let sandbox = Sandbox::detect(launcher, SandboxSettings::default()).await?;
    println!("Commands are {}.", sandbox.confinement());
    for gap in sandbox.confinement().gaps() {
        println!("Not enforced here: {gap}.");
    }

    let tools = ToolRegistry::new();
    let settings = ShellSettings::default().with_sandbox(sandbox);
    let sessions = livos_tools::shell::register(&tools, &root, settings)?;
    let scripts = COMMANDS.iter().map(|line| Script::tool("1", "shell", json!({"command": line})));
    let provider = ScriptedProvider::new("scripted", scripts.chain([Script::text("Done.")]));
    let agent = AgentLoop::builder(provider).tools(tools).build();

    let mut run = agent.run("Look around.");
    let mut commands = COMMANDS.iter();
    while let Some(event) = run.next().await {
        if let EventKind::ToolFinished { content, .. } = event.kind {
            let printed: String = content.iter().filter_map(ContentBlock::as_text).collect();
            println!("\n$ {}\n{printed}", commands.next().unwrap_or(&""));
        }
    }
    let outcome = run.await;
    println!("\n{:?}: {}", outcome.status, outcome.text);
    sessions.stop().await;
    std::fs::remove_dir_all(workspace)?;
    Ok(())
}
