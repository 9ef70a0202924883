//! Directories and background commands of a session.

use std::time::Duration;

use livos_tools::sandbox::Layer;
use livos_tools::sandbox::SandboxSettings;
use livos_tools::shell::Shell;
use livos_tools::shell::ShellKill;
use livos_tools::shell::ShellOutput;
use livos_tools::shell::ShellSessions;
use livos_tools::shell::ShellSettings;
use serde_json::json;

use crate::harness::Workspace;
use crate::processes::Children;
use crate::sandbox;

/// Without a sandbox, with all of it, and with what is left without namespaces.
async fn shells(workspace: &Workspace) -> [Shell; 3] {
    [
        Shell::new(workspace.root.clone(), ShellSettings::default()),
        sandbox::shell(workspace, SandboxSettings::default()).await,
        sandbox::shell(workspace, SandboxSettings::default().without(Layer::Namespaces)).await,
    ]
}

#[tokio::test]
async fn a_session_stays_where_its_last_command_ended() {
    let workspace = Workspace::new();
    workspace.put("src/deep/a.txt", "");
    for shell in shells(&workspace).await {
        for (args, expected) in [
            (json!({"command": "cd src"}), "; now in src"),
            (json!({"command": "ls; cd deep; exit 3"}), "deep\n[exit code 3, "),
            (json!({"command": "ls"}), "a.txt\n"),
            (json!({"argv": ["ls"]}), "a.txt\n"),
            (json!({"command": "ls; cd ..", "directory": ""}), "src\n"),
            (json!({"command": "pwd -P | tail -c 9; if"}), "unexpected"),
            (json!({"command": "cd / && ls -d src"}), "it ended outside the workspace"),
            (json!({"command": "ls; cd ../.."}), "a.txt\n[exit code 0, 0."),
            (json!({"command": "ls"}), "src\n[exit code 0, 0."),
        ] {
            let answer = workspace.text(&shell, args.clone()).await;
            assert!(answer.contains(expected), "{args}: {answer}");
        }
        workspace.text(&shell, json!({"command": "mkdir gone; cd gone"})).await;
        std::fs::remove_dir(workspace.path().join("gone")).unwrap();
        let answer = workspace.text(&shell, json!({"command": "ls"})).await;
        assert!(answer.contains("'gone' is gone, so it ran in the workspace itself"), "{answer}");
        let other = Workspace::at(workspace.root.clone());
        workspace.text(&shell, json!({"command": "cd src"})).await;
        let answer = other.text(&shell, json!({"command": "ls"})).await;
        assert!(answer.starts_with("src\n"), "sessions share nothing: {answer}");
    }
    let left = std::fs::read_dir(workspace.path().join(".livos/tmp")).unwrap().count();
    assert_eq!(left, 0, "no note is left");
}

#[tokio::test]
async fn a_background_command_is_read_from_a_cursor_and_killed() {
    for kind in 0..3 {
        let workspace = Workspace::new();
        let mut children = Children::of(&workspace);
        let [free, all, some] = shells(&workspace).await;
        let shell = [free, all, some].into_iter().nth(kind).unwrap();
        let output = ShellOutput::new(shell.sessions().clone());
        let kill = ShellKill::new(shell.sessions().clone());
        let (enter, child, wait) = (Children::ENTER, Children::CHILD, Children::WAIT);
        let command = format!("{enter}; echo one; {wait}; echo two; setsid {child} & {child}");
        let answer = workspace.text(&shell, json!({"command": command, "background": true})).await;
        assert!(answer.starts_with("one\n[background command 1: running"), "{answer}");
        assert!(answer.contains("shell_output id=1 cursor=4"), "{answer}");
        children.let_go_on().await;
        children.started(2).await;
        let args = json!({"id": 1, "cursor": 4, "wait_seconds": 20});
        let answer = workspace.text(&output, args).await;
        assert!(answer.starts_with("two\n[running for "), "{answer}");
        let listed = workspace.text(&output, json!({})).await;
        assert!(listed.starts_with("1  running for ") && listed.contains("echo one"), "{listed}");
        let other = Workspace::at(workspace.root.clone());
        let answer = other.text(&output, json!({"id": 1})).await;
        assert!(answer.contains("there is no background command 1 in this session"), "{answer}");
        let answer = workspace.text(&kill, json!({"id": 1})).await;
        assert_eq!(answer, "[ended by shell_kill]");
        children.gone().await;
        let answer = workspace.text(&kill, json!({"id": 1})).await;
        assert_eq!(answer, "[it had ended already: ended by shell_kill]");
        assert_eq!(shell.sessions().running(), 0);
    }
}

#[tokio::test]
async fn what_fails_at_once_is_seen_at_once() {
    let workspace = Workspace::new();
    let shell = sandbox::shell(&workspace, SandboxSettings::default()).await;
    let args = json!({"command": "echo no >&2; exit 9", "background": true});
    let answer = workspace.text(&shell, args).await;
    assert!(answer.starts_with("no\n[background command 1: exit code 9;"), "{answer}");
}

#[tokio::test]
async fn a_session_has_so_many_and_the_end_of_the_server_ends_them() {
    let workspace = Workspace::new();
    let mut children = Children::of(&workspace);
    let shell = sandbox::shell(&workspace, SandboxSettings::default()).await;
    let command = format!("{}; {}", Children::ENTER, Children::CHILD);
    let args = json!({"command": command, "background": true});
    for _ in 0..ShellSessions::MAX_RUNNING {
        let answer = workspace.text(&shell, args.clone()).await;
        assert!(answer.contains("running for"), "{answer}");
    }
    children.started(ShellSessions::MAX_RUNNING).await;
    let answer = workspace.text(&shell, args.clone()).await;
    assert!(answer.contains("end one with shell_kill first"), "{answer}");
    shell.sessions().end_session(workspace.session()).await;
    assert_eq!(shell.sessions().running(), 0);
    workspace.text(&shell, args.clone()).await;
    let stopped = tokio::time::timeout(Duration::from_secs(20), shell.sessions().stop()).await;
    assert!(stopped.is_ok());
    children.gone().await;
    let answer = workspace.text(&shell, args).await;
    assert!(answer.contains("the server is stopping"), "{answer}");
}

#[tokio::test]
async fn a_flood_in_the_background_is_bounded() {
    let workspace = Workspace::new();
    let shell = sandbox::shell(&workspace, SandboxSettings::default()).await;
    let output = ShellOutput::new(shell.sessions().clone());
    let args = json!({"command": "seq 100000; cat go", "background": true});
    let mut children = Children::of(&workspace);
    workspace.text(&shell, args).await;
    let args = json!({"id": 1, "cursor": 588_895, "wait_seconds": 20});
    let answer = workspace.text(&output, args).await;
    assert!(answer.starts_with("[running"), "{answer}");
    let answer = workspace.text(&output, json!({"id": 1})).await;
    assert!(answer.contains("bytes before this are no longer kept here"), "{answer}");
    assert!(answer.ends_with("; there is more]") && answer.len() < 32 * 1024, "{answer}");
    let kept = workspace.text_of(".livos/output/call_1.txt");
    assert!(kept.starts_with("1\n2\n") && kept.len() == 588_895, "{}", kept.len());
    children.let_go_on().await;
    shell.sessions().stop().await;
    children.started(0).await;
}
