//! The server as a program: start, say where, wait for a signal, stop.

use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;

use livos_tools::sandbox::Launcher;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use livos_core::Redactor;

use crate::config::Config;
use crate::config::Environment;
use crate::config::ServeFlags;
use crate::http::Causes;
use crate::pdf_program;
use crate::runtime::Server;
use crate::runtime::telemetry;

/// Threads that run tasks. Agents wait for models, not for the processor.
const WORKER_THREADS: usize = 2;
/// Threads for work that blocks (files), at most; they end when idle.
const BLOCKING_THREADS: usize = 16;
/// The exit code of a configuration that cannot be used.
const USAGE: u8 = 2;

/// Serves until SIGINT or SIGTERM, and tells by the exit code how it went:
/// 0 stopped, 1 could not start, 2 the configuration cannot be used.
pub fn serve(flags: ServeFlags, launcher: Launcher) -> ExitCode {
    let environment = Environment::of_process().with_launcher(launcher);
    let config = match Config::load(flags, &environment) {
        Ok(config) => config,
        Err(error) => return fail(&error, USAGE),
    };
    let redactor = Redactor::new();
    telemetry::start(&config.log, redactor.clone());
    telemetry::report_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(run(config, &environment, redactor)),
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, 1),
    }
}

async fn run(
    config: Config,
    environment: &Environment,
    redactor: Redactor,
) -> Result<(), Box<dyn std::error::Error>> {
    // Before the port is open, so that a signal is never missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::builder(config).environment(environment)?.redactor(redactor);
    let server = server.pdf_program(pdf_program::own()).start().await?;
    announce(&server);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}

/// Tells the person who started it where to go. Nobody else gets a login link.
fn announce(server: &Server) {
    let mut out = std::io::stdout().lock();
    let mut lines = vec![format!("LivOS listens on {}", server.url())];
    let wants_link = server.is_first_start() || out.is_terminal();
    match server.login_url().filter(|_| wants_link) {
        Some(url) => lines.push(format!("Log in once, within 15 minutes: {url}")),
        None => lines.push("Log in with the API key of this server.".to_owned()),
    }
    if let Some(path) = server.key_file() {
        lines.push(format!("The API key is in {}", path.display()));
    }
    // A closed standard output must not stop the server.
    drop(writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()));
}

fn fail(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    drop(writeln!(std::io::stderr(), "livos-server: {}", Causes(error)));
    ExitCode::from(code)
}
