//! What servers ask people, in the middle of a call.

use livos_core::Answer;
use livos_core::Answerer;
use livos_core::ApprovalFilter;
use livos_core::ApprovalManager;
use livos_core::ApprovalRecord;
use livos_core::ApprovalState;
use livos_core::RunHandle;

use super::*;

/// An agent whose questions somebody answers.
struct Asking {
    bench: Bench,
    approvals: ApprovalManager,
}

impl Asking {
    async fn with(how: &str) -> Self {
        let bench = Bench::new().await;
        bench.add("asker", how).await;
        let approvals = ApprovalManager::new(Arc::clone(&bench.store) as _);
        Self { bench, approvals }
    }

    fn run(&self) -> RunHandle {
        let call = Script::tool("call_1", "mcp__asker__echo", json!({}));
        AgentLoop::builder(ScriptedProvider::new("scripted", [call, Script::text("done")]))
            .tools(self.bench.tools.clone())
            .journal(Arc::clone(&self.bench.store) as _)
            .approvals(self.approvals.clone())
            .build()
            .run("go")
    }

    async fn all(&self) -> Vec<ApprovalRecord> {
        self.approvals.list(ApprovalFilter::default(), 10).await.unwrap().items
    }

    /// Answers what is asked, and gives what the question was and what the tool said in the end.
    async fn answering(&self, answer: Answer) -> (ApprovalRecord, Called) {
        let mut run = self.run();
        let mut asked = None;
        let mut called = None;
        let begun = tokio::time::Instant::now();
        while let Some(event) = run.next().await {
            match event.kind {
                EventKind::ApprovalRequested(request) => {
                    let id = request.approval_id;
                    let by = Answerer::owner("test");
                    self.approvals.decide(id, answer.clone(), by).await.unwrap();
                    asked = Some(self.approvals.get(id).await.unwrap());
                }
                EventKind::ToolFinished { status, content, .. } => {
                    let (content, took) = (content.to_vec(), begun.elapsed());
                    called = Some(Called { status, content, progress: Vec::new(), took });
                }
                _ => {}
            }
        }
        assert_eq!(run.await.text, "done");
        (asked.expect("a question"), called.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_server() {
    let asking = Asking::with("asks").await;
    let (asked, called) = asking.answering(Answer::with(json!({"count": 3}))).await;
    let question = asked.request.question.as_ref().unwrap();
    assert_eq!(question.text, "The MCP server \"asker\" asks: How many?");
    assert_eq!(question.schema.as_ref().unwrap()["properties"]["count"]["maximum"], 9);
    assert_eq!(asked.request.tool.as_str(), "mcp__asker__echo");
    assert_eq!(
        (called.status, called.text().as_str()),
        (ToolStatus::Ok, "accept count:3,unit:cups")
    );
    let (_, called) = asking.answering(Answer::deny()).await;
    assert_eq!(called.text().trim(), "decline");
    asking.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_offered_and_never_opened_unasked() {
    let asking = Asking::with("asks_for_a_page").await;
    let (asked, called) = asking.answering(Answer::with("done")).await;
    let question = asked.request.question.as_ref().unwrap();
    assert_eq!(question.link.as_deref(), Some("https://login.example/start?a=1"));
    assert!(question.text.contains("Log in.") && question.text.contains("login.example"));
    assert_eq!(called.text().trim(), "accept");
    asking.bench.close().await;

    let asking = Asking::with("wants_a_page").await;
    let (asked, called) = asking.answering(Answer::with("done")).await;
    assert!(asked.request.question.as_ref().unwrap().link.is_some());
    assert_eq!(called.text(), "heard", "the call is made again");
    asking.bench.close().await;

    let asking = Asking::with("wants_a_page").await;
    let (_, called) = asking.answering(Answer::deny()).await;
    assert!(called.text().contains("log in first"), "{called:?}");
    asking.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_person_is_not_the_servers_time() {
    let asking = Asking::with("asks").await;
    let mut run = asking.run();
    let mut text = String::new();
    while let Some(event) = run.next().await {
        match event.kind {
            EventKind::ApprovalRequested(request) => {
                // Longer than a call of this server may take.
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                let answer = Answer::with(json!({"count": 1}));
                let by = Answerer::owner("test");
                asking.approvals.decide(request.approval_id, answer, by).await.unwrap();
            }
            EventKind::ToolFinished { content, .. } => {
                text = content.iter().filter_map(ContentBlock::as_text).collect();
            }
            _ => {}
        }
    }
    assert!(text.starts_with("accept"), "{text}");
    asking.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_ends_with_what_it_is_part_of() {
    // The server does not want to know any more.
    let asking = Asking::with("asks_and_takes_back").await;
    let mut run = asking.run();
    while let Some(event) = run.next().await {
        match event.kind {
            EventKind::ApprovalRequested(_) => {
                std::fs::write(asking.bench.directory.path().join("asked"), "").unwrap();
            }
            EventKind::ToolFinished { content, .. } => {
                assert_eq!(content[0].as_text(), Some("done without"));
            }
            _ => {}
        }
    }
    assert_eq!(asking.all().await[0].state(), ApprovalState::Abandoned);
    asking.bench.close().await;

    // The run is cancelled.
    let asking = Asking::with("asks").await;
    let mut run = asking.run();
    let control = run.control();
    while let Some(event) = run.next().await {
        if event.kind.name() == "approval_requested" {
            control.cancel();
        }
    }
    assert_eq!(asking.all().await[0].state(), ApprovalState::Abandoned);
    asking.bench.close().await;

    // The server is removed.
    let asking = Asking::with("asks").await;
    let mut run = asking.run();
    while let Some(event) = run.next().await {
        if event.kind.name() == "approval_requested" {
            asking.bench.servers.remove("asker").await.unwrap();
        }
    }
    assert_eq!(run.await.text, "done");
    assert_eq!(asking.all().await[0].state(), ApprovalState::Abandoned);
    asking.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_refused_and_not_shown() {
    let asking = Asking::with("asks_nonsense").await;
    let mut run = asking.run();
    let mut text = String::new();
    while let Some(event) = run.next().await {
        if let EventKind::ToolFinished { content, .. } = event.kind {
            text = content.iter().filter_map(ContentBlock::as_text).collect();
        }
    }
    assert_eq!(text.trim(), "refused");
    assert!(asking.all().await.is_empty());
    asking.bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_without_a_call_or_without_an_inbox() {
    let asking = Asking::with("asks_unasked").await;
    // It asked at its start, before there was any call.
    assert!(asking.all().await.is_empty());
    asking.bench.close().await;

    let bench = Bench::new().await;
    bench.add("asker", "asks").await;
    let called = bench.call("mcp__asker__echo").await;
    assert_eq!(called.text().trim(), "decline");
    bench.close().await;
}
