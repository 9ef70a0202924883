//! `livos chat`, by pipe and at a terminal.

use std::fs::File;
use std::io::ErrorKind;
use std::process::Stdio;

use livos_core::testing::Script;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::process::Command;

use super::client_of;
use super::interrupt;
use super::livos;
use super::told;
use crate::gated_provider::GatedProvider;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::models;
use crate::test_server::scripted;

/// A command at a terminal of its own.
struct AtTerminal {
    child: Child,
    screen: tokio::fs::File,
    /// What was shown and not expected yet.
    shown: String,
}

impl AtTerminal {
    fn start(mut command: Command) -> Self {
        let terminal = nix::pty::openpty(None, None).unwrap();
        let end = || Stdio::from(terminal.slave.try_clone().unwrap());
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        // The command keeps the far end as well; only the child's may be left open.
        drop(command);
        let screen = tokio::fs::File::from_std(File::from(terminal.master));
        Self { child, screen, shown: String::new() }
    }

    async fn types(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).await.unwrap();
        self.screen.flush().await.unwrap();
    }

    /// Waits until the text is shown, after what was expected before.
    async fn shows(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let mut bytes = [0; 4_096];
            let read = tokio::time::timeout(PATIENCE, self.screen.read(&mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("no {text:?}: {:?}", self.shown));
            match read {
                Ok(count) if count > 0 => {
                    self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                ended => panic!("{ended:?} before {text:?}: {:?}", self.shown),
            }
        }
    }

    async fn code(mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends").unwrap().code()
    }
}

const PROMPT: &str = "› ";

#[tokio::test]
async fn by_pipe_each_line_is_answered_and_nothing_else_is_said() {
    let home = tempfile::tempdir().unwrap();
    let input = b"6 * 7\n\n/model\n/nonsense\n2 * 4\n/quit\n9 * 9\n";
    let ended = told(livos(home.path(), &["chat"]), input).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answers: Vec<_> = ended.out.lines().filter(|line| line.contains(" = ")).collect();
    assert_eq!(answers, ["6 * 7 = 42", "2 * 4 = 8"], "{ended:?}");
    for part in ["LivOS at http://127.0.0.1:", "The model is the server's.", "no /nonsense;"] {
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
    let history = std::fs::read_to_string(home.path().join("history")).unwrap();
    assert!(history.contains("6 * 7") && history.contains("2 * 4"), "{history}");
}

#[tokio::test]
async fn a_refused_message_does_not_end_it_but_a_wrong_key_does() {
    let server = TestServer::with(scripted([Script::text("Here.")]), &[]).await;
    let model = format!("/model {}\nhi\n/model scripted/m\nhi\n", "x".repeat(300));
    let ended = told(client_of(&server, &["chat"]), model.as_bytes()).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "Here.\n"), "{ended:?}");
    assert!(ended.err.contains("the server refused: model: "), "{ended:?}");
    let mut command = client_of(&server, &["chat"]);
    command.env("LIVOS_API_KEY", "not-the-key-of-it");
    let ended = told(command, b"hi\nhi\n").await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.err.matches("HTTP 401").count(), 1, "{ended:?}");
}

#[tokio::test]
async fn at_a_terminal_ctrl_c_stops_the_answer_and_not_the_chat() {
    let (provider, mut calls) = GatedProvider::new();
    let server = TestServer::with(models(provider), &[]).await;
    let mut chat = AtTerminal::start(client_of(&server, &["chat"]));
    chat.shows(PROMPT).await;
    chat.types("tell me a story\r").await;
    let mut call = calls.recv().await.unwrap();
    call.say("Once upon a time");
    chat.shows("Once upon a time").await;
    interrupt(&chat.child);
    tokio::time::timeout(PATIENCE, call.hung_up()).await.expect("the model is not asked on");
    chat.shows("stopped").await;
    chat.shows(PROMPT).await;
    chat.types("a shorter one\r").await;
    let mut call = calls.recv().await.unwrap();
    assert_eq!(call.request.conversation.last().unwrap().text(), "a shorter one");
    call.say("The end.");
    call.finish();
    chat.shows("The end.").await;
    chat.shows(PROMPT).await;
    // At the prompt Ctrl-C is a key that drops the line.
    chat.types("never said\x03").await;
    chat.shows(PROMPT).await;
    chat.types("/quit\r").await;
    assert_eq!(chat.code().await, Some(0));
    let sessions = server.get("/api/sessions").await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "one conversation");
    assert!(calls.try_recv().is_err(), "what was dropped was not said");
}

#[tokio::test]
async fn at_a_terminal_ctrl_d_leaves() {
    let home = tempfile::tempdir().unwrap();
    let mut chat = AtTerminal::start(livos(home.path(), &["chat"]));
    chat.shows(PROMPT).await;
    chat.types("/help\r").await;
    chat.shows("stop the answer under way").await;
    chat.shows(PROMPT).await;
    chat.types("\x04").await;
    assert_eq!(chat.code().await, Some(0));
}
