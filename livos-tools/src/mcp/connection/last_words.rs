//! What a program printed last, for people who look why it failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use livos_core::Secret;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;

/// How many bytes are kept.
const KEPT: usize = 4 * 1024;

/// How much of it is shown.
const SHOWN: usize = 500;

/// Shorter secrets would take half of a text away.
const SHORTEST_SECRET: usize = 6;

/// What a program printed last to its standard error. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct LastWords {
    kept: Arc<Mutex<VecDeque<u8>>>,
    secrets: Arc<[Secret]>,
}

impl LastWords {
    /// Nothing yet; these secrets are left out of what is shown.
    pub(super) fn without(secrets: Arc<[Secret]>) -> Self {
        Self { kept: Arc::default(), secrets }
    }

    /// Reads to the end of what is printed, in a task of its own: a full pipe would stop the program.
    pub(super) fn listen(&self, mut output: impl AsyncRead + Send + Unpin + 'static) {
        let kept = Arc::clone(&self.kept);
        tokio::spawn(async move {
            let mut buffer = vec![0; KEPT];
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(buffer.iter().take(count));
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
        });
    }

    /// The end of it as one line; empty when nothing was printed.
    pub(super) fn shown(&self) -> String {
        let bytes: Vec<u8> = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().copied().collect()
        };
        let text = self.redacted(&String::from_utf8_lossy(&bytes));
        let line: Vec<&str> = text.split_whitespace().collect();
        let line: String = line.join(" ").chars().filter(|letter| !letter.is_control()).collect();
        let surplus = line.chars().count().saturating_sub(SHOWN);
        line.chars().skip(surplus).collect()
    }

    /// A text without the secrets that the program was given.
    pub(super) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|it| it.expose().len() >= SHORTEST_SECRET) {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "[secret]");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_is_shown_and_no_secret() {
        let words = LastWords::without([Secret::new("hunter22")].into());
        let (reader, mut writer) = tokio::io::duplex(64 * 1024);
        words.listen(reader);
        let text = format!("{}\nbad key hunter22\u{7}\n", "x".repeat(20_000));
        tokio::io::AsyncWriteExt::write_all(&mut writer, text.as_bytes()).await.unwrap();
        drop(writer);
        while !words.shown().ends_with("bad key [secret]") {
            tokio::task::yield_now().await;
        }
        assert!(words.shown().chars().count() <= SHOWN);
    }
}
