use std::time::Duration;
use std::time::Instant;

use livos_core::ToolError;
use livos_tools::shell::Shell;
use livos_tools::shell::ShellSettings;
use serde_json::json;

use crate::harness::Workspace;
use crate::harness::text;
use crate::processes::Children;

fn shell(workspace: &Workspace) -> Shell {
    Shell::new(workspace.root.clone(), ShellSettings::default())
}

#[tokio::test]
async fn output_and_exit_code_come_back() {
    let workspace = Workspace::new();
    let shell = shell(&workspace);
    let answer = workspace.text(&shell, json!({"command": "echo out; echo err >&2; exit 3"})).await;
    assert!(answer.starts_with("out\nerr\n[exit code 3, "), "{answer}");
    let answer = workspace.text(&shell, json!({"argv": ["printf", "%s|", "a b", "$HOME"]})).await;
    assert!(answer.starts_with("a b|$HOME|\n[exit code 0, "), "{answer}");
    let answer = workspace.text(&shell, json!({"command": "kill -9 $$"})).await;
    assert!(answer.starts_with("[killed by SIGKILL, "), "{answer}");
    let answer = workspace.text(&shell, json!({"argv": ["no-such-program"]})).await;
    assert!(answer.starts_with("error: cannot run 'no-such-program': No such file"), "{answer}");
    let answer = workspace.text(&shell, json!({"command": "cat"})).await;
    assert!(answer.starts_with("[exit code 0, "), "nothing can be typed in: {answer}");
}

#[tokio::test]
async fn it_runs_in_the_workspace_and_nowhere_else() {
    let workspace = Workspace::new();
    workspace.put("sub/file.txt", "x");
    std::os::unix::fs::symlink("/", workspace.path().join("out")).unwrap();
    let shell = shell(&workspace);
    let answer = workspace.text(&shell, json!({"command": "ls", "directory": "sub"})).await;
    assert!(answer.starts_with("file.txt\n"), "{answer}");
    let answer = workspace.text(&shell, json!({"command": "pwd -P; echo ~"})).await;
    let root = workspace.root.path().display();
    assert!(answer.starts_with(&format!("{root}\n{root}\n")), "{answer}");
    for directory in ["..", "/", "out", "sub/file.txt", "missing"] {
        let answer = workspace.text(&shell, json!({"command": "ls", "directory": directory})).await;
        assert!(answer.starts_with("error:"), "{directory}: {answer}");
    }
}

#[tokio::test]
async fn the_environment_is_clean() {
    let workspace = Workspace::new();
    // Set for tests by cargo; stands for any secret of this process.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let answer = workspace.text(&shell(&workspace), json!({"command": "env | cut -d= -f1"})).await;
    let expected = [
        "DEBIAN_FRONTEND",
        "GIT_PAGER",
        "GIT_TERMINAL_PROMPT",
        "HOME",
        "LANG",
        "LC_ALL",
        "LIVOS_SHELL_CALL",
        "LIVOS_SHELL_NOTE",
        "LOGNAME",
        "NO_COLOR",
        "PAGER",
        "PATH",
        "PWD",
        "SHELL",
        "TERM",
        "TZ",
        "USER",
        "_",
    ];
    for name in answer.lines().take_while(|line| !line.starts_with('[')) {
        assert!(expected.contains(&name) || name == "OLDPWD" || name == "SHLVL", "{name}");
    }
    let settings = ShellSettings::default().with_variable("GRANTED", "yes");
    assert!(!format!("{settings:?}").contains("yes"));
    let granting = Shell::new(workspace.root.clone(), settings);
    let answer = workspace.text(&granting, json!({"command": "echo $GRANTED"})).await;
    assert!(answer.starts_with("yes\n"), "{answer}");
}

#[tokio::test]
async fn a_gigabyte_neither_hangs_nor_grows() {
    let workspace = Workspace::new();
    let settings = {
        let mut settings = ShellSettings::default();
        settings.kept_output = 1024 * 1024;
        settings
    };
    let shell = Shell::new(workspace.root.clone(), settings);
    let before = peak_memory();
    let command = "echo first; head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo last";
    let output = workspace.run(&shell, json!({"command": command})).await.unwrap();
    let grown = peak_memory() - before;
    assert!(grown < 64 * 1024, "grew by {grown} KiB");
    let answer = text(&output);
    assert!(output.truncated);
    assert!(answer.len() < 32 * 1024);
    assert!(answer.starts_with("first\nxxx"));
    assert!(answer.contains("xxx\nlast\n[exit code 0"));
    assert!(
        answer
            .contains("the first 1048576 of all 1000000012 bytes are in .livos/output/call_1.txt"),
        "{answer}"
    );
    let kept = workspace.text_of(".livos/output/call_1.txt");
    assert_eq!(kept.len(), 1024 * 1024);
    assert!(kept.starts_with("first\nxxx"));
    assert_eq!(workspace.text_of(".livos/.gitignore"), "*\n");
}

/// The most memory this process ever had, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn all_of_a_longer_output_is_kept() {
    let workspace = Workspace::new();
    let shell = shell(&workspace);
    for path in [".livos/output/call_1.txt", ".livos/output/call_1-"] {
        let answer = workspace.text(&shell, json!({"command": "seq 20000"})).await;
        assert!(answer.contains(&format!("all 108894 bytes are in {path}")), "{answer}");
    }
    let all: Vec<String> = (1..=20000).map(|number| number.to_string()).collect();
    assert_eq!(workspace.text_of(".livos/output/call_1.txt"), all.join("\n") + "\n");
}

#[tokio::test]
async fn what_cannot_be_kept_is_said() {
    let workspace = Workspace::new();
    std::os::unix::fs::symlink("/tmp", workspace.path().join(".livos")).unwrap();
    let answer = workspace.text(&shell(&workspace), json!({"command": "seq 20000"})).await;
    assert!(answer.contains("could not be kept"), "{answer}");
    assert!(answer.contains("\n20000\n[exit code 0"), "{answer}");
}

#[tokio::test]
async fn children_in_the_background_neither_hang_it_nor_survive() {
    let workspace = Workspace::new();
    let mut children = Children::of(&workspace);
    let (enter, child, wait) = (Children::ENTER, Children::CHILD, Children::WAIT);
    let command = format!(
        "{enter}; for i in 1 2 3 4 5; do {child} & done; setsid {child} & nohup {child} & \
         (trap '' TERM; {child}; {child}) & {wait}; echo done"
    );
    let started = Instant::now();
    let shell = shell(&workspace);
    let call = workspace.text(&shell, json!({"command": command}));
    let go_on = async {
        children.started(8).await;
        children.let_go_on().await;
    };
    let (answer, ()) = tokio::join!(call, go_on);
    assert!(answer.contains("done\n"), "{answer}");
    assert!(answer.contains("left in the background were ended"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(20));
    children.gone().await;
}

#[tokio::test]
async fn the_time_limit_ends_everything_and_keeps_the_output() {
    let workspace = Workspace::new();
    let children = Children::of(&workspace);
    let (enter, child) = (Children::ENTER, Children::CHILD);
    let command =
        format!("{enter}; echo so far; trap '' TERM; {child} & setsid {child} & {child}; {child}");
    let args = json!({"command": command, "timeout_seconds": 1});
    let error = workspace.run(&shell(&workspace), args).await.unwrap_err();
    let ToolError::Model(answer) = error else { panic!("the run goes on") };
    assert!(answer.starts_with("so far\n[ended after 1."), "{answer}");
    children.gone().await;
}

#[tokio::test]
async fn a_stop_ends_everything_within_a_second() {
    let workspace = Workspace::new();
    let mut children = Children::of(&workspace);
    let (enter, child) = (Children::ENTER, Children::CHILD);
    let shell = shell(&workspace);
    let command = format!("{enter}; {child} & setsid {child} & {child}");
    let call = workspace.run(&shell, json!({"command": command}));
    let stop = async {
        children.started(3).await;
        workspace.cancel.cancel();
        Instant::now()
    };
    let (result, stopped) = tokio::join!(call, stop);
    assert!(result.unwrap_err().to_string().starts_with("[stopped after"));
    assert!(stopped.elapsed() < Duration::from_secs(1));
    children.gone().await;
}

#[tokio::test]
async fn dropping_the_call_kills_everything() {
    let workspace = Workspace::new();
    let mut children = Children::of(&workspace);
    let (enter, child) = (Children::ENTER, Children::CHILD);
    let shell = shell(&workspace);
    let command = format!("{enter}; trap '' TERM; {child} & setsid {child} & {child}");
    {
        let call = workspace.run(&shell, json!({"command": command}));
        let running = children.started(3);
        tokio::select! {
            _ = call => panic!("it does not end by itself"),
            () = running => {}
        }
    }
    children.gone().await;
}

#[tokio::test]
async fn a_fork_bomb_ends_with_its_time() {
    let workspace = Workspace::new();
    let children = Children::of(&workspace);
    let (enter, child) = (Children::ENTER, Children::CHILD);
    // Each generation starts two more, six deep: a bomb that would end by itself only in months.
    workspace.put(
        "bomb.sh",
        format!("[ $1 -gt 0 ] && {{ sh bomb.sh $(($1-1)) & sh bomb.sh $(($1-1)) & }}\n{child}\n"),
    );
    let args = json!({"command": format!("{enter}; sh bomb.sh 5"), "timeout_seconds": 2});
    let answer = workspace.text(&shell(&workspace), args).await;
    assert!(answer.starts_with("error: [ended after"), "{answer}");
    children.gone().await;
}

#[tokio::test]
async fn progress_is_reported_a_few_times_a_second() {
    let workspace = Workspace::new();
    let command = "for i in $(seq 100); do echo step $i; sleep 0.01; done";
    workspace.run(&shell(&workspace), json!({"command": command})).await.unwrap();
    let reports = workspace.progress();
    assert!((2..50).contains(&reports.len()), "{reports:?}");
    assert!(reports.iter().all(|report| report.starts_with("step ")), "{reports:?}");
}

#[tokio::test]
async fn output_that_is_not_utf8_is_shown() {
    let workspace = Workspace::new();
    let answer =
        workspace.text(&shell(&workspace), json!({"command": "printf 'caf\\351\\n'"})).await;
    assert!(answer.starts_with("caf\u{fffd}\n"), "{answer}");
}

#[tokio::test]
async fn unclear_arguments_are_refused() {
    let workspace = Workspace::new();
    for args in [json!({}), json!({"command": "ls", "argv": ["ls"]}), json!({"argv": []})] {
        let answer = workspace.text(&shell(&workspace), args).await;
        assert!(answer.contains("argv"), "{answer}");
    }
}
