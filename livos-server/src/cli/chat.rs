//! `livos chat`: a conversation in the terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::Target;
use super::attendance::Attendance;
use super::client::Client;
use super::client::ClientError;
use super::compact;
use super::connection::Connection;
use super::connection::load;
use super::follow::Format;
use super::follow::follow;
use super::follow::interrupts;
use super::terminal::Style;
use super::terminal::Terminal;
use super::terminal::error;
use crate::config::Environment;

/// What can be typed besides messages.
const HELP: &str = "\
/new [model]   begin a new conversation
/model NAME    ask another model from now on
/compact [..]  sum up the older messages; add what the summary shall heed
/help          show this
/quit          leave (Ctrl-D does too)
Ctrl-C         stop the answer under way
When the agent asks, type y, s, a, t or n, or the answer; Ctrl-C then stops the run";

#[derive(Debug, clap::Args)]
pub(super) struct ChatArgs {
    /// Conversation to go on with [default: a new one]
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Model to ask, as provider/model or a tier (fast, balanced, best)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
}

/// What the next message belongs to.
struct Talk {
    session: Option<String>,
    model: Option<String>,
}

/// What to do after a line.
enum Next {
    GoOn,
    Leave,
}

pub(super) async fn chat(
    target: &Target,
    environment: &Environment,
    args: ChatArgs,
) -> Result<ExitCode, ClientError> {
    let history = match target.url {
        Some(_) => None,
        None => Some(load(target, environment)?.home().join("history")),
    };
    let connection = Connection::to_any(target, environment).await?;
    let talk = Talk { session: args.session, model: args.model };
    let talked = talk.go_on(&connection.client, history).await;
    connection.close().await;
    talked.map(|()| ExitCode::SUCCESS)
}

impl Talk {
    async fn go_on(mut self, client: &Client, history: Option<PathBuf>) -> Result<(), ClientError> {
        let mut terminal = Terminal::of_process();
        terminal.aside(
            Style::Quiet,
            format!("LivOS at {}. /help shows what can be typed.", client.url()),
        )?;
        let mut lines = Lines::open(history)?;
        while let Some(line) = lines.next().await? {
            match self.take(client, &mut terminal, line.trim()).await {
                Ok(Next::GoOn) => {}
                Ok(Next::Leave) => break,
                // A refused message does not end the conversation.
                Err(problem) if problem.is_about_the_request() => error(&problem),
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }

    async fn take(
        &mut self,
        client: &Client,
        terminal: &mut Terminal,
        line: &str,
    ) -> Result<Next, ClientError> {
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
        match command {
            "" => {}
            "/quit" | "/exit" => return Ok(Next::Leave),
            "/help" => terminal.aside(Style::Quiet, HELP)?,
            "/new" => {
                self.session = None;
                self.model = argument.map(str::to_owned).or(self.model.take());
                terminal.aside(Style::Quiet, "A new conversation.")?;
            }
            "/model" => match argument {
                Some(model) => self.model = Some(model.to_owned()),
                None => {
                    let model = self.model.as_deref().unwrap_or("the server's");
                    terminal.aside(Style::Quiet, format!("The model is {model}."))?;
                }
            },
            "/compact" => self.compact(client, terminal, argument.unwrap_or_default()).await?,
            unknown if unknown.starts_with('/') => {
                terminal
                    .aside(Style::Bad, format!("There is no {unknown}; /help shows what is."))?;
            }
            _ => self.say(client, line).await?,
        }
        Ok(Next::GoOn)
    }

    async fn say(&mut self, client: &Client, text: &str) -> Result<(), ClientError> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => client.create_session(self.model.as_deref()).await?,
        };
        self.session = Some(session.clone());
        let mut interrupts = interrupts()?;
        let accepted = client.say(&session, text, self.model.as_deref(), None).await?;
        let how = (Format::People, Attendance::Ask);
        follow(client, &session, &accepted, how, &mut interrupts).await.map(drop)
    }

    async fn compact(
        &self,
        client: &Client,
        terminal: &mut Terminal,
        instructions: &str,
    ) -> Result<(), ClientError> {
        let Some(session) = &self.session else {
            return terminal.aside(Style::Quiet, "Nothing was said yet.");
        };
        let mut interrupts = interrupts()?;
        let saved = tokio::select! {
            saved = compact::carry_out(client, session, instructions) => saved?.told(),
            // The server notices that nobody waits, and leaves the session as it was.
            _ = interrupts.recv() => "stopped".to_owned(),
        };
        terminal.aside(Style::Quiet, saved)
    }
}

/// The lines that are typed, with editing and a history that is kept.
struct Lines {
    editor: Option<DefaultEditor>,
    history: Option<PathBuf>,
}

impl Lines {
    fn open(history: Option<PathBuf>) -> Result<Self, ClientError> {
        let mut editor = DefaultEditor::new().map_err(|error| failed(&error))?;
        if let Some(path) = &history
            && let Err(problem) = editor.load_history(path)
            && path.exists()
        {
            tracing::warn!(%problem, "the history cannot be read");
        }
        Ok(Self { editor: Some(editor), history })
    }

    /// The next line; none at the end of the input. Typing blocks a thread of its own.
    async fn next(&mut self) -> Result<Option<String>, ClientError> {
        let Some(mut editor) = self.editor.take() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || {
            let line = editor.readline("› ");
            (editor, line)
        });
        let (mut editor, line) =
            read.await.map_err(|error| ClientError::Terminal(error.to_string()))?;
        let line = match line {
            Ok(line) => Some(line),
            // Ctrl-C at the prompt drops the line.
            Err(ReadlineError::Interrupted) => Some(String::new()),
            Err(ReadlineError::Eof) => None,
            Err(error) => return Err(failed(&error)),
        };
        if let Some(line) = line.as_deref().filter(|line| !line.trim().is_empty()) {
            editor.add_history_entry(line).map_err(|error| failed(&error))?;
            if let Some(path) = &self.history
                && let Err(problem) = editor.append_history(path)
            {
                tracing::warn!(%problem, "the history cannot be kept");
            }
        }
        self.editor = Some(editor);
        Ok(line)
    }
}

fn failed(error: &ReadlineError) -> ClientError {
    ClientError::Terminal(error.to_string())
}
