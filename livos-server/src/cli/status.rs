//! `livos status`: what the server is doing.

use std::process::ExitCode;

use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::exit;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn status(
    target: &Target,
    environment: &Environment,
    args: &StatusArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let (ready, readiness) = client.get_any("/readyz").await?;
    let providers: Value = client.get("/api/providers").await?;
    let running: Value = client.get("/api/runs?status=running").await?;
    let queued: Value = client.get("/api/runs?status=queued").await?;
    let waiting: Value = client.get("/api/runs?status=waiting").await?;
    let mut terminal = Terminal::of_process();
    if args.json {
        let all = json!({
            "url": client.url(),
            "ready": readiness,
            "providers": providers.get("items"),
            "running": running.get("items"),
            "queued": queued.get("items"),
            "waiting": waiting.get("items"),
        });
        terminal.line(Style::Plain, all)?;
    } else {
        terminal.line(Style::Name, format!("LivOS at {}", client.url()))?;
        for check in items(&readiness, "checks") {
            let (style, mark) = match text(check, "status") {
                "ok" => (Style::Good, "✓"),
                _ => (Style::Bad, "✗"),
            };
            let line = format!("{mark} {} {}", text(check, "name"), text(check, "message"));
            terminal.line(style, line.trim_end())?;
        }
        let names: Vec<_> =
            items(&providers, "items").map(|provider| text(provider, "id")).collect();
        terminal.line(Style::Plain, format!("providers: {}", names.join(", ")))?;
        let (running, queued) = (items(&running, "items").count(), items(&queued, "items").count());
        terminal.line(Style::Plain, format!("runs: {running} running, {queued} queued"))?;
        match items(&waiting, "items").count() {
            0 => {}
            count => {
                let line = format!("{count} waiting for you: `livos approvals`");
                terminal.line(Style::Name, line)?;
            }
        }
    }
    let is_ready = ready == 200;
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

pub(super) fn items<'a>(list: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    list.get(field).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}
