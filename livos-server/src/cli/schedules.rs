//! `livos schedules`: what is to be done at its time.

use std::process::ExitCode;

use clap::Subcommand;
use clap::ValueEnum;
use livos_core::ScheduleId;
use livos_core::SessionId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Target;
use super::client::Client;
use super::client::ClientError;
use super::connection::Connection;
use super::list;
use super::status::items;
use super::status::text;
use super::terminal::Style;
use super::terminal::Terminal;
use crate::config::Environment;

/// How many firings are shown of a schedule.
const SHOWN_FIRINGS: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct SchedulesArgs {
    #[command(subcommand)]
    command: Option<SchedulesCommand>,
    /// Print JSON, a line each
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum SchedulesCommand {
    /// List them, newest first (the default)
    List {
        /// Only those that stand here: active, paused, ended
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        page: list::PageArgs,
    },
    /// Make one, and print its id
    Add(Box<AddArgs>),
    /// Show one, with its next times and what came of the last
    Show {
        /// Its id
        id: ScheduleId,
    },
    /// Let one fire no more until it is resumed
    Pause {
        /// Its id
        id: ScheduleId,
    },
    /// Let one go on
    Resume {
        /// Its id
        id: ScheduleId,
    },
    /// Fire one now, and print the id of its run
    Run {
        /// Its id
        id: ScheduleId,
    },
    /// Delete one
    Remove {
        /// Its id
        id: ScheduleId,
    },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// What the agent is told each time
    task: String,
    #[command(flatten)]
    when: WhenArgs,
    /// What to call it [default: how the task begins]
    #[arg(long)]
    title: Option<String>,
    /// The time zone of --cron, such as Europe/Berlin [default: the server's]
    #[arg(long, value_name = "ZONE", requires = "cron")]
    zone: Option<String>,
    /// Where its runs happen [default: a session of its own]
    #[arg(long)]
    session: Option<SessionId>,
    /// When it is due while its last run goes on
    #[arg(long, value_enum)]
    overlap: Option<OverlapArg>,
    /// The last time it may be due, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How often it fires at most
    #[arg(long, value_name = "NUMBER")]
    times: Option<u64>,
    /// The named agent that does it; with the agent the schedule is deleted
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The model to ask, as provider/model or a tier
    #[arg(long)]
    model: Option<String>,
    /// What its runs may cost in a day, in millionths of a US dollar
    #[arg(long, value_name = "MICRO_USD")]
    daily_limit: Option<u64>,
    /// Ask the model only when the server's machine is not well (disk, memory, load)
    #[arg(long)]
    if_unwell: bool,
    /// Check it and print its next times, and make none
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct WhenArgs {
    /// At the times of a cron expression: '0 9 * * MON-FRI'
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Again and again: 90s, 15m, 6h, 7d
    #[arg(long, value_name = "INTERVAL", value_parser = seconds)]
    every: Option<u64>,
    /// Once, RFC 3339
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Once, so long from now: 90s, 15m, 6h, 7d
    #[arg(long, value_name = "DELAY", value_parser = seconds)]
    after: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OverlapArg {
    /// Leave it out
    Skip,
    /// Let it wait
    Queue,
    /// Stop that run
    Replace,
}

/// `90s`, `15m`, `6h`, `7d`, or seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err("expected a number with s, m, h or d, such as 15m".to_owned()),
    };
    let number: Result<u64, _> = number.parse();
    let seconds = number.ok().and_then(|number| number.checked_mul(unit));
    seconds.ok_or_else(|| "expected a number with s, m, h or d, such as 15m".to_owned())
}

pub(super) async fn schedules(
    target: &Target,
    environment: &Environment,
    args: SchedulesArgs,
) -> Result<ExitCode, ClientError> {
    let connection = Connection::to_running(target, environment)?;
    let client = &connection.client;
    let mut terminal = Terminal::of_process();
    let json = args.json;
    let usual = SchedulesCommand::List { status: None, page: list::PageArgs::default() };
    match args.command.unwrap_or(usual) {
        SchedulesCommand::List { status, page } => {
            let filter: Vec<(&str, &str)> =
                status.as_deref().map(|status| ("status", status)).into_iter().collect();
            let all = list::read(client, "/api/schedules", &filter, &page).await?;
            if all.is_empty() && !json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for schedule in &all {
                print(&mut terminal, schedule, json)?;
            }
        }
        SchedulesCommand::Add(args) => add(client, &mut terminal, *args, json).await?,
        SchedulesCommand::Show { id } => show(client, &mut terminal, id, json).await?,
        SchedulesCommand::Pause { id } => {
            switch(client, &mut terminal, id, &json!(false), json).await?;
        }
        SchedulesCommand::Resume { id } => {
            switch(client, &mut terminal, id, &json!(true), json).await?;
        }
        SchedulesCommand::Run { id } => {
            let path = format!("/api/schedules/{id}/run");
            let fired: Value = client.post(&path, &json!({})).await?;
            match json {
                true => terminal.line(Style::Plain, &fired)?,
                false => terminal.line(Style::Plain, text(&fired, "run_id"))?,
            }
        }
        SchedulesCommand::Remove { id } => {
            client.delete(&format!("/api/schedules/{id}")).await?;
            terminal.aside(Style::Good, format!("deleted {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(
    client: &Client,
    terminal: &mut Terminal,
    args: AddArgs,
    json: bool,
) -> Result<(), ClientError> {
    let is_dry = args.dry_run;
    let body = Value::Object(body(args));
    if is_dry {
        let preview: Value = client.post("/api/schedules/preview", &body).await?;
        return match json {
            true => terminal.line(Style::Plain, preview),
            false => times(terminal, &preview),
        };
    }
    let made: Value = client.post("/api/schedules", &body).await?;
    if json {
        return terminal.line(Style::Plain, made);
    }
    // The id alone on standard output, for scripts.
    terminal.line(Style::Plain, text(&made, "id"))?;
    let next = items(&made, "next_times").find_map(Value::as_str).unwrap_or("never");
    terminal.aside(Style::Quiet, format!("next at {}", list::moment(next)))
}

fn body(args: AddArgs) -> Map<String, Value> {
    let recurrence = match (args.when.cron, args.when.every, args.when.at, args.when.after) {
        (Some(expression), ..) => {
            json!({"kind": "cron", "expression": expression, "time_zone": args.zone})
        }
        (_, Some(seconds), ..) => json!({"kind": "every", "seconds": seconds}),
        (_, _, Some(time), _) => json!({"kind": "at", "time": time}),
        (_, _, _, seconds) => json!({"kind": "delay", "seconds": seconds}),
    };
    let title = args.title.unwrap_or_else(|| {
        args.task.lines().next().unwrap_or_default().trim().chars().take(60).collect()
    });
    let overlap = args.overlap.map(|overlap| match overlap {
        OverlapArg::Skip => "skip",
        OverlapArg::Queue => "queue",
        OverlapArg::Replace => "replace",
    });
    let fields = [
        ("title", json!(title)),
        ("task", json!(args.task)),
        ("recurrence", recurrence),
        ("session_id", json!(args.session)),
        ("overlap", json!(overlap)),
        ("ends_at", json!(args.until)),
        ("max_firings", json!(args.times)),
        ("agent", json!(args.agent)),
        ("model", json!(args.model)),
        ("daily_limit_micro_usd", json!(args.daily_limit)),
        ("condition", json!(args.if_unwell.then_some("system_unwell"))),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

async fn switch(
    client: &Client,
    terminal: &mut Terminal,
    id: ScheduleId,
    enabled: &Value,
    json: bool,
) -> Result<(), ClientError> {
    let path = format!("/api/schedules/{id}");
    let changed: Value = client.patch(&path, &json!({"enabled": enabled})).await?;
    print(terminal, &changed, json)
}

fn print(terminal: &mut Terminal, schedule: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, schedule);
    }
    let (id, status) = (text(schedule, "id"), text(schedule, "status"));
    let style = match status {
        "active" => Style::Good,
        "paused" => Style::Bad,
        _ => Style::Quiet,
    };
    let next = match text(schedule, "next_at") {
        "" => "-".to_owned(),
        next => list::moment(next),
    };
    let title = schedule.get("plan").map(|plan| text(plan, "title")).unwrap_or_default();
    let when = text(schedule, "when");
    terminal.line(style, format!("{id}  {status:<6}  {next:<19}  {title}  [{when}]"))
}

fn times(terminal: &mut Terminal, preview: &Value) -> Result<(), ClientError> {
    for next in items(preview, "next_times").filter_map(Value::as_str) {
        terminal.line(Style::Plain, list::moment(next))?;
    }
    Ok(())
}

async fn show(
    client: &Client,
    terminal: &mut Terminal,
    id: ScheduleId,
    json: bool,
) -> Result<(), ClientError> {
    let schedule: Value = client.get(&format!("/api/schedules/{id}")).await?;
    let path = format!("/api/schedules/{id}/firings?limit={SHOWN_FIRINGS}");
    let firings: Value = client.get(&path).await?;
    if json {
        let all = json!({"schedule": schedule, "firings": firings.get("items")});
        return terminal.line(Style::Plain, all);
    }
    print(terminal, &schedule, json)?;
    let reason = text(&schedule, "reason");
    if !reason.is_empty() {
        terminal.line(Style::Bad, reason)?;
    }
    let task = schedule.get("plan").map(|plan| text(plan, "task")).unwrap_or_default();
    terminal.line(Style::Plain, task)?;
    terminal.line(Style::Quiet, format!("session {}", text(&schedule, "session_id")))?;
    terminal.line(Style::Name, "next")?;
    times(terminal, &schedule)?;
    terminal.line(Style::Name, "last")?;
    for firing in items(&firings, "items") {
        let (slot, status) = (list::moment(text(firing, "slot")), text(firing, "status"));
        let style = match status {
            "completed" => Style::Good,
            "failed" | "exhausted" => Style::Bad,
            _ => Style::Quiet,
        };
        let (reason, run) = (text(firing, "reason"), text(firing, "run_id"));
        terminal.line(style, format!("{slot}  {status:<9}  {reason}{run}"))?;
    }
    Ok(())
}
