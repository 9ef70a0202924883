use http_body::Body;

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
