//! Who gets in.

use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::test_server::KEY;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// Every route of the description with an id filled in, and whether it needs a key.
async fn routes(server: &TestServer) -> Vec<(Method, String, bool)> {
    let document = server.get("/openapi.json").await.json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10");
            routes.push((method, path, operation["security"] != json!([])));
        }
    }
    routes
}

#[tokio::test]
async fn every_route_but_health_and_login_needs_the_key() {
    let server = TestServer::start().await;
    let routes = routes(&server).await;
    let open: Vec<_> =
        routes.iter().filter(|(.., locked)| !locked).map(|(_, path, _)| path.as_str()).collect();
    assert_eq!(open, ["/healthz", "/readyz", "/login", "/logout"]);
    let locked: Vec<_> = routes.iter().filter(|(.., locked)| *locked).collect();
    assert!(locked.len() >= 19, "{}", locked.len());
    for (method, path, _) in locked {
        let answer = server.send(server.bare(method.clone(), path)).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
    }
}

#[tokio::test]
async fn either_header_opens_and_a_wrong_key_does_not() {
    let server = TestServer::start().await;
    let ask = |name: &'static str, value: String| {
        server.bare(Method::GET, "/api/tools").header(name, value)
    };
    assert_eq!(server.send(ask("authorization", format!("Bearer {KEY}"))).await.status, 200);
    assert_eq!(server.send(ask("x-api-key", KEY.to_owned())).await.status, 200);
    let wrong = server.send(ask("x-api-key", format!("{KEY}x"))).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (401, "unauthorized"));
    assert!(!wrong.text.contains(KEY));
}

#[tokio::test]
async fn guessing_runs_into_a_limit() {
    let server = TestServer::start().await;
    let guess = || server.bare(Method::GET, "/api/tools").bearer_auth("a-wrong-guess");
    for _ in 0..10 {
        assert_eq!(server.send(guess()).await.status, 401);
    }
    let limited = server.send(guess()).await;
    assert_eq!((limited.status, limited.problem().as_str()), (429, "too-many-requests"));
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
    let link = server.send(server.bare(Method::GET, "/login?token=a-wrong-guess")).await;
    assert_eq!((link.status, link.problem().as_str()), (429, "too-many-requests"));
}

#[tokio::test]
async fn whoever_guesses_does_not_shut_the_owner_out() {
    let server = TestServer::start().await;
    let made = server.post("/login-links", &Value::Null).await.json();
    let guess = || server.bare(Method::GET, "/api/tools").bearer_auth("a-wrong-guess");
    while server.send(guess()).await.status != 429 {}
    assert_eq!(server.get("/api/tools").await.status, 200);
    let login = server.bare(Method::POST, "/login").header("content-type", "application/json");
    let login = login.body(json!({"key": KEY}).to_string());
    assert_eq!(server.send(login).await.status, 204);
    let link = server.bare(Method::GET, made["path"].as_str().unwrap());
    assert_eq!(server.send(link).await.status, 303);
    assert_eq!(server.send(guess()).await.status, 429, "being right does not reset the count");
}

/// The cookie of an answer, as a browser would send it back.
fn cookie(answer: &crate::test_server::Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_console_logs_in_and_out() {
    let server = TestServer::start().await;
    let login = server.bare(Method::POST, "/login").header("content-type", "application/json");
    let wrong =
        server.send(login.try_clone().unwrap().body(json!({"key": "no"}).to_string())).await;
    assert_eq!(wrong.status, 401);
    let entered = server.send(login.body(json!({"key": KEY}).to_string())).await;
    assert_eq!(entered.status, 204);
    let cookie = cookie(&entered);
    let read = || server.bare(Method::GET, "/api/sessions").header("cookie", &cookie);
    assert_eq!(server.send(read()).await.status, 200);
    let write = || {
        let request = server.bare(Method::POST, "/api/sessions").header("cookie", &cookie);
        request.header("content-type", "application/json").body("{}")
    };
    let foreign = server.send(write()).await;
    assert_eq!(foreign.problem(), "origin-not-allowed", "a cookie alone changes nothing");
    let own = server.send(write().header("origin", server.url(""))).await;
    assert_eq!(own.status, 201);
    let out = server.bare(Method::POST, "/logout").header("cookie", &cookie);
    assert_eq!(server.send(out).await.status, 204);
    assert_eq!(server.send(read()).await.status, 401, "the session has ended");
}

#[tokio::test]
async fn a_login_link_works_once() {
    // Without a key of the owner's own the server makes one, and a link for the first visit.
    let server = TestServer::with(scripted([]), &[("LIVOS_API_KEY", "")]).await;
    let link = server.login_url().unwrap().to_owned();
    let path = link.strip_prefix(&server.url("")).unwrap();
    let entered = server.send(server.bare(Method::GET, path)).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/"));
    let read = server.bare(Method::GET, "/api/sessions").header("cookie", cookie(&entered));
    assert_eq!(server.send(read).await.status, 200);
    let again = server.send(server.bare(Method::GET, path)).await;
    assert_eq!((again.status, again.problem().as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn a_key_holder_can_make_another_link() {
    let server = TestServer::start().await;
    let made = server.post("/login-links", &Value::Null).await;
    assert_eq!(made.status, 201);
    let path = made.json()["path"].as_str().unwrap().to_owned();
    assert_eq!(server.send(server.bare(Method::GET, &path)).await.status, 303);
}

#[tokio::test]
async fn foreign_hosts_and_origins_stay_out() {
    let variables = [
        ("LIVOS_PUBLIC_URL", "https://livos.example/base"),
        ("LIVOS_HTTP_ALLOWED_HOSTS", "livos.lan"),
        ("LIVOS_HTTP_ALLOWED_ORIGINS", "https://pages.example"),
    ];
    let server = TestServer::with(scripted([]), &variables).await;
    let ask = |name: &'static str, value: &str| {
        server.bare(Method::GET, "/api/tools").bearer_auth(KEY).header(name, value)
    };
    for host in ["localhost", "livos.lan", "livos.example"] {
        assert_eq!(server.send(ask("host", host)).await.status, 200, "{host}");
    }
    let rebound = server.send(ask("host", "evil.example")).await;
    assert_eq!((rebound.status, rebound.problem().as_str()), (403, "host-not-allowed"));
    let foreign = server.send(ask("origin", "https://evil.example")).await;
    assert_eq!((foreign.status, foreign.problem().as_str()), (403, "origin-not-allowed"));
    let allowed = server.send(ask("origin", "https://pages.example")).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://pages.example");
    let based = server.bare(Method::GET, "/base/api/tools").bearer_auth(KEY);
    assert_eq!(server.send(based).await.status, 200, "a proxy may pass the base path on");
}
