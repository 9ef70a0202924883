//! Nobody is led to an address inside, however they are asked.

use std::sync::Arc;
use std::time::Duration;

use livos_tools::outgoing::Answer;
use livos_tools::outgoing::BodyEnd;
use livos_tools::outgoing::ClientError;
use livos_tools::outgoing::GuardedClient;
use livos_tools::outgoing::Limits;
use livos_tools::outgoing::Request;
use livos_tools::outgoing::WebAddressError;
use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::site::INSIDE;
use crate::site::Names;
use crate::site::OUTSIDE;
use crate::site::Sent;
use crate::site::Site;
use crate::site::answer;
use crate::site::client;
use crate::site::html;
use crate::site::redirect;
use crate::site::target;

const LIMITS: fn() -> Limits = || Limits::new(10_000, Duration::from_secs(20));

async fn get(client: &GuardedClient, url: &str) -> Result<Answer, ClientError> {
    let url = client.guard().check_url(url).unwrap();
    client.send(Request::new(Method::GET, url), LIMITS()).await
}

/// Two servers at one port: one that may be called, one that may not.
async fn outside_and_inside(answer: impl Fn(&str) -> Sent + Send + Sync + 'static) -> (Site, Site) {
    let outside = Site::start(answer).await;
    let mut twin = outside.address;
    twin.set_ip(INSIDE.parse().unwrap());
    let inside = Site::start_at(twin, |_| html("the secret")).await;
    (outside, inside)
}

#[tokio::test]
async fn an_address_inside_is_refused_before_anything_is_sent() {
    let inside = Site::start_at(format!("{INSIDE}:0").parse().unwrap(), |_| html("secret")).await;
    let port = inside.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "0",
        "0.0.0.0",
    ] {
        let error = client().guard().check_url(&format!("http://{host}:{port}/")).unwrap_err();
        assert!(matches!(error, WebAddressError::NotAllowed(_)), "{host}: {error}");
    }
    // By name: the system's own, and one that leads there.
    let names = Names::default().with("inner.test", &[&[INSIDE]]).with("six.test", &[&["::1"]]);
    let named = client().with_names(Arc::new(names));
    for (client, host) in [
        (client(), "localhost"),
        (client(), "LOCALHOST"),
        (named.clone(), "inner.test"),
        (named, "six.test"),
    ] {
        let error = get(&client, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(error, ClientError::NotAllowed(_)), "{host}: {error}");
    }
    assert_eq!(inside.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_changes_its_mind_leads_nowhere_else() {
    let (outside, inside) = outside_and_inside(|_| html("public")).await;
    let names = Arc::new(Names::default().with("fickle.test", &[&[OUTSIDE], &[INSIDE]]));
    let client = client().with_names(Arc::clone(&names) as _);
    // Checked and connected by one look: there is no second one that could say otherwise.
    let first = get(&client, &outside.named("fickle.test", "/")).await.unwrap();
    assert_eq!(first.body.bytes, b"public");
    assert_eq!(names.asked("fickle.test"), 1);
    let error = get(&client, &outside.named("fickle.test", "/")).await.unwrap_err();
    assert!(matches!(error, ClientError::NotAllowed(_)), "{error}");
    assert_eq!(inside.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn of_several_addresses_only_those_outside_are_called() {
    let (outside, inside) = outside_and_inside(|_| html("public")).await;
    let names = Names::default().with("both.test", &[&[INSIDE, "::1", "10.0.0.1", OUTSIDE]]);
    let client = client().with_names(Arc::new(names));
    let answer = get(&client, &outside.named("both.test", "/")).await.unwrap();
    assert_eq!(answer.body.bytes, b"public");
    assert_eq!(inside.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn redirects_are_judged_like_first_requests() {
    let (outside, inside) = outside_and_inside(|request| {
        let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let port = host.rsplit(':').next().unwrap();
        match target(request) {
            "/inside" => redirect(&format!("http://127.0.0.1:{port}/")),
            "/name" => redirect(&format!("http://inner.test:{port}/")),
            "/decimal" => redirect(&format!("http://2130706433:{port}/")),
            "/mapped" => redirect(&format!("//[::ffff:127.0.0.1]:{port}/")),
            "/file" => redirect("file:///etc/passwd"),
            "/password" => redirect(&format!("http://me:pw@127.0.0.2:{port}/")),
            "/none" => redirect("http://"),
            "/again" => redirect("/again"),
            "/relative" => redirect("end?x=1"),
            "/no-location" => answer("302 Found", "", "where to"),
            _ => html("the end"),
        }
    })
    .await;
    let names = Names::default().with("inner.test", &[&[INSIDE]]);
    let client = client().with_names(Arc::new(names));
    for path in ["/inside", "/name", "/decimal", "/mapped"] {
        let error = get(&client, &outside.url(path)).await.unwrap_err();
        assert!(matches!(error, ClientError::NotAllowed(_)), "{path}: {error}");
    }
    for path in ["/file", "/password", "/none"] {
        let error = get(&client, &outside.url(path)).await.unwrap_err();
        assert!(matches!(error, ClientError::BadRedirect(_)), "{path}: {error}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    let end = get(&client, &outside.url("/relative")).await.unwrap();
    assert_eq!((end.body.bytes.as_slice(), end.url.path()), (&b"the end"[..], "/end"));
    let shown = get(&client, &outside.url("/no-location")).await.unwrap();
    assert_eq!((shown.status.as_u16(), shown.body.bytes.as_slice()), (302, &b"where to"[..]));
    let before = outside.requests().len();
    let error = get(&client, &outside.url("/again")).await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyRedirects), "{error}");
    assert_eq!(outside.requests().len() - before, GuardedClient::MAX_REDIRECTS + 1);
    assert_eq!(inside.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_for_one_server_goes_to_no_other() {
    let other = Site::start(|_| html("other")).await;
    let to = other.url("/x");
    let first = Site::start(move |request| match target(request) {
        "/away" => redirect(&to),
        "/post" => answer("303 See Other", "location: /end\r\n", ""),
        "/keep" => answer("307 Temporary Redirect", "location: /end\r\n", ""),
        _ => html("end"),
    })
    .await;
    let client = client();
    let send = async |path: &str, method: Method| {
        let url = client.guard().check_url(&first.url(path)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer one".parse().unwrap());
        headers.insert("cookie", "a=b".parse().unwrap());
        headers.insert("x-mine", "1".parse().unwrap());
        let request = Request::new(method, url).with_headers(headers).with_body("hello");
        client.send(request, LIMITS()).await.unwrap()
    };
    send("/away", Method::PUT).await;
    let seen = other.requests().remove(0);
    assert!(seen.starts_with("PUT /x") && seen.contains("x-mine: 1"), "{seen}");
    assert!(!seen.contains("Bearer") && !seen.contains("a=b"), "{seen}");
    send("/post", Method::POST).await;
    let seen = first.requests().pop().unwrap();
    assert!(seen.starts_with("GET /end") && !seen.contains("hello"), "{seen}");
    assert!(seen.contains("Bearer one"), "{seen}");
    send("/keep", Method::POST).await;
    let seen = first.requests().pop().unwrap();
    assert!(seen.starts_with("POST /end") && seen.ends_with("hello"), "{seen}");
}

#[tokio::test]
async fn limits_hold_whatever_comes() {
    let site = Site::start(|request| match target(request) {
        "/endless" => Sent::Endless(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n".to_vec(),
            vec![b'a'; 10_000],
        ),
        "/head" => Sent::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-more: and more\r\n".to_vec()),
        "/short" => Sent::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort".to_vec()),
        "/brotli" => answer("200 OK", "content-encoding: br\r\n", "x"),
        "/twice" => answer("200 OK", "content-encoding: gzip\r\ncontent-encoding: gzip\r\n", "x"),
        _ => Sent::Bytes(b"what?".to_vec()),
    })
    .await;
    let client = client();
    let endless = get(&client, &site.url("/endless")).await.unwrap();
    assert_eq!((endless.body.bytes.len(), endless.body.end), (10_000, BodyEnd::AtLimit));
    let short = get(&client, &site.url("/short")).await.unwrap();
    assert_eq!((short.body.bytes.as_slice(), short.body.end), (&b"short"[..], BodyEnd::Broken));
    for path in ["/head", "/brotli", "/twice", "/no-http"] {
        let error = get(&client, &site.url(path)).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreadable { .. }), "{path}: {error}");
    }
}

#[tokio::test]
async fn silence_ends_in_time() {
    let (release, held) = tokio::sync::watch::channel(());
    let listener = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = held;
        let mut sockets = Vec::new();
        while let Ok((socket, _)) =
            tokio::select! { s = listener.accept() => s, _ = held.changed() => return }
        {
            sockets.push(socket);
        }
    });
    let client = client();
    let url = client.guard().check_url(&format!("http://{address}/")).unwrap();
    let limits = Limits::new(10, Duration::from_millis(200));
    let error = client.send(Request::new(Method::GET, url), limits).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    drop(release);
}
