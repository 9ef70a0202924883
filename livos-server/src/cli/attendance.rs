//! Who answers when the agent asks while a run is followed.

use livos_core::ApprovalRequest;
use livos_core::Question;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::answer;
use super::client::Client;
use super::client::ClientError;
use super::terminal::Style;
use super::terminal::Terminal;

/// Who answers when the agent asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Attendance {
    /// The one at this terminal
    Ask,
    /// Nobody: every call is approved, and a question ends the run
    Approve,
    /// Nobody: every call is denied, and every question declined
    Deny,
    /// Somebody else: the console, `livos approvals`, a channel
    Wait,
    /// Nobody: the run is stopped when the agent asks
    Fail,
}

/// What is known of how a request goes on here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attended {
    /// It was answered, or somebody else does it.
    GoesOn,
    /// The run shall be stopped.
    Stop,
    /// Nobody here can answer; the run shall be stopped.
    Nobody,
}

impl Attendance {
    /// Sees to one request.
    pub(super) async fn attend(
        self,
        client: &Client,
        terminal: &mut Terminal,
        request: &ApprovalRequest,
    ) -> Result<Attended, ClientError> {
        let is_question = request.question.is_some();
        let answer = match self {
            Self::Wait => {
                let id = request.approval_id;
                let verb = if is_question { "answer" } else { "approve" };
                let how =
                    format!("  waiting for somebody else; `livos approvals {verb} {id}` does it");
                terminal.aside(Style::Quiet, how)?;
                return Ok(Attended::GoesOn);
            }
            Self::Fail => return Ok(Attended::Nobody),
            Self::Approve if is_question => return Ok(Attended::Nobody),
            Self::Approve => Some(json!({ "decision": "approve" })),
            Self::Deny => Some(json!({ "decision": "deny", "note": "nobody is there to decide" })),
            Self::Ask => ask(terminal, request).await?,
        };
        match answer {
            None => Ok(Attended::Stop),
            Some(answer) => send(client, terminal, request, answer).await,
        }
    }
}

/// Sends an answer; that somebody was faster is told and no failure.
async fn send(
    client: &Client,
    terminal: &mut Terminal,
    request: &ApprovalRequest,
    mut answer: Value,
) -> Result<Attended, ClientError> {
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("via".to_owned(), "cli".into());
    }
    let path = format!("/api/approvals/{}", request.approval_id);
    match client.post::<Value>(&path, &answer).await {
        Ok(_) => Ok(Attended::GoesOn),
        Err(ClientError::Refused { status: 409, detail }) => {
            terminal.aside(Style::Quiet, format!("  {detail}"))?;
            Ok(Attended::GoesOn)
        }
        Err(error) => Err(error),
    }
}

/// Asks the one at the terminal; none when they want the run stopped.
async fn ask(
    terminal: &mut Terminal,
    request: &ApprovalRequest,
) -> Result<Option<Value>, ClientError> {
    let question = request.question.as_ref();
    if let Some((question, schema)) = question.and_then(|it| Some((it, it.schema.as_ref()?))) {
        return fill_in(terminal, question, schema).await;
    }
    let is_question = question.is_some();
    let prompt = match is_question {
        true => "answer (empty declines) › ",
        false => "[y] once, [s] session, [a] always, [t] tool in session, [n] no › ",
    };
    loop {
        let Some(line) = read_line(prompt).await? else { return Ok(None) };
        let answer = match is_question {
            true => read_answer(line.trim(), request),
            false => read_choice(line.trim(), request),
        };
        match answer {
            Ok(answer) => return Ok(Some(answer)),
            Err(problem) => terminal.aside(Style::Bad, format!("  {problem}"))?,
        }
    }
}

/// Asks for each field of an answer; none when they want the run stopped.
async fn fill_in(
    terminal: &mut Terminal,
    question: &Question,
    schema: &Value,
) -> Result<Option<Value>, ClientError> {
    terminal.aside(Style::Quiet, "  leave a field empty that you have nothing for")?;
    loop {
        let mut answer = Map::new();
        for field in answer::fields(schema) {
            terminal.aside(Style::Plain, format!("  {}", field.described()))?;
            let Some(line) = read_line("› ").await? else { return Ok(None) };
            if !line.trim().is_empty() {
                answer.insert(field.name().to_owned(), field.read(line.trim()));
            }
        }
        let Some(line) = read_line("[y] send it, [n] decline, [e] fill it in again › ").await?
        else {
            return Ok(None);
        };
        let answer = question.completed(Value::Object(answer));
        match line.trim().to_lowercase().as_str() {
            "n" | "no" => return Ok(Some(json!({ "decision": "deny" }))),
            "y" | "yes" => match question.check_answer(&answer) {
                Ok(()) => return Ok(Some(json!({ "decision": "approve", "answer": answer }))),
                Err(problem) => terminal.aside(Style::Bad, format!("  {problem}"))?,
            },
            _ => {}
        }
    }
}

fn read_choice(line: &str, request: &ApprovalRequest) -> Result<Value, String> {
    let (choice, note) = line.split_once(' ').unwrap_or((line, ""));
    let mut answer = match choice.to_lowercase().as_str() {
        "y" | "yes" => json!({ "decision": "approve" }),
        "s" | "session" => json!({ "decision": "approve", "scope": "session" }),
        "a" | "always" => json!({ "decision": "approve", "scope": "always" }),
        "t" | "tool" => json!({
            "decision": "approve",
            "scope": "session",
            "pattern": { "tool": request.tool },
        }),
        "n" | "no" => json!({ "decision": "deny" }),
        _ => return Err("type y, s, a, t or n; after n say why if you like".to_owned()),
    };
    if let (false, Some(fields)) = (note.is_empty(), answer.as_object_mut()) {
        fields.insert("note".to_owned(), note.into());
    }
    Ok(answer)
}

fn read_answer(line: &str, request: &ApprovalRequest) -> Result<Value, String> {
    if line.is_empty() {
        return Ok(json!({ "decision": "deny" }));
    }
    let Some(Question { choices, .. }) = &request.question else {
        return Err("this is no question".to_owned());
    };
    let numbered = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let chosen = numbered.and_then(|index| choices.get(index)).map_or(line, String::as_str);
    let answer = Value::from(chosen);
    request.question.as_ref().map_or(Ok(()), |question| question.check_answer(&answer))?;
    Ok(json!({ "decision": "approve", "answer": answer }))
}

/// A line that is typed; none at Ctrl-C and at the end of the input. Typing blocks a thread of its own.
async fn read_line(prompt: &'static str) -> Result<Option<String>, ClientError> {
    let failed = |error: String| ClientError::Terminal(error);
    let read = tokio::task::spawn_blocking(move || {
        let mut editor = DefaultEditor::new()?;
        editor.readline(prompt)
    });
    match read.await.map_err(|error| failed(error.to_string()))? {
        Ok(line) => Ok(Some(line)),
        Err(ReadlineError::Interrupted | ReadlineError::Eof) => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(question: Option<Value>) -> ApprovalRequest {
        let mut request = json!({
            "approval_id": "0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10",
            "call_id": "c",
            "tool": "shell",
            "input": {},
            "effect": "destructive",
            "reason": "r",
            "origin": { "channel": "cli", "user": "owner", "trust": "owner" },
            "expires_at": "2026-01-01T00:00:00Z",
            "fingerprint": "f",
            "arguments_fingerprint": "a",
        });
        if let Some(question) = question {
            request["question"] = question;
        }
        serde_json::from_value(request).unwrap()
    }

    #[test]
    fn choices_are_letters_and_words() {
        let call = request(None);
        let read = |line| read_choice(line, &call);
        assert_eq!(read("y"), Ok(json!({ "decision": "approve" })));
        assert_eq!(read("No not now"), Ok(json!({ "decision": "deny", "note": "not now" })));
        let tool =
            json!({ "decision": "approve", "scope": "session", "pattern": { "tool": "shell" } });
        assert_eq!(read("t"), Ok(tool));
        assert!(read("maybe").is_err() && read("").is_err());
    }

    #[test]
    fn answers_are_texts_or_numbers_of_choices() {
        let asked = request(Some(json!({ "text": "?", "choices": ["red", "blue"] })));
        let answer = |text: &str| Ok(json!({ "decision": "approve", "answer": text }));
        assert_eq!(read_answer("2", &asked), answer("blue"));
        assert_eq!(read_answer("red", &asked), answer("red"));
        assert!(read_answer("3", &asked).unwrap_err().contains("red, blue"));
        assert_eq!(read_answer("", &asked), Ok(json!({ "decision": "deny" })));
        assert_eq!(read_answer("2", &request(Some(json!({ "text": "?" })))), answer("2"));
    }
}
