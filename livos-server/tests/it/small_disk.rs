//! A disk that can be filled and made read-only: a tmpfs that only the test and its server see.

use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;

use crate::process;

const NEEDS: &str = "this test mounts a tmpfs of its own by `unshare --mount` and `nsenter` \
    (util-linux): run it as root with CAP_SYS_ADMIN (docker: --cap-add SYS_ADMIN --security-opt \
    apparmor=unconfined), or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 and \
    kernel.apparmor_restrict_unprivileged_userns=0)";

/// A disk of 4 MiB. It is gone with the value.
pub(crate) struct SmallDisk {
    /// Keeps the mount namespace open.
    holder: Child,
    home: TempDir,
}

impl SmallDisk {
    pub(crate) async fn mount() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut unshare = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        let script = "mount -t tmpfs -o size=4m,mode=700 tmpfs \"$1\" && echo mounted && exec cat";
        unshare.args(["--mount", "sh", "-c", script, "sh"]).arg(home.path());
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = unshare.kill_on_drop(true).spawn().expect(NEEDS);
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        if lines.next_line().await.unwrap().as_deref() != Some("mounted") {
            let mut said = String::new();
            holder.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
            panic!("{NEEDS}: {said}");
        }
        Self { holder, home }
    }

    /// Where the server finds it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A server that has it for its home.
    pub(crate) fn server(&self) -> Command {
        let mut command = self.inside();
        process::prepare(command.arg(env!("CARGO_BIN_EXE_livos-server")), self.home());
        command.env("LIVOS_MODEL", "demo/demo");
        command
    }

    /// The command beside that server.
    pub(crate) fn livos(&self, arguments: &[&str]) -> Command {
        let mut command = self.inside();
        process::prepare(command.arg(env!("CARGO_BIN_EXE_livos")), self.home());
        command.args(arguments);
        command
    }

    /// A file on it, as the test can reach it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let inside = self.home().strip_prefix("/").unwrap();
        Path::new("/proc")
            .join(self.holder.id().unwrap().to_string())
            .join("root")
            .join(inside)
            .join(name)
    }

    /// Leaves no room for one more byte.
    pub(crate) fn fill(&self) {
        let mut filler = std::fs::File::create(self.file("filler")).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 4_096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.file("filler")).unwrap();
    }

    pub(crate) async fn make_read_only(&self) {
        let mut mount = self.inside();
        let done = mount.args(["mount", "-o", "remount,bind,ro"]).arg(self.home()).status();
        assert!(done.await.unwrap().success(), "{NEEDS}");
    }

    fn inside(&self) -> Command {
        let mut nsenter = Command::new("nsenter");
        nsenter.arg("--target").arg(self.holder.id().unwrap().to_string()).arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            nsenter.args(["--user", "--preserve-credentials"]);
        }
        nsenter
    }
}
