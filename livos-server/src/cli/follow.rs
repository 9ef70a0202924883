//! Shows a run while it happens.

use std::process::ExitCode;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use livos_core::AgentEvent;
use livos_core::ApprovalDecision;
use livos_core::ApprovalRequest;
use livos_core::ApprovalResolution;
use livos_core::ContentBlock;
use livos_core::EventKind;
use livos_core::Message;
use livos_core::RecalledMemories;
use livos_core::RunStatus;
use livos_core::ToolInput;
use livos_core::ToolStatus;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use super::attendance::Attendance;
use super::attendance::Attended;
use super::client::Accepted;
use super::client::Client;
use super::client::ClientError;
use super::compact::rounded;
use super::compact::summarised;
use super::exit;
use super::terminal::Stream;
use super::terminal::Style;
use super::terminal::Terminal;

/// How many times the connection may break before a run is given up: about half a minute.
const MAX_RECONNECTS: u32 = 10;
/// The pause before the connection is taken up again; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How much of a tool's arguments or result is shown on its line.
const LINE_WIDTH: usize = 100;

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people: text as it comes, a line a tool.
    People,
    /// For programs: one event a line, as JSON.
    JsonLines,
}

/// Ctrl-C from now on, which then no longer ends this program.
pub(super) fn interrupts() -> Result<Signal, ClientError> {
    signal(SignalKind::interrupt()).map_err(|error| ClientError::Terminal(error.to_string()))
}

/// Shows a run until it ends. Ctrl-C stops the run, and not this program.
pub(super) async fn follow(
    client: &Client,
    session: &str,
    accepted: &Accepted,
    (format, attendance): (Format, Attendance),
    interrupts: &mut Signal,
) -> Result<RunStatus, ClientError> {
    let mut view = View {
        terminal: Terminal::of_process(),
        format,
        showing: Showing::Nothing,
        answer: ShownText::default(),
    };
    // The event before the admission is the last one known.
    let mut after = accepted.seq.saturating_sub(1);
    let mut reconnects = 0;
    loop {
        let events = match client.events(session, after).await {
            Ok(events) => Some(events),
            // A server that was there may come back, and goes on with the run then.
            Err(error) if reconnects > 0 && reconnects < MAX_RECONNECTS && error.may_pass() => None,
            Err(error) => return Err(error),
        };
        view.answer.begins_again();
        let mut events = stream::iter(events).flatten();
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = interrupts.recv() => {
                    client.cancel(&accepted.run_id).await?;
                    continue;
                }
            };
            let Some(Ok(event)) = event else { break };
            reconnects = 0;
            after = event.seq().unwrap_or(after);
            if event.run_id != accepted.run_id {
                continue;
            }
            view.show(&event)?;
            if let EventKind::ApprovalRequested(request) = &event.kind {
                match attendance.attend(client, &mut view.terminal, request).await? {
                    Attended::GoesOn => {}
                    Attended::Stop => client.cancel(&accepted.run_id).await?,
                    Attended::Nobody => {
                        client.cancel(&accepted.run_id).await?;
                        return Err(ClientError::NeedsApproval { tool: request.tool.to_string() });
                    }
                }
            }
            if let EventKind::RunFinished { status, .. } = event.kind {
                return Ok(status);
            }
        }
        reconnects += 1;
        if reconnects > MAX_RECONNECTS {
            let reason = "the connection broke and could not be taken up again".to_owned();
            return Err(ClientError::Unreachable { url: client.url().to_owned(), reason });
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << (reconnects - 1)).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = interrupts.recv() => client.cancel(&accepted.run_id).await?,
        }
    }
}

/// The exit code that tells how a run ended.
pub(super) fn exit_code(status: RunStatus) -> ExitCode {
    match status {
        RunStatus::Completed => ExitCode::SUCCESS,
        RunStatus::Failed => ExitCode::from(exit::FAILED),
        RunStatus::Cancelled => ExitCode::from(exit::CANCELLED),
        RunStatus::Exhausted => ExitCode::from(exit::EXHAUSTED),
    }
}

/// What was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Showing {
    Nothing,
    Text,
    Thinking,
}

struct View {
    terminal: Terminal,
    format: Format,
    showing: Showing,
    answer: ShownText,
}

/// How much of the present message has been shown, so that nothing is shown twice or not at all.
///
/// Whoever comes late gets what was said so far in one piece, or the whole message.
#[derive(Debug, Default)]
struct ShownText {
    told: String,
    shown: usize,
}

impl ShownText {
    /// After a new connection the message is told from its beginning.
    fn begins_again(&mut self) {
        self.told.clear();
    }

    /// What is new in the next piece.
    fn piece(&mut self, text: &str) -> String {
        self.told.push_str(text);
        let new = self.told.get(self.shown..).unwrap_or_default().to_owned();
        self.shown += new.len();
        new
    }

    /// What was not shown of a message that is complete.
    fn rest(&mut self, message: &Message) -> String {
        self.told = message.content.iter().filter_map(ContentBlock::as_text).collect();
        let rest = self.piece("");
        *self = Self::default();
        rest
    }
}

impl View {
    fn show(&mut self, event: &AgentEvent) -> Result<(), ClientError> {
        match self.format {
            Format::People => self.show_people(&event.kind),
            Format::JsonLines => {
                let json = serde_json::to_string(event)
                    .map_err(|error| ClientError::Terminal(error.to_string()))?;
                self.terminal.line(Style::Plain, json)
            }
        }
    }

    fn show_people(&mut self, event: &EventKind) -> Result<(), ClientError> {
        match event {
            EventKind::ThinkingDelta { text } => {
                self.piece(Showing::Thinking, Stream::Asides, Style::Quiet, text)
            }
            EventKind::TextDelta { text } => {
                let text = self.answer.piece(text);
                self.piece(Showing::Text, Stream::Answers, Style::Plain, &text)
            }
            EventKind::AssistantMessage { message, .. } => {
                let text = self.answer.rest(message);
                self.piece(Showing::Text, Stream::Answers, Style::Plain, &text)
            }
            EventKind::ToolStarted { name, input, .. } => {
                self.aside(Style::Name, format!("→ {name} {}", arguments(input)))
            }
            EventKind::ToolProgress { text, .. } => {
                self.aside(Style::Quiet, format!("  … {}", shortened(text)))
            }
            EventKind::ToolFinished { name, status, content, duration_ms, .. } => {
                let (style, mark) = match status {
                    ToolStatus::Ok => (Style::Good, "✓"),
                    _ => (Style::Bad, "✗"),
                };
                let text: String = content.iter().filter_map(ContentBlock::as_text).collect();
                let result = shortened(&text);
                self.aside(style, format!("{mark} {name} ({duration_ms} ms) {result}"))
            }
            EventKind::ApprovalRequested(request) => self.show_request(request),
            EventKind::ApprovalResolved(resolution) => self.show_decision(resolution),
            EventKind::ProviderRetry { provider, reason, delay_ms } => self.aside(
                Style::Quiet,
                format!("{provider} failed ({reason}); asking again in {delay_ms} ms"),
            ),
            EventKind::ProviderSwitched { from, to, reason, discarded_chars } => {
                self.answer = ShownText::default();
                let void = match discarded_chars {
                    0 => "",
                    _ => "; what it said so far is void",
                };
                self.aside(Style::Quiet, format!("{from} failed ({reason}); {to} goes on{void}"))
            }
            EventKind::Compacted { tokens_before, tokens_after, failure, .. } => {
                let told = match failure {
                    None => summarised(*tokens_before, *tokens_after),
                    Some(reason) => format!(
                        "earlier messages were left out ({reason}): {} → {} tokens",
                        rounded(*tokens_before),
                        rounded(*tokens_after)
                    ),
                };
                self.aside(Style::Quiet, told)
            }
            EventKind::MemoriesRecalled(memories) => self.aside(Style::Quiet, recalled(memories)),
            EventKind::RunFinished { status, error, .. } => {
                self.terminal.end_line()?;
                match (status, error) {
                    (RunStatus::Completed, _) => Ok(()),
                    (RunStatus::Cancelled, _) => self.aside(Style::Quiet, "stopped".to_owned()),
                    (_, Some(error)) => {
                        self.aside(Style::Bad, format!("{}: {}", error.kind, error.message))
                    }
                    (_, None) => self.aside(Style::Bad, "the run did not complete".to_owned()),
                }
            }
            _ => Ok(()),
        }
    }

    fn show_request(&mut self, request: &ApprovalRequest) -> Result<(), ClientError> {
        let Some(question) = &request.question else {
            let call = format!("? {} {}", request.tool, shortened(&request.input.to_string()));
            self.aside(Style::Name, call)?;
            return self.aside(Style::Quiet, format!("  {}", request.reason));
        };
        self.aside(Style::Name, format!("? {}", question.text))?;
        for (number, choice) in (1..).zip(&question.choices) {
            self.aside(Style::Plain, format!("  {number}. {choice}"))?;
        }
        Ok(())
    }

    fn show_decision(&mut self, resolution: &ApprovalResolution) -> Result<(), ClientError> {
        let (style, word) = match resolution.decision {
            ApprovalDecision::Approved if resolution.answer.is_some() => {
                (Style::Good, "✓ answered")
            }
            ApprovalDecision::Approved => (Style::Good, "✓ approved"),
            ApprovalDecision::Denied => (Style::Bad, "✗ denied"),
            ApprovalDecision::Expired => (Style::Bad, "✗ nobody decided in time"),
            ApprovalDecision::Abandoned => (Style::Quiet, "✗ no longer needed"),
        };
        self.aside(style, format!("{word} by {} via {}", resolution.by, resolution.via))
    }

    fn piece(
        &mut self,
        showing: Showing,
        stream: Stream,
        style: Style,
        text: &str,
    ) -> Result<(), ClientError> {
        if text.is_empty() {
            return Ok(());
        }
        if self.showing != showing {
            self.terminal.end_line()?;
            self.showing = showing;
        }
        self.terminal.write(stream, style, text)
    }

    fn aside(&mut self, style: Style, text: String) -> Result<(), ClientError> {
        self.showing = Showing::Nothing;
        self.terminal.aside(style, text)
    }
}

fn arguments(input: &ToolInput) -> String {
    match input {
        ToolInput::Object(object) if object.is_empty() => String::new(),
        input => shortened(&input.to_json()),
    }
}

/// The first line of a text, as far as it fits.
fn shortened(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(LINE_WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None if line.len() < text.trim().len() => format!("{line} …"),
        None => line.to_owned(),
    }
}

/// What a run was given of its user's memory, on one line.
fn recalled(memories: &RecalledMemories) -> String {
    let note = memories.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let texts: Vec<String> = memories.facts.iter().map(|fact| shortened(&fact.text)).collect();
    match texts.len() {
        0 => format!("no memories{note}"),
        1 => format!("1 memory{note}: {}", texts.join("")),
        count => format!("{count} memories{note}: {}", texts.join(" · ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_once_whoever_comes_late() {
        let mut shown = ShownText::default();
        assert_eq!(shown.piece("Once "), "Once ");
        assert_eq!(shown.piece("upon"), "upon");
        shown.begins_again();
        assert_eq!(shown.piece("Once upon a"), " a", "the new connection tells all of it");
        assert_eq!(shown.rest(&Message::assistant("Once upon a time.")), " time.");
        assert_eq!(shown.rest(&Message::assistant("Next.")), "Next.", "nothing of it was streamed");
    }
}
