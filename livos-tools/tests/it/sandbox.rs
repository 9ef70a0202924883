//! What the sandbox lets a command do, how it limits it, and how it fails.

use livos_tools::sandbox::Launcher;
use livos_tools::sandbox::Layer;
use livos_tools::sandbox::Limits;
use livos_tools::sandbox::Network;
use livos_tools::sandbox::Sandbox;
use livos_tools::sandbox::SandboxError;
use livos_tools::sandbox::SandboxSettings;
use livos_tools::shell::Shell;
use livos_tools::shell::ShellSettings;
use serde_json::json;

use crate::harness::Workspace;
use crate::processes::Children;

/// The launcher of this crate: the `main` of a test is not ours.
pub(crate) fn launcher() -> Launcher {
    Launcher::of_program(env!("CARGO_BIN_EXE_livos-sandbox-launcher"))
}

pub(crate) async fn sandbox(settings: SandboxSettings) -> Sandbox {
    Sandbox::detect(launcher(), settings).await.unwrap()
}

pub(crate) async fn shell(workspace: &Workspace, settings: SandboxSettings) -> Shell {
    let settings = ShellSettings::default().with_sandbox(sandbox(settings).await);
    Shell::new(workspace.root.clone(), settings)
}

fn small() -> Limits {
    let mut limits = Limits::default();
    limits.processes = 48;
    limits.memory = 256 * 1024 * 1024;
    limits.file_size = 8 * 1024 * 1024;
    limits
}

/// With and without namespaces; what is promised holds both ways.
fn both_ways() -> [SandboxSettings; 2] {
    [SandboxSettings::default(), SandboxSettings::default().without(Layer::Namespaces)]
}

#[tokio::test]
async fn this_machine_enforces_all_of_it() {
    let sandbox = sandbox(SandboxSettings::default()).await;
    let confinement = sandbox.confinement();
    assert!(confinement.is_whole(), "{confinement}: {:?}", confinement.gaps());
    assert_eq!(confinement.to_string(), "enforced by namespaces, Landlock, seccomp");
}

#[tokio::test]
async fn what_is_turned_off_is_a_gap_and_the_model_learns_of_it() {
    let workspace = Workspace::new();
    let settings =
        Layer::ALL.into_iter().fold(SandboxSettings::default(), SandboxSettings::without);
    let shell = shell(&workspace, settings).await;
    let answer = workspace.text(&shell, json!({"command": "true"})).await;
    assert!(answer.contains("not enforced here: files outside the workspace"), "{answer}");
}

#[tokio::test]
async fn ordinary_work_goes_on_inside() {
    for settings in both_ways() {
        let workspace = Workspace::new();
        let shell = shell(&workspace, settings).await;
        for (command, expected) in [
            ("echo one > a.txt; mkdir -p d/e; mv a.txt d/e; cat d/e/a.txt", "one\n[exit code 0"),
            ("ln -s d l; rm l; rmdir nothing", "rmdir: failed to remove 'nothing'"),
            ("echo a b | tr ' ' '\\n' | sort -r | head -1", "b\n[exit code 0"),
            ("t=$(mktemp) && echo x > $t && cat $t", "x\n[exit code 0"),
            ("date >/dev/null; head -c 4 /dev/urandom | wc -c", "4\n[exit code 0"),
            ("exit 7", "[exit code 7"),
            ("kill -9 $$", "[killed by SIGKILL"),
            ("cat", "[exit code 0"),
            ("ls -d /usr/bin /etc/passwd", "/etc/passwd\n/usr/bin\n[exit code 0"),
            ("python3 -c 'import os; print(len(os.listdir(\"/proc/self\")) > 5)'", "True\n"),
        ] {
            let answer = workspace.text(&shell, json!({"command": command})).await;
            assert!(answer.contains(expected), "{command}: {answer}");
        }
        let answer = workspace.text(&shell, json!({"argv": ["no-such-program"]})).await;
        assert!(
            answer.starts_with("error: cannot run 'no-such-program': No such file"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn too_much_ends_it_and_says_so() {
    for settings in both_ways() {
        let workspace = Workspace::new();
        let shell = shell(&workspace, settings.with_limits(small())).await;
        let one = "python3 -c 'b = bytearray(400 * 1024 * 1024); print(len(b))'";
        let answer = workspace.text(&shell, json!({"command": one})).await;
        assert!(answer.contains("MemoryError"), "{answer}");
        let many = "for i in 1 2 3 4; do python3 -c 'import time; b = bytearray(120 * 1024 * 1024); time.sleep(60)' & done; wait";
        let answer = workspace.text(&shell, json!({"command": many})).await;
        assert!(answer.contains("it used more than 256 MiB of memory"), "{answer}");
        let large = "head -c 20000000 /dev/zero > large; stat -c %s large";
        let answer = workspace.text(&shell, json!({"command": large})).await;
        assert!(answer.contains("8388608\n"), "{answer}");
        let endless = json!({"command": "echo so far; sleep 86400", "timeout_seconds": 1});
        let answer = workspace.text(&shell, endless).await;
        assert!(answer.starts_with("error: so far\n[ended after 1."), "{answer}");
    }
}

#[tokio::test]
async fn no_end_leaves_a_process() {
    for settings in both_ways() {
        let workspace = Workspace::new();
        let mut children = Children::of(&workspace);
        let (enter, child) = (Children::ENTER, Children::CHILD);
        let shell = shell(&workspace, settings).await;
        let command = format!("{enter}; trap '' TERM; {child} & setsid {child} & {child}");
        let call = workspace.run(&shell, json!({"command": command}));
        let stop = async {
            children.started(3).await;
            workspace.cancel.cancel();
        };
        // It would never end by itself, so that it ends is because it was stopped.
        let (result, ()) = tokio::join!(call, stop);
        let told = result.unwrap_err().to_string();
        assert!(told.starts_with("[stopped after"), "{told}");
        children.gone().await;
    }
}

#[tokio::test]
async fn dropping_the_call_ends_it_all() {
    for settings in both_ways() {
        let workspace = Workspace::new();
        let mut children = Children::of(&workspace);
        let (enter, child) = (Children::ENTER, Children::CHILD);
        let shell = shell(&workspace, settings).await;
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
}

#[tokio::test]
async fn a_granted_network_is_the_network_and_nothing_more() {
    let workspace = Workspace::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _docker = std::os::unix::net::UnixListener::bind(workspace.path().join("s.sock")).unwrap();
    let shell = shell(&workspace, SandboxSettings::default().with_network(Network::Granted)).await;
    let tcp = format!(
        "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port})); print(\"reached\")'"
    );
    let answer = workspace.text(&shell, json!({"command": tcp})).await;
    assert!(answer.starts_with("reached"), "{answer}");
    let unix = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"s.sock\")' 2>&1 | tail -1";
    let answer = workspace.text(&shell, json!({"command": unix})).await;
    assert!(answer.contains("Operation not permitted"), "{answer}");
}

#[tokio::test]
async fn more_can_be_made_readable_and_less_seen() {
    let tools = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(tools.path().join("private")).unwrap();
    std::fs::write(tools.path().join("private/key"), "the key").unwrap();
    std::fs::write(tools.path().join("tool"), "#!/bin/sh\necho tool runs\n").unwrap();
    let workspace = Workspace::new();
    let settings = SandboxSettings::default()
        .with_readable(tools.path())
        .with_hidden(tools.path().join("private"))
        .with_hidden(workspace.path().join("hidden"));
    workspace.put("hidden/key", "the key");
    let shell = shell(&workspace, settings.clone()).await;
    let at = tools.path().display();
    let command = format!("sh {at}/tool; cat {at}/private/key hidden/key; echo x > {at}/tool");
    let answer = workspace.text(&shell, json!({"command": command})).await;
    assert!(answer.starts_with("tool runs\n"), "{answer}");
    assert!(!answer.contains("the key") && answer.contains("Read-only"), "{answer}");
    let without = sandbox(settings.without(Layer::Namespaces)).await;
    let gaps = without.confinement().gaps();
    let told = gaps.iter().any(|gap| gap.contains("cannot be hidden without namespaces"));
    assert!(told, "{gaps:?}");
}

#[tokio::test]
async fn what_is_no_launcher_is_told_apart() {
    let detect =
        |program| Sandbox::detect(Launcher::of_program(program), SandboxSettings::default());
    let error = detect("/bin/true").await.unwrap_err();
    assert!(matches!(&error, SandboxError::NotALauncher { program } if program == "/bin/true"));
    assert!(error.to_string().contains("enter_if_asked() first"), "{error}");
    let error = detect("/bin/echo").await.unwrap_err();
    assert!(matches!(error, SandboxError::NotALauncher { .. }), "{error}");
    let error = detect("/no/such/program").await.unwrap_err();
    assert!(matches!(error, SandboxError::Start(_)), "{error}");
}

#[test]
fn a_launcher_started_by_hand_does_nothing() {
    let program = env!("CARGO_BIN_EXE_livos-sandbox-launcher");
    for arguments in [&[][..], &["__livos-sandbox", "keep"], &["__livos-sandbox", "what"]] {
        let ran = std::process::Command::new(program)
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(64), "{arguments:?}: {ran:?}");
    }
}
