//! The server as it is released: from its start to its first answer, its memory, its size, and what
//! it does while nobody asks.
//!
//! It is started with a home that exists already, until `/healthz` answers: the middle of 15. Then it is
//! left alone, and after two seconds its resident memory is read, and how often any of its threads
//! goes to sleep (and so was awake) in 15 seconds more. It must have been built before:
//! `cargo build --release -p livos-server`; without it nothing is measured, and that is a failure.

use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use livos_benches::probe::Failure;
use livos_benches::process;
use livos_benches::report::Report;
use livos_benches::report::median;

const REPEATS: u32 = 15;
/// How long the server may take at most before the bench gives up on it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);
/// How long nothing may wake it then.
const IDLE: Duration = Duration::from_secs(15);

fn main() -> Result<ExitCode, Failure> {
    let Some(binary) = server_binary(Path::new(env!("CARGO_BIN_EXE_probe"))) else {
        println!("server: nothing to measure; first: cargo build --release -p livos-server");
        return Ok(ExitCode::FAILURE);
    };
    let mut report = Report::absolute("server: the release binary");
    measure_server(&binary, &mut report)?;
    Ok(report.finish())
}

/// The server, where it was built: beside the probe, in the same target directory.
fn server_binary(probe: &Path) -> Option<PathBuf> {
    let binary = probe.with_file_name("livos-server");
    binary.exists().then_some(binary)
}

fn measure_server(binary: &Path, report: &mut Report) -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let mut times = Vec::new();
    // The first start makes the home; the measured ones find it.
    drop(Server::start(binary, home.path())?);
    for _ in 0..REPEATS {
        times.push(Server::start(binary, home.path())?.start_millis);
    }
    report.limit("start to /healthz, ms", median(times), 30.0);
    let server = Server::start(binary, home.path())?;
    std::thread::park_timeout(SETTLE);
    let mib = |kib: u64| u32::try_from(kib).map(|kib| f64::from(kib) / 1024.0);
    report.limit(
        "resident when idle, MiB",
        mib(process::resident_kib_of(server.child.id())?)?,
        20.0,
    );
    report.limit("size of the binary, MiB", mib(fs::metadata(binary)?.len() / 1024)?, 20.0);
    let before = process::sleeps_of(server.child.id())?;
    std::thread::park_timeout(IDLE);
    let woken = process::sleeps_of(server.child.id())?.saturating_sub(before);
    report.limit("wake-ups in 15 s idle", f64::from(u32::try_from(woken)?), 0.0);
    Ok(())
}

struct Server {
    child: Child,
    start_millis: f64,
}

impl Server {
    fn start(binary: &Path, home: &Path) -> Result<Self, Failure> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let start = Instant::now();
        let child = Command::new(binary)
            .env("LIVOS_HOME", home)
            .env("LIVOS_LISTEN", address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { child, start_millis: 0.0 };
        while !is_healthy(address) {
            if start.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err("the server did not answer /healthz".into());
            }
            std::thread::park_timeout(Duration::from_micros(200));
        }
        server.start_millis = start.elapsed().as_secs_f64() * 1e3;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_healthy(address: SocketAddr) -> bool {
    healthz(address).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}

fn healthz(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}
