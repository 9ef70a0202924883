use futures::channel::mpsc;
use livos_core::ChatResponse;
use livos_core::Message;

use super::*;

/// Gives each event's data as text, ends at `[DONE]`, fails at `boom`.
struct Echo;

impl StreamMachine for Echo {
    fn on_event(
        &mut self,
        _name: &str,
        data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        match data {
            "boom" => Err(interrupted("boom")),
            "[DONE]" => {
                let message = Message::assistant("all");
                let response = ChatResponse::new("test".into(), "m".into(), message);
                out.push_back(ChatChunk::Finished(Box::new(response)));
                Ok(())
            }
            text => {
                out.push_back(ChatChunk::Text(text.to_owned()));
                Ok(())
            }
        }
    }

    fn on_end(&mut self, _out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        Err(interrupted("no final event"))
    }
}

fn interrupted(message: &str) -> ProviderError {
    ProviderError::InterruptedStream(ProviderFailure::new("test", message))
}

type Sender = mpsc::UnboundedSender<reqwest::Result<Bytes>>;

fn driver(
    idle: Duration,
) -> (Sender, impl Stream<Item = Result<ChatChunk, ProviderError>> + Unpin) {
    let (sender, receiver) = mpsc::unbounded();
    let config = ProviderConfig::new("test", "http://127.0.0.1").unwrap();
    let config = Arc::new(config.with_idle_timeout(idle).unwrap());
    (sender, drive(config, Tails::default(), receiver, Echo))
}

fn send(sender: &Sender, text: &'static str) {
    sender.unbounded_send(Ok(Bytes::from_static(text.as_bytes()))).unwrap();
}

/// One word for each item: the text, `finished`, or the kind of the error.
async fn words(stream: impl Stream<Item = Result<ChatChunk, ProviderError>>) -> Vec<String> {
    let word = |item| match item {
        Ok(ChatChunk::Text(text)) => text,
        Ok(ChatChunk::Finished(_)) => "finished".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(error) => ProviderError::kind(&error).to_owned(),
    };
    stream.map(word).collect().await
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nothing_follows_the_final_event() {
    let (sender, stream) = driver(MINUTE);
    send(&sender, "data: a\n\ndata: [DONE]\n\ndata: late\n\n");
    assert_eq!(words(stream).await, ["a", "finished"]);
}

#[tokio::test]
async fn what_came_before_an_error_is_given_first() {
    let (sender, stream) = driver(MINUTE);
    send(&sender, "data: a\n\ndata: boom\n\ndata: b\n\n");
    assert_eq!(words(stream).await, ["a", "interrupted_stream"]);
}

#[tokio::test]
async fn bytes_that_end_early_are_an_interruption() {
    let (sender, stream) = driver(MINUTE);
    send(&sender, "data: a\n\ndata: b");
    drop(sender);
    assert_eq!(words(stream).await, ["a", "interrupted_stream"]);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_malformed() {
    let (sender, stream) = driver(MINUTE);
    sender.unbounded_send(Ok(Bytes::from_static(b"data: \xff\n\n"))).unwrap();
    assert_eq!(words(stream).await, ["malformed_response"]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_counted_from_the_last_piece() {
    let (sender, mut stream) = driver(MINUTE);
    let started = Instant::now();
    let feeder = tokio::spawn(async move {
        for _ in 0..3 {
            send(&sender, "data: a\n\n");
            tokio::time::sleep(MINUTE / 2).await;
        }
        sender
    });
    let got = words(&mut stream).await;
    assert_eq!(got, ["a", "a", "a", "timed_out"]);
    assert_eq!(started.elapsed(), MINUTE * 2, "two half minutes, then a silent one");
    drop(feeder.await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_a_silent_service() {
    let (sender, mut stream) = driver(MINUTE);
    send(&sender, "data: a\n\n");
    assert!(stream.next().await.is_some());
    assert!(futures::poll!(stream.next()).is_pending());
    send(&sender, "data: b\n\n");
    assert!(stream.next().await.is_some());
    tokio::time::sleep(MINUTE * 2).await;
    assert!(futures::poll!(stream.next()).is_pending(), "nobody waited for those two minutes");
}

#[tokio::test]
async fn chunks_in_a_row_are_looked_at_together_and_keep_their_order() {
    let (sender, mut stream) = driver(MINUTE);
    send(&sender, "data: a\n\nda");
    assert!(futures::poll!(stream.next()).is_pending(), "more may come in the next turn");
    send(&sender, "ta: b\n\n");
    assert!(futures::poll!(stream.next()).is_pending());
    let next = |item: Poll<Option<Result<ChatChunk, ProviderError>>>| match item {
        Poll::Ready(Some(Ok(ChatChunk::Text(text)))) => Some(text),
        _ => None,
    };
    assert_eq!(next(futures::poll!(stream.next())).as_deref(), Some("a"));
    assert_eq!(next(futures::poll!(stream.next())).as_deref(), Some("b"));
    send(&sender, "data: c\n\n");
    send(&sender, "data: [DONE]\n\n");
    drop(sender);
    assert_eq!(words(stream).await, ["c", "finished"]);
}

#[tokio::test]
async fn what_is_gathered_keeps_no_memory_of_the_connection() {
    let (sender, mut stream) = driver(MINUTE);
    let chunk = Bytes::from(b"data: a\n\n".to_vec());
    sender.unbounded_send(Ok(chunk.clone())).unwrap();
    assert!(futures::poll!(stream.next()).is_pending(), "more may come in the next turn");
    assert!(chunk.is_unique());
}

#[tokio::test]
async fn a_source_that_never_pauses_is_shown_all_the_same() {
    let (sender, mut stream) = driver(MINUTE);
    for _ in 0..=MAX_GATHERED {
        send(&sender, "data: a\n\n");
    }
    assert!(futures::poll!(stream.next()).is_ready());
}
