use std::collections::VecDeque;

use futures::StreamExt;
use http_body::Body;
use livos_core::ChatChunk;
use livos_core::ChatResponse;
use livos_core::Message;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::*;

#[test]
fn a_body_of_pieces_knows_its_length_and_ends_after_the_last() {
    let body = RequestBody::new("{\"messages\":[".into(), bytes::Bytes::new(), "]}");
    assert_eq!(body.size_hint().exact(), Some(15));
    assert_eq!(body.joined(), b"{\"messages\":[]}");
    let mut body = std::pin::pin!(body);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut frames = 0;
    while let std::task::Poll::Ready(Some(_)) = body.as_mut().poll_frame(&mut context) {
        frames += 1;
    }
    assert_eq!(frames, 2, "the empty piece is left out");
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn a_refused_connection_is_unavailable_and_does_not_show_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = ProviderConfig::new("x", &format!("http://{address}/secret-path")).unwrap();
    let transport = Transport::new(config, HttpClients::default());
    let error = transport.get("/models", HeaderMap::new()).await.unwrap_err();
    assert_eq!(error.kind(), "unavailable");
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("secret-path"), "{shown}");
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_given_up() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(50);
    // Nobody accepts: once the queue is full, connecting waits.
    let mut queued = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await
    {
        queued.push(connected.unwrap());
    }
    let config = ProviderConfig::new("x", &format!("http://{address}")).unwrap();
    let config = config.with_connect_timeout(limit).unwrap();
    let transport = Transport::new(config, HttpClients::default());
    let asked = transport.get("/models", HeaderMap::new());
    let asked = tokio::time::timeout(Duration::from_secs(8), asked).await;
    let error = asked.expect("sooner than the default").unwrap_err();
    assert_eq!(error.kind(), "timed_out");
    assert!(error.to_string().starts_with("x: no connection within the time allowed"), "{error}");
}

/// Answers every request of every connection with these bytes, the last of them only when told,
/// and counts the connections.
async fn serve_late_end(
    listener: tokio::net::TcpListener,
    answer: &'static str,
    go_on: Arc<tokio::sync::Semaphore>,
    connections: Arc<std::sync::atomic::AtomicUsize>,
) {
    while let Ok((mut socket, _)) = listener.accept().await {
        connections.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let go_on = Arc::clone(&go_on);
        tokio::spawn(async move {
            let (most, last) = answer.split_at(answer.len() - 1);
            let mut request = vec![0; 4096];
            while socket.read(&mut request).await.is_ok_and(|count| count > 0) {
                socket.write_all(most.as_bytes()).await.unwrap();
                go_on.acquire().await.unwrap().forget();
                socket.write_all(last.as_bytes()).await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_connection_whose_answer_ends_late_is_used_again() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\ndata: [DONE]\n\n\n\n";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (go_on, connections) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::default());
    tokio::spawn(serve_late_end(listener, answer, Arc::clone(&go_on), Arc::clone(&connections)));
    let transport = Transport::new(ProviderConfig::new("x", &url).unwrap(), HttpClients::default());
    for _ in 0..3 {
        let body = RequestBody::new("{}".into(), bytes::Bytes::new(), "");
        let patience = Duration::from_secs(5);
        let ready = transport.ready().await.unwrap();
        let response = ready.post("/", HeaderMap::new(), body, patience).await.unwrap();
        let pieces: Vec<_> = transport.stream(response, Done).collect().await;
        assert!(matches!(pieces.as_slice(), [Ok(ChatChunk::Finished(_))]), "{pieces:?}");
        go_on.add_permits(1);
        transport.clients.0.tails.finish().await;
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// Takes any event for the end.
struct Done;

impl StreamMachine for Done {
    fn on_event(
        &mut self,
        _name: &str,
        _data: &str,
        out: &mut VecDeque<ChatChunk>,
    ) -> Result<(), ProviderError> {
        let response = ChatResponse::new("x".into(), "m".into(), Message::assistant(""));
        out.push_back(ChatChunk::Finished(Box::new(response)));
        Ok(())
    }

    fn on_end(&mut self, _out: &mut VecDeque<ChatChunk>) -> Result<(), ProviderError> {
        Ok(())
    }
}
