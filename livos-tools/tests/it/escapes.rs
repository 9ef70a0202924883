//! Ways out of the sandbox. Each is tried without it first, where that does no harm, so that
//! one that does not work anyway proves nothing; then with all layers, and with those that
//! are left when namespaces are not to be had.

use std::fs::Permissions;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use livos_tools::WorkspaceRoot;
use livos_tools::sandbox::Launcher;
use livos_tools::sandbox::Layer;
use livos_tools::sandbox::Limits;
use livos_tools::sandbox::Sandbox;
use livos_tools::sandbox::SandboxSettings;
use livos_tools::shell::Shell;
use livos_tools::shell::ShellSettings;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::Workspace;
use crate::sandbox;

/// A home like that of a server, with the workspace in it, and things that are nobody's business.
struct World {
    home: TempDir,
    outside: TempDir,
    launcher: TempDir,
    workspace: Workspace,
    victim: Victim,
    tcp: std::net::TcpListener,
    udp: std::net::UdpSocket,
    _sockets: [std::os::unix::net::UnixListener; 3],
    /// Carried by every process of this world, to count them.
    mark: String,
}

/// A process of somebody else, with a secret in its environment.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        let mut command = Command::new("sleep");
        let child = command.arg("86400").env("TOKEN", "planted-secret").stdin(Stdio::null());
        Self(child.spawn().unwrap())
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl World {
    fn new() -> Self {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        use std::os::unix::net::UnixListener;
        let (home, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        std::fs::write(home.path().join("secrets.key"), "planted-secret").unwrap();
        std::fs::write(outside.path().join("secret.txt"), "planted-secret").unwrap();
        let at = home.path().join("workspace");
        std::fs::create_dir(&at).unwrap();
        let workspace = Workspace::at(WorkspaceRoot::open(&at).unwrap());
        let mark = format!("escape-{}", workspace.session());
        let listen = |at: PathBuf| UnixListener::bind(at).unwrap();
        let name = SocketAddr::from_abstract_name(&mark).unwrap();
        Self {
            _sockets: [
                listen(at.join("docker.sock")),
                listen(outside.path().join("docker.sock")),
                UnixListener::bind_addr(&name).unwrap(),
            ],
            tcp: std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
            home,
            outside,
            launcher: TempDir::new().unwrap(),
            workspace,
            victim: Victim::new(),
            mark,
        }
    }

    /// A launcher that runs as an ordinary user, to whom the world belongs: root is bound by
    /// less than all others. Who is an ordinary user stays one.
    fn launcher_of_nobody(&self) -> Launcher {
        const NOBODY: u32 = 65534;
        let program = env!("CARGO_BIN_EXE_livos-sandbox-launcher");
        let workspace = self.workspace.path();
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            return Launcher::of_program(program);
        }
        std::fs::create_dir_all(workspace.join(".livos/tmp")).unwrap();
        for place in [self.home.path(), self.outside.path()] {
            give(place, NOBODY);
        }
        let at = self.launcher.path();
        std::fs::set_permissions(at, Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(program, at.join("launcher")).unwrap();
        let script = format!(
            "#!/bin/sh\nexec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups {}/launcher \"$@\"\n",
            at.display()
        );
        std::fs::write(at.join("as-nobody"), script).unwrap();
        std::fs::set_permissions(at.join("as-nobody"), Permissions::from_mode(0o755)).unwrap();
        Launcher::of_program(at.join("as-nobody"))
    }

    fn settings(&self) -> ShellSettings {
        ShellSettings::default().with_variable("ESCAPE_MARK", &self.mark)
    }

    /// A row with its places filled in.
    fn filled(&self, command: &str) -> String {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let port = self.tcp.local_addr().unwrap().port().to_string();
        let udp = self.udp.local_addr().unwrap().port().to_string();
        let victim = self.victim.0.id().to_string();
        [
            ("{outside}", path(self.outside.path())),
            ("{home}", path(self.home.path())),
            ("{port}", port),
            ("{udp}", udp),
            ("{victim}", victim),
            ("{mark}", self.mark.clone()),
            (
                "{py}",
                "import ctypes, os, socket, sys; c = ctypes.CDLL(None, use_errno=True); s = lambda *a: c.syscall(*map(ctypes.c_long, a))".to_owned(),
            ),
        ]
        .into_iter()
        .fold(command.to_owned(), |text, (name, value)| text.replace(name, &value))
    }

    /// Whether the world is as it was.
    fn is_untouched(&mut self) -> Result<(), String> {
        let secret = std::fs::read_to_string(self.outside.path().join("secret.txt"));
        if secret.as_deref().ok() != Some("planted-secret") {
            return Err("the file outside was changed".to_owned());
        }
        if std::fs::read_dir(self.outside.path()).unwrap().count() != 2 {
            return Err("something was put outside".to_owned());
        }
        if std::fs::read_dir(self.home.path()).unwrap().count() != 2 {
            return Err("something was put into the home".to_owned());
        }
        if !self.victim.is_alive() {
            return Err("the other process was killed".to_owned());
        }
        let left = self.processes();
        if left > 0 {
            return Err(format!("{left} processes are left"));
        }
        Ok(())
    }

    /// How many processes of this world there are.
    fn processes(&self) -> usize {
        let entry = format!("ESCAPE_MARK={}", self.mark);
        let of_this_world = |process: &std::fs::DirEntry| {
            let variables = std::fs::read(process.path().join("environ")).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|line| line == entry.as_bytes())
        };
        std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(of_this_world).count()
    }
}

/// Makes a user the owner of everything at and beneath a path.
fn give(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

/// Whether a way out may be tried without the sandbox.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    /// It works there, which shows that it is one.
    Works,
    /// It would do harm, or needs more than a test may have.
    Skipped,
}

use Control::Skipped;
use Control::Works;

/// The name of a way out, the command that says `ESCAPED` or shows the secret where it works.
const WAYS: &[(&str, Control, &str)] = &[
    ("absolute path", Works, "cat {outside}/secret.txt"),
    ("dots", Works, "cat ../../../../../../../..{outside}/secret.txt"),
    ("symbolic link", Works, "ln -sfn {outside} l && cat l/secret.txt"),
    ("hard link", Works, "ln -f {outside}/secret.txt h && cat h"),
    ("proc self root", Works, "cat /proc/self/root{outside}/secret.txt"),
    ("proc self cwd", Works, "cat /proc/self/cwd/../../../../../..{outside}/secret.txt"),
    ("proc of another: root", Works, "cat /proc/{victim}/root{outside}/secret.txt"),
    ("proc of the first: root", Skipped, "cat /proc/1/root{outside}/secret.txt"),
    ("proc of another: variables", Works, "tr '\\0' '\\n' < /proc/{victim}/environ"),
    (
        "proc of all: variables",
        Works,
        "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep planted-secret",
    ),
    (
        "proc of another: memory",
        Works,
        "dd if=/proc/{victim}/mem bs=1 count=0 2>/dev/null && echo ESCAPED",
    ),
    ("write outside", Skipped, "echo x > {outside}/new"),
    ("append outside", Skipped, "echo x >> {outside}/secret.txt"),
    ("truncate outside", Skipped, "truncate -s 0 {outside}/secret.txt"),
    ("remove outside", Skipped, "rm -f {outside}/secret.txt"),
    ("rename from outside", Skipped, "mv {outside}/secret.txt . && cat secret.txt"),
    ("rename to outside", Skipped, "touch x; mv x {outside}/"),
    ("change mode outside", Works, "chmod 600 {outside}/secret.txt && echo ESCAPED"),
    ("list the home", Works, "ls {home} | grep -q secrets.key && echo ESCAPED"),
    ("the secrets key", Works, "cat {home}/secrets.key"),
    ("the secrets key by dots", Works, "cat ../secrets.key"),
    ("write into the home", Skipped, "echo x > ../livos.toml"),
    ("homes of people", Works, "ls -A /root /home 2>/dev/null | grep -q . && echo ESCAPED"),
    ("password hashes", Works, "cat /etc/shadow >/dev/null && echo ESCAPED"),
    (
        "keys of the machine",
        Works,
        "head -qc1 /etc/shadow /etc/ssh/ssh_host_rsa_key 2>/dev/null | grep -q . && echo ESCAPED",
    ),
    ("variables of the host", Works, "env | grep -q HOST_ONLY= && echo ESCAPED"),
    (
        "TCP",
        Works,
        "python3 -c '{py}; socket.create_connection((\"127.0.0.1\", {port}), 5); print(\"ESCAPED\")'",
    ),
    (
        "TCP to the world",
        Skipped,
        "python3 -c '{py}; socket.create_connection((\"192.0.2.1\", 80), 1); print(\"ESCAPED\")'",
    ),
    (
        "UDP",
        Works,
        "python3 -c '{py}; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"127.0.0.1\", {udp})); print(\"ESCAPED\")'",
    ),
    (
        "Unix socket in the workspace",
        Works,
        "python3 -c '{py}; socket.socket(socket.AF_UNIX).connect(\"docker.sock\"); print(\"ESCAPED\")'",
    ),
    (
        "Unix socket outside",
        Works,
        "python3 -c '{py}; socket.socket(socket.AF_UNIX).connect(\"{outside}/docker.sock\"); print(\"ESCAPED\")'",
    ),
    (
        "abstract Unix socket",
        Works,
        "python3 -c '{py}; socket.socket(socket.AF_UNIX).connect(\"\\0{mark}\"); print(\"ESCAPED\")'",
    ),
    (
        "netlink",
        Works,
        "python3 -c '{py}; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); print(\"ESCAPED\")'",
    ),
    (
        "io_uring",
        Works,
        "python3 -c '{py}; b = ctypes.create_string_buffer(120); c.syscall(425, 1, b) >= 0 and print(\"ESCAPED\")'",
    ),
    ("setuid by chmod", Works, "cp /bin/true s; chmod u+s s && test -u s && echo ESCAPED"),
    ("setgid by chmod", Works, "cp /bin/true g; chmod 2755 g && test -g g && echo ESCAPED"),
    (
        "setuid by open",
        Works,
        "python3 -c '{py}; os.umask(0); os.open(\"o\", os.O_CREAT | os.O_WRONLY, 0o4755); os.stat(\"o\").st_mode & 0o4000 and print(\"ESCAPED\")'",
    ),
    ("new privileges", Works, "grep -q 'NoNewPrivs:.0' /proc/self/status && echo ESCAPED"),
    (
        "capabilities",
        Skipped,
        "grep -q 'CapEff:.*[1-9a-f]' /proc/self/status && test ! -e /proc/self/uid_map && echo ESCAPED",
    ),
    ("become root", Skipped, "su root -c 'cat {outside}/secret.txt' </dev/null"),
    ("trace", Works, "python3 -c '{py}; c.ptrace(0, 0, 0, 0) == 0 and print(\"ESCAPED\")'"),
    (
        "trace another",
        Skipped,
        "python3 -c '{py}; c.ptrace(16, {victim}, 0, 0) == 0 and print(\"ESCAPED\")'",
    ),
    (
        "read memory of another",
        Works,
        "python3 -c '{py}; s(310, {victim}, 0, 0, 0, 0, 0) == 0 and print(\"ESCAPED\")'",
    ),
    ("mount", Skipped, "mkdir -p m; mount -t tmpfs none m && echo ESCAPED"),
    ("bind mount", Skipped, "mkdir -p m; mount --bind {outside} m && cat m/secret.txt"),
    ("namespaces of its own", Works, "unshare -Ur true && echo ESCAPED"),
    (
        "namespace by clone",
        Works,
        "python3 -c '{py}; p = s(56, 0x10000000 | 17, 0, 0, 0, 0)\nif p == 0: os._exit(0)\np > 0 and print(\"ESCAPED\")'",
    ),
    ("chroot", Works, "python3 -c '{py}; os.chroot(\".\"); print(\"ESCAPED\")'"),
    ("kill another", Skipped, "kill -9 {victim} && echo ESCAPED"),
    ("signal another", Works, "kill -0 {victim} && echo ESCAPED"),
    ("kill everybody", Skipped, "kill -9 -1"),
    ("kill the keeper", Skipped, "kill -9 $PPID; setsid sleep 86400 & setsid sleep 86400"),
    ("device", Works, "mknod d b 254 0 && echo ESCAPED"),
    (
        "raw disk",
        Skipped,
        "head -qc1 /dev/vda /dev/sda /dev/nvme0n1 /dev/mem 2>/dev/null | wc -c | grep -qv '^0' && echo ESCAPED",
    ),
    ("settings of the kernel", Skipped, "echo 1 > /proc/sys/vm/drop_caches && echo ESCAPED"),
    ("core handler", Skipped, "echo '|/bin/x' > /proc/sys/kernel/core_pattern && echo ESCAPED"),
    ("magic keys", Skipped, "echo h > /proc/sysrq-trigger && echo ESCAPED"),
    ("name of the machine", Skipped, "hostname escaped-name && echo ESCAPED"),
    ("clock", Skipped, "date -s 2001-01-01 >/dev/null && echo ESCAPED"),
    ("control groups", Works, "ls /sys/fs/cgroup 2>/dev/null | grep -q . && echo ESCAPED"),
    ("programs of everybody", Skipped, "touch /usr/bin/escaped && echo ESCAPED"),
    ("start of everybody", Skipped, "touch /etc/profile.d/escaped.sh && echo ESCAPED"),
    ("temporary files of others", Works, "ls {outside} && echo ESCAPED"),
    (
        "children in the background",
        Skipped,
        "setsid sleep 86400 & nohup sleep 86400 >/dev/null 2>&1 & (setsid sh -c 'trap \"\" TERM HUP; sleep 86400; sleep 86400' &) ; true",
    ),
    (
        "daemon",
        Skipped,
        "python3 -c '{py}\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  os.environ.clear(); os.execve(\"/bin/sleep\", [\"sleep\", \"86400\"], dict(ESCAPE_MARK=\"{mark}\"))\n'",
    ),
    ("fork bomb", Skipped, "b() { b | b & }; b; sleep 86400"),
    (
        "many processes",
        Skipped,
        "i=0; while [ $i -lt 400 ]; do sleep 86400 & i=$((i+1)); done; echo ESCAPED",
    ),
    (
        "threads",
        Skipped,
        "python3 -c '{py}; import threading, time\nfor i in range(2000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint(\"ESCAPED\"); os._exit(0)'",
    ),
];

/// Tries all ways but some; says which of them worked.
async fn escapes(world: &mut World, shell: &Shell, but: &[&str]) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, _, command) in WAYS.iter().filter(|(name, ..)| !but.contains(name)) {
        let args = json!({"command": world.filled(command), "timeout_seconds": 8});
        let answer = world.workspace.text(shell, args).await;
        let told = answer.lines().any(|line| line.starts_with("ESCAPED"));
        if told || answer.contains("planted-secret") {
            failures.push(format!("{name}: it worked: {answer}"));
        }
        if let Err(harm) = world.is_untouched() {
            failures.push(format!("{name}: {harm}: {answer}"));
        }
    }
    failures
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.processes = 64;
    limits
}

#[tokio::test]
async fn no_way_leads_out() {
    let mut world = World::new();
    let settings = SandboxSettings::default().with_limits(limits()).with_hidden(world.home.path());
    let sandbox = sandbox::sandbox(settings).await;
    let shell = Shell::new(world.workspace.root.clone(), world.settings().with_sandbox(sandbox));
    let failures = escapes(&mut world, &shell, &[]).await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn no_way_leads_out_without_namespaces() {
    /// Landlock lets a user change the modes of its own files; it is a gap, and told.
    const KNOWN_GAPS: [&str; 1] = ["change mode outside"];
    let mut world = World::new();
    let settings = SandboxSettings::default()
        .with_limits(limits())
        .with_hidden(world.home.path())
        .without(Layer::Namespaces);
    let sandbox = Sandbox::detect(world.launcher_of_nobody(), settings).await.unwrap();
    assert!(sandbox.confinement().has(Layer::Landlock) && !sandbox.confinement().is_whole());
    let shell = Shell::new(world.workspace.root.clone(), world.settings().with_sandbox(sandbox));
    let failures = escapes(&mut world, &shell, &KNOWN_GAPS).await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn no_way_leads_an_ordinary_user_out() {
    let mut world = World::new();
    let settings = SandboxSettings::default().with_limits(limits()).with_hidden(world.home.path());
    let sandbox = Sandbox::detect(world.launcher_of_nobody(), settings).await.unwrap();
    let confinement = sandbox.confinement();
    assert!(confinement.is_whole(), "{confinement}");
    let shell = Shell::new(world.workspace.root.clone(), world.settings().with_sandbox(sandbox));
    let failures = escapes(&mut world, &shell, &[]).await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Each way is one, where nothing is in the way.
#[tokio::test]
async fn without_a_sandbox_the_ways_lead_out() {
    let world = World::new();
    let settings = world.settings().with_variable("HOST_ONLY", "1");
    let shell = Shell::new(world.workspace.root.clone(), settings);
    let mut dead = Vec::new();
    for (name, control, command) in WAYS {
        if *control == Skipped {
            continue;
        }
        let args = json!({"command": world.filled(command)});
        let answer = world.workspace.text(&shell, args).await;
        if !answer.contains("ESCAPED") && !answer.contains("planted-secret") {
            dead.push(format!("{name}: {answer}"));
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}
