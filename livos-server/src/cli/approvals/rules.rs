//! `livos approvals rules`.

use clap::Subcommand;
use livos_core::RuleId;
use livos_core::SessionId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::cli::client::Client;
use crate::cli::client::ClientError;
use crate::cli::list;
use crate::cli::status::items;
use crate::cli::status::text;
use crate::cli::terminal::Style;
use crate::cli::terminal::Terminal;

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// List them, oldest first (the default)
    List,
    /// Add one: calls of a tool that are made without asking
    Add {
        /// A glob on the tool's name, such as `file_*`
        tool: String,
        /// Globs on its arguments that are texts, such as `path=notes/*`; all must fit
        #[arg(value_name = "NAME=GLOB", value_parser = argument)]
        arguments: Vec<(String, String)>,
        /// Such calls are asked about, whatever the policy says
        #[arg(long, conflicts_with = "deny")]
        ask: bool,
        /// Such calls are never made
        #[arg(long)]
        deny: bool,
        /// Only in this session
        #[arg(long, value_name = "ID")]
        session: Option<SessionId>,
    },
    /// Remove one
    Remove {
        /// Its id
        id: RuleId,
    },
}

pub(super) async fn rules(
    client: &Client,
    terminal: &mut Terminal,
    command: Option<RulesCommand>,
    json: bool,
) -> Result<(), ClientError> {
    match command.unwrap_or(RulesCommand::List) {
        RulesCommand::List => {
            let rules: Value = client.get("/api/approvals/rules").await?;
            if items(&rules, "items").next().is_none() && !json {
                terminal.aside(Style::Quiet, "there are none")?;
            }
            for rule in items(&rules, "items") {
                print(terminal, rule, json)?;
            }
            Ok(())
        }
        RulesCommand::Add { tool, arguments, ask, deny, session } => {
            let action = match (ask, deny) {
                (_, true) => "deny",
                (true, false) => "ask",
                (false, false) => "allow",
            };
            let mut body = json!({
                "action": action,
                "pattern": pattern(&tool, &arguments),
                "via": "cli",
            });
            if let (Some(session), Some(fields)) = (session, body.as_object_mut()) {
                fields.insert("session_id".to_owned(), session.to_string().into());
            }
            let rule: Value = client.post("/api/approvals/rules", &body).await?;
            print(terminal, &rule, json)
        }
        RulesCommand::Remove { id } => client.delete(&format!("/api/approvals/rules/{id}")).await,
    }
}

/// A pattern as the API reads it.
pub(super) fn pattern(tool: &str, arguments: &[(String, String)]) -> Value {
    let globs: Map<String, Value> =
        arguments.iter().map(|(name, glob)| (name.clone(), glob.as_str().into())).collect();
    json!({ "tool": tool, "arguments": globs })
}

/// `NAME=GLOB`.
pub(super) fn argument(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, glob)) if !name.is_empty() => Ok((name.to_owned(), glob.to_owned())),
        _ => Err("write it as NAME=GLOB, such as path=notes/*".to_owned()),
    }
}

fn print(terminal: &mut Terminal, rule: &Value, json: bool) -> Result<(), ClientError> {
    if json {
        return terminal.line(Style::Plain, rule);
    }
    let (id, action, scope) = (text(rule, "id"), text(rule, "action"), text(rule, "scope"));
    let style = match action {
        "allow" => Style::Good,
        "deny" => Style::Bad,
        _ => Style::Plain,
    };
    let made = list::moment(text(rule, "created_at"));
    let what = text(rule, "description");
    terminal.line(style, format!("{id}  {made}  {action:<5}  {scope:<7}  {what}"))
}
