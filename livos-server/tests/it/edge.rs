//! What comes in wrong, too large, too slow, or by the wrong door.

use std::io::Read;
use std::time::Duration;
use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::test_server::KEY;
use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// Sends bytes as they are and reads until the server closes.
async fn raw(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A server that closes with bytes unread may reset the connection after its answer.
    let _ = read.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems() {
    let server = TestServer::start().await;
    let unknown = server.get("/api/nothing").await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
    let wrong = server.call(Method::PUT, "/api/sessions", &json!({})).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (405, "method-not-allowed"));
    assert_eq!(wrong.header("allow"), "GET, POST, HEAD, OPTIONS");
    let options = server.send(server.bare(Method::OPTIONS, "/api/sessions")).await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, POST, HEAD, OPTIONS"));
    let head = server.send(server.bare(Method::HEAD, "/healthz")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn bodies_that_are_no_json_are_told_why() {
    let server = TestServer::start().await;
    let send = |content_type: &'static str, body: &'static str| {
        let request = server.bare(Method::POST, "/api/sessions").bearer_auth(KEY);
        server.send(request.header("content-type", content_type).body(body))
    };
    let form = send("application/x-www-form-urlencoded", "{}").await;
    assert_eq!((form.status, form.problem().as_str()), (415, "unsupported-media-type"));
    for body in ["", "{", "hello", "{\"title\":\"\\ud800\"}", "{} x"] {
        let answer = send("application/json", body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "malformed-request"),
            "{body}"
        );
    }
    for body in ["[]", "null", "7", "{\"title\":7}"] {
        let answer = send("application/json; charset=utf-8", body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-input"), "{body}");
    }
    let deep = format!("{}{}", "{\"title\":".repeat(5_000), "}".repeat(5_000));
    let request = server.bare(Method::POST, "/api/sessions").bearer_auth(KEY);
    let answer = server.send(request.header("content-type", "application/json").body(deep)).await;
    assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_declared_or_not() {
    let server = TestServer::start().await;
    let head = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
    );
    let declared = raw(&server, format!("{head}Content-Length: 2000000\r\n\r\n").as_bytes()).await;
    assert!(declared.starts_with("HTTP/1.1 413 "), "{declared}");
    assert!(declared.contains("urn:livos:problem:payload-too-large"));
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..20 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may answer and close before everything is sent.
    let _ = stream.write_all(&chunked).await;
    let mut answer = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn pictures_may_be_larger() {
    let server = TestServer::start().await;
    let session = server.session().await;
    let picture = json!({"media_type": "image/png", "base64": "A".repeat(2_000_000)});
    let (run, _) =
        server.say_with(&session, &json!({"text": "see", "attachments": [picture]})).await;
    server.finished(&session, &run).await;
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_cut_off() {
    let quick =
        [("LIVOS_HTTP_HEADER_TIMEOUT_SECONDS", "1"), ("LIVOS_HTTP_BODY_TIMEOUT_SECONDS", "1")];
    let server = TestServer::with(scripted([]), &quick).await;
    let began = Instant::now();
    let head = raw(&server, b"GET /healthz HTTP/1.1\r\nHost: loc").await;
    assert!(!head.starts_with("HTTP/1.1 200"), "{head}");
    let body = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{"
    );
    let body = raw(&server, body.as_bytes()).await;
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(body.contains("urn:livos:problem:request-timeout"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn idle_connections_do_not_shut_others_out() {
    let few = [("LIVOS_HTTP_MAX_CONNECTIONS", "2"), ("LIVOS_HTTP_HEADER_TIMEOUT_SECONDS", "1")];
    let server = TestServer::with(scripted([]), &few).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    assert_eq!(server.send(server.bare(Method::GET, "/healthz")).await.status, 200);
}

#[tokio::test]
async fn nonsense_is_no_reason_to_fall_over() {
    let server = TestServer::start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(server.get("/api/tools").await.status, 200);
}

#[tokio::test]
async fn the_console_is_served_with_its_headers() {
    let server = TestServer::start().await;
    let page = server.send(server.bare(Method::GET, "/")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("x-frame-options"), "DENY");
    let script = server.send(server.bare(Method::GET, "/app.js")).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let again = server.bare(Method::GET, "/app.js").header("if-none-match", script.header("etag"));
    let again = server.send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_console_is_compressed_for_whoever_takes_that() {
    let server = TestServer::start().await;
    let ask = |path: &str, accept: &'static str, known: &str| {
        let request = server.bare(Method::GET, path).header("accept-encoding", accept);
        request.header("if-none-match", known)
    };
    let plain = server.send(ask("/app.js", "identity", "")).await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
    assert_eq!(plain.header("vary"), "Accept-Encoding");
    let response = ask("/app.js", "gzip, br", "").send().await.unwrap();
    let headers = response.headers().clone();
    let small = response.bytes().await.unwrap();
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["vary"], "Accept-Encoding");
    assert_eq!(headers["content-length"], small.len().to_string().as_str());
    let mut whole = String::new();
    flate2::read::GzDecoder::new(&small[..]).read_to_string(&mut whole).unwrap();
    assert_eq!(whole, plain.text);
    assert!(small.len() * 2 < whole.len(), "{} of {}", small.len(), whole.len());

    // The tag is strong, so each way of sending has one of its own.
    let (plain_tag, small_tag) = (plain.header("etag"), headers["etag"].to_str().unwrap());
    assert_ne!(plain_tag, small_tag);
    for (accept, known, status) in [
        ("gzip", small_tag, 304),
        ("identity", plain_tag, 304),
        ("gzip", plain_tag, 200),
        ("identity", small_tag, 200),
    ] {
        let answer = ask("/app.js", accept, known).send().await.unwrap();
        assert_eq!(answer.status(), status, "{accept} {known}");
        assert_eq!(answer.headers()["vary"], "Accept-Encoding");
        let encoded = answer.headers().contains_key("content-encoding");
        assert_eq!(encoded, status == 200 && accept == "gzip");
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_while_the_server_drains() {
    let server = TestServer::start().await;
    let address = server.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "{\"title\":\"late\"}";
    let head = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler waits for the body once it said so.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let stopping = tokio::spawn(server.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    stopping.await.unwrap();
}
