//! `livos usage`: what model calls used and cost.

use std::process::ExitCode;

use serde_json::Value;

use super::Target;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::status::items;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct UsageArgs {
    /// Only calls since this day (UTC) or time, such as 2026-01-31
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only calls before this day (UTC) or time
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// What to sum by: day, model, provider, session, run, user, channel, purpose
    #[arg(long, value_name = "GROUPS", default_value = "day,model")]
    by: String,
    /// Print JSON, a line each
    #[arg(long)]
    json: bool,
}

pub(super) async fn usage(
    target: &Target,
    environment: &Environment,
    args: &UsageArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let wanted = [("from", args.from.as_deref()), ("to", args.to.as_deref())];
    let mut query = vec![("group_by", args.by.as_str())];
    query.extend(wanted.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let totals: Value = connection.client.get(&list::path("/api/usage", &query)).await?;
    let mut terminal = Terminal::of_process();
    let mut is_empty = true;
    for total in items(&totals, "items") {
        is_empty = false;
        match args.json {
            true => terminal.line(Style::Plain, total)?,
            false => terminal.line(Style::Plain, line(total, &args.by))?,
        }
    }
    if is_empty && !args.json {
        terminal.aside(Style::Quiet, "no model was asked")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(total: &Value, by: &str) -> String {
    let number = |path: &str| total.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let name = |name: &str| total.pointer(&format!("/group/{name}")).and_then(Value::as_str);
    let group: Vec<&str> = by.split(',').filter_map(|part| name(part.trim())).collect();
    let read = number("/usage/input_tokens")
        + number("/usage/cache_read_tokens")
        + number("/usage/cache_write_tokens");
    let notes = [
        (number("/unpriced"), "unpriced"),
        (number("/failed"), "failed"),
        (number("/discarded"), "discarded"),
    ];
    let notes = notes.iter().filter(|(count, _)| *count > 0);
    let notes: Vec<String> = notes.map(|(count, word)| format!("{count} {word}")).collect();
    let line = format!(
        "{}  {} calls  {read} in  {} out  ${:.4}",
        group.join("  "),
        number("/answered"),
        number("/usage/output_tokens"),
        dollars(number("/cost_micro_usd")),
    );
    let line = line.trim_start();
    if notes.is_empty() { line.to_owned() } else { format!("{line}  ({})", notes.join(", ")) }
}

#[expect(clippy::cast_precision_loss, reason = "shown to four places")]
fn dollars(micro_usd: u64) -> f64 {
    micro_usd as f64 / 1e6
}
