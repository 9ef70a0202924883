use std::time::Instant;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::EventKind;
use livos_core::RunStatus;
use livos_core::ToolRegistry;
use livos_core::ToolStatus;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use livos_tools::shell::ShellSettings;
use serde_json::json;

use crate::harness::Workspace;
use crate::processes::Children;

fn agent(workspace: &Workspace, scripts: impl IntoIterator<Item = Script>) -> AgentLoop {
    let tools = ToolRegistry::new();
    livos_tools::files::register(&tools, &workspace.root).unwrap();
    livos_tools::shell::register(&tools, &workspace.root, ShellSettings::default()).unwrap();
    AgentLoop::builder(ScriptedProvider::new("scripted", scripts)).tools(tools).build()
}

#[tokio::test]
async fn an_agent_works_in_its_workspace_and_learns_of_refusals() {
    let workspace = Workspace::new();
    let agent = agent(
        &workspace,
        [
            Script::tool("1", "file_write", json!({"path": "a/b.txt", "content": "one"})),
            Script::tool("2", "shell", json!({"command": "cat a/b.txt", "timeout_seconds": null})),
            Script::tool("3", "file_read", json!({"path": "../../etc/passwd"})),
            Script::tool("4", "file_read", json!({"path": "a/b.txt", "offset": "first"})),
            Script::text("done"),
        ],
    );
    let mut run = agent.run("go");
    let mut results = Vec::new();
    while let Some(event) = run.next().await {
        if let EventKind::ToolFinished { status, content, .. } = event.kind {
            results.push((status, content[0].as_text().unwrap().to_owned()));
        }
    }
    let outcome = run.await;
    assert_eq!((outcome.status, results.len()), (RunStatus::Completed, 4));
    for ((status, text), (expected, beginning)) in results.iter().zip([
        (ToolStatus::Ok, "created a/b.txt"),
        (ToolStatus::Ok, "one\n[exit code 0"),
        (ToolStatus::Error, "'../../etc/passwd' is outside the workspace"),
        (ToolStatus::Error, "invalid arguments: at `/offset`"),
    ]) {
        assert_eq!(*status, expected, "{text}");
        assert!(text.starts_with(beginning), "{text}");
    }
}

#[tokio::test]
async fn stopping_a_run_ends_its_commands() {
    let workspace = Workspace::new();
    let mut children = Children::of(&workspace);
    let (enter, child) = (Children::ENTER, Children::CHILD);
    let command = format!("{enter}; trap '' TERM; {child} & setsid {child} & {child}");
    let agent = agent(&workspace, [Script::tool("1", "shell", json!({"command": command}))]);
    let run = agent.run("go");
    let control = run.control();
    let stop = async {
        children.started(3).await;
        control.cancel();
        Instant::now()
    };
    let (outcome, stopped) = tokio::join!(run, stop);
    assert_eq!(outcome.status, RunStatus::Cancelled);
    assert!(stopped.elapsed().as_millis() < 1500, "{:?}", stopped.elapsed());
    children.gone().await;
}
