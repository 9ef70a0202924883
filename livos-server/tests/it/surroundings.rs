//! What the agent of a server reaches beyond its workspace.

use std::process::Stdio;

use livos_core::testing::Script;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::test_server::PATIENCE;
use crate::test_server::TestServer;
use crate::test_server::scripted;

/// A page on this machine.
async fn page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let body = "<title>Tides</title><p>Twice a day.";
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    url
}

/// What the model was told when it read the page.
async fn fetched(url: &str, variables: &[(&str, &str)]) -> Value {
    let models = scripted([
        Script::tool("1", "web_fetch", json!({"url": url})),
        Script::text("Twice a day."),
    ]);
    let server = TestServer::with(models, variables).await;
    let session = server.session().await;
    let run = server.say(&session, "when?").await;
    let mut events = server.events(&session, "").await;
    let told = loop {
        let event = events.next().await.expect("the call ends");
        if event["type"] == "tool_finished" && event["run_id"] == run.as_str() {
            break event;
        }
    };
    server.finished(&session, &run).await;
    server.stop().await;
    told
}

#[tokio::test]
async fn an_agent_reads_pages_where_it_may() {
    let url = page().await;
    let refused = fetched(&url, &[]).await;
    assert_eq!(refused["status"], "error");
    let text = refused["content"].to_string();
    assert!(text.contains("not an address of the public internet"), "{text}");
    assert!(text.contains("web.allowed_hosts"), "{text}");
    for allowed in
        [("LIVOS_WEB_ALLOWED_HOSTS", "127.0.0.1"), ("LIVOS_WEB_ALLOWED_NETWORKS", "127.0.0.0/8")]
    {
        let read = fetched(&url, &[allowed]).await;
        assert_eq!(read["status"], "ok", "{read}");
        let text = read["content"].to_string();
        assert!(text.contains("<untrusted_content source=") && text.contains("Twice a day."));
    }
}

#[tokio::test]
async fn tools_are_offered_as_the_settings_say() {
    let names = async |variables: &[(&str, &str)]| {
        let server = TestServer::with(scripted([]), variables).await;
        let tools = server.get("/api/tools").await.json();
        server.stop().await;
        let names = tools["items"].as_array().unwrap().iter();
        let names: Vec<String> = names.map(|tool| tool["name"].as_str().unwrap().into()).collect();
        names
    };
    let optional = ["containers", "containers_manage", "http_request", "web_search"];
    let few = names(&[("LIVOS_WEB_FETCH", "off")]).await;
    assert!(few.contains(&"system_info".to_owned()), "{few:?}");
    for name in optional.into_iter().chain(["web_fetch"]) {
        assert!(!few.contains(&name.to_owned()), "{name}: {few:?}");
    }
    let all = names(&[
        ("LIVOS_WEB_REQUESTS", "on"),
        ("LIVOS_CONTAINERS_ACCESS", "manage"),
        ("SEARXNG_URL", "http://127.0.0.1:8888"),
    ])
    .await;
    for name in optional.into_iter().chain(["web_fetch"]) {
        assert!(all.contains(&name.to_owned()), "{name}: {all:?}");
    }
    let look = names(&[("LIVOS_CONTAINERS_ACCESS", "read")]).await;
    assert!(
        look.contains(&"containers".to_owned()) && !look.contains(&"containers_manage".to_owned())
    );
}

#[tokio::test]
async fn the_reader_of_pdf_files_ends_in_words() {
    let files: [(&[u8], i32, &str, &str); 2] = [
        (include_bytes!("surroundings/hello.pdf"), 0, "[page 1]\n\nHello tide", ""),
        (b"%PDF-1.7 and nothing more", 3, "", "couldn't parse"),
    ];
    for program in [env!("CARGO_BIN_EXE_livos-server"), env!("CARGO_BIN_EXE_livos")] {
        for (file, code, text, problem) in files {
            let mut child = Command::new(program)
                .arg("--livos-read-pdf")
                .env_clear()
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(file).await.unwrap();
            let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
            let output = output.expect("it ends").unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{program}: {said}");
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(told.starts_with(text) && said.contains(problem), "{told} {said}");
        }
    }
}
