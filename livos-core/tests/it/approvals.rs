//! People are asked, and what they say is done: once, whatever dies meanwhile.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use futures::StreamExt;
use livos_core::AgentLoop;
use livos_core::Answer;
use livos_core::Answerer;
use livos_core::ApprovalError;
use livos_core::ApprovalFilter;
use livos_core::ApprovalManager;
use livos_core::ApprovalPolicies;
use livos_core::ApprovalPolicy;
use livos_core::ApprovalRecord;
use livos_core::ApprovalScope;
use livos_core::ApprovalState;
use livos_core::AskError;
use livos_core::Budget;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewRun;
use livos_core::Origin;
use livos_core::Question;
use livos_core::QuestionReply;
use livos_core::QueueMode;
use livos_core::RunHandle;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::RunQueue;
use livos_core::RunRequest;
use livos_core::RunState;
use livos_core::RunStatus;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::Store;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::ToolStatus;
use livos_core::Trust;
use livos_core::Worker;
use livos_core::WorkerSettings;
use livos_core::replay;
use livos_core::replay::Recording;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct PathArgs {
    path: String,
}

/// Does nothing but count, with whatever effect.
struct Counted {
    name: &'static str,
    effect: Effect,
    calls: Arc<AtomicU32>,
    pause: Duration,
}

impl Tool for Counted {
    type Args = PathArgs;

    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &'static str {
        "Counts."
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        if self.name.starts_with("safe") { spec.concurrency_safe() } else { spec }
    }

    async fn call(&self, args: PathArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        tokio::time::sleep(self.pause).await;
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(format!("{} of {}", self.name, args.path).into())
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct AskArgs {
    text: String,
}

/// Asks a person.
struct Ask;

impl Tool for Ask {
    type Args = AskArgs;

    fn name(&self) -> &'static str {
        "ask"
    }

    fn description(&self) -> &'static str {
        "Asks."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(Duration::from_millis(100))
    }

    async fn call(&self, args: AskArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(match context.ask(Question::new(args.text)).await? {
            QuestionReply::Answered(answer) => format!("answered {answer}").into(),
            other => format!("{other:?}").into(),
        })
    }
}

/// Changes something, and asks first; takes its first question back when it is told to.
struct AskAndChange {
    take_back: Arc<Notify>,
}

impl Tool for AskAndChange {
    type Args = AskArgs;

    fn name(&self) -> &'static str {
        "ask_and_change"
    }

    fn description(&self) -> &'static str {
        "Asks, and changes something."
    }

    fn effect(&self) -> Effect {
        Effect::Mutating
    }

    async fn call(&self, args: AskArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let first = tokio::select! {
            reply = context.ask(Question::new(args.text)) => Some(reply?),
            () = self.take_back.notified() => None,
        };
        let reply = match first {
            Some(reply) => reply,
            None => context.ask(Question::new("Or what?")).await?,
        };
        Ok(format!("{reply:?}").into())
    }
}

/// A store, the tools, and how often each was called.
struct World {
    store: Arc<MemoryStore>,
    tools: ToolRegistry,
    erased: Arc<AtomicU32>,
    looked: Arc<AtomicU32>,
    take_back: Arc<Notify>,
}

impl World {
    fn new() -> Self {
        let (erased, looked) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let tools = ToolRegistry::new();
        let counted = |name, effect, calls: &Arc<AtomicU32>| Counted {
            name,
            effect,
            calls: Arc::clone(calls),
            pause: Duration::ZERO,
        };
        tools.register(counted("erase", Effect::Destructive, &erased)).unwrap();
        tools.register(counted("safe_erase", Effect::Destructive, &erased)).unwrap();
        tools.register(counted("change", Effect::Mutating, &erased)).unwrap();
        tools.register(counted("look", Effect::ReadOnly, &looked)).unwrap();
        tools.register(Ask).unwrap();
        let take_back = Arc::<Notify>::default();
        tools.register(AskAndChange { take_back: Arc::clone(&take_back) }).unwrap();
        Self { store: Arc::new(MemoryStore::new()), tools, erased, looked, take_back }
    }

    fn manager(&self) -> ApprovalManager {
        ApprovalManager::new(Arc::clone(&self.store) as _)
    }

    fn agent(&self, manager: &ApprovalManager, script: Vec<Script>) -> AgentLoop {
        AgentLoop::builder(ScriptedProvider::new("scripted", script))
            .tools(self.tools.clone())
            .journal(Arc::clone(&self.store) as _)
            .approvals(manager.clone())
            .build()
    }

    fn erased(&self) -> u32 {
        self.erased.load(Ordering::SeqCst)
    }

    async fn names(&self, session: SessionId) -> Vec<&'static str> {
        let entries = self.store.read(session, 0, 1000).await.unwrap();
        entries.iter().map(|entry| entry.kind.name()).collect()
    }

    /// What a call left in the journal.
    async fn result(&self, session: SessionId, call: &str) -> (ToolStatus, String) {
        let entries = self.store.read(session, 0, 1000).await.unwrap();
        let mut results = entries.iter().filter_map(|entry| match &entry.kind {
            EventKind::ToolFinished { call_id, status, content, .. }
                if call_id.as_str() == call =>
            {
                Some((*status, content.iter().filter_map(|block| block.as_text()).collect()))
            }
            _ => None,
        });
        results.next().expect("a result")
    }
}

/// Several calls in one answer.
fn tools<'a>(calls: impl IntoIterator<Item = (&'a str, &'a str, Value)>) -> Script {
    let calls = calls.into_iter();
    calls.fold(Script::new(), |script, (id, name, input)| script.call(id, name, input))
}

fn erase() -> Vec<Script> {
    vec![Script::tool("c1", "erase", json!({ "path": "a" })), Script::text("Done.")]
}

/// Reads a run's events until one of this name.
async fn until(run: &mut RunHandle, name: &str) -> EventKind {
    let reading = async {
        while let Some(event) = run.next().await {
            if event.kind.name() == name {
                return event.kind;
            }
        }
        panic!("the run ended without {name}");
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time")
}

/// Waits until something is asked.
async fn asked(manager: &ApprovalManager) -> ApprovalRecord {
    let looking = async {
        loop {
            let pending =
                ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
            if let Some(record) = manager.list(pending, 1).await.unwrap().items.pop() {
                return record;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time")
}

fn cli() -> Answerer {
    Answerer::owner("cli")
}

#[tokio::test]
async fn an_approved_call_is_made_once() {
    let world = World::new();
    let manager = world.manager();
    let mut run = world.agent(&manager, erase()).run("Erase a.");
    let EventKind::ApprovalRequested(request) = until(&mut run, "approval_requested").await else {
        unreachable!()
    };
    assert_eq!((request.tool.as_str(), &request.input), ("erase", &json!({ "path": "a" })));
    assert!(request.reason.contains("may not be undone"), "{}", request.reason);
    let id = request.approval_id;
    assert_eq!(world.store.run(run.run_id()).await.unwrap().unwrap().state, RunState::Waiting);
    assert_eq!(world.erased(), 0);
    let (answered, event) = tokio::join!(
        manager.decide(id, Answer::approve(), cli()),
        until(&mut run, "approval_resolved")
    );
    assert_eq!(answered.unwrap().state(), ApprovalState::Approved);
    let EventKind::ApprovalResolved(resolution) = event else { unreachable!() };
    assert_eq!((resolution.by.as_str(), &*resolution.via), ("owner", "cli"));
    let late = manager.decide(id, Answer::deny(), Answerer::owner("api")).await.unwrap_err();
    assert!(late.to_string().contains("approved already, by owner via cli"), "{late}");
    let session = run.session_id();
    assert_eq!(run.await.text, "Done.");
    assert_eq!(world.erased(), 1);
    let names = world.names(session).await;
    let order = ["approval_requested", "approval_resolved", "tool_started", "tool_finished"];
    assert_eq!(names[4..8], order, "{names:?}");
    let audit = manager.audit(None, 10).await.unwrap().items;
    assert_eq!(audit.len(), 1, "{audit:?}");
}

#[tokio::test]
async fn a_denied_call_tells_the_model_why() {
    let world = World::new();
    let manager = world.manager();
    let mut run = world.agent(&manager, erase()).run("Erase a.");
    until(&mut run, "approval_requested").await;
    let id = asked(&manager).await.id();
    manager.decide(id, Answer::deny().noting("a is needed"), cli()).await.unwrap();
    let outcome = run.await;
    assert_eq!((outcome.text.as_str(), world.erased()), ("Done.", 0));
    let (status, text) = world.result(outcome.session_id, "c1").await;
    assert_eq!(status, ToolStatus::Denied);
    assert!(text.contains("denied by owner: a is needed"), "{text}");
}

#[tokio::test]
async fn calls_that_need_no_approval_do_not_wait_where_order_allows() {
    let world = World::new();
    let manager = world.manager();
    let calls = tools([
        ("c1", "safe_erase", json!({ "path": "a" })),
        ("c2", "look", json!({ "path": "b" })),
    ]);
    let mut run = world.agent(&manager, vec![calls, Script::text("Done.")]).run("Go.");
    until(&mut run, "tool_finished").await;
    assert_eq!((world.looked.load(Ordering::SeqCst), world.erased()), (1, 0));
    let id = asked(&manager).await.id();
    manager.decide(id, Answer::approve(), cli()).await.unwrap();
    assert_eq!((run.await.text.as_str(), world.erased()), ("Done.", 1));
}

#[tokio::test]
async fn calls_in_order_wait_for_the_one_before_them() {
    let world = World::new();
    let manager = world.manager();
    let calls = tools([
        ("c1", "look", json!({ "path": "0" })),
        ("c2", "erase", json!({ "path": "a" })),
        ("c3", "change", json!({ "path": "b" })),
    ]);
    let mut run = world.agent(&manager, vec![calls, Script::text("Done.")]).run("Go.");
    until(&mut run, "tool_finished").await;
    let id = asked(&manager).await.id();
    let patience = tokio::time::timeout(Duration::from_millis(50), until(&mut run, "tool_started"));
    assert!(patience.await.is_err(), "a call overtook one that waits");
    manager.decide(id, Answer::approve(), cli()).await.unwrap();
    let outcome = run.await;
    assert_eq!((outcome.text.as_str(), world.erased()), ("Done.", 2));
}

#[tokio::test]
async fn a_remembered_decision_is_not_asked_for_again() {
    let world = World::new();
    let manager = world.manager();
    let script = vec![
        Script::tool("c1", "erase", json!({ "path": "a" })),
        Script::tool("c2", "erase", json!({ "path": "a" })),
        Script::tool("c3", "erase", json!({ "path": "other" })),
        Script::text("Done."),
    ];
    let mut run = world.agent(&manager, script).run("Go.");
    until(&mut run, "approval_requested").await;
    let first = asked(&manager).await;
    let answer = Answer::approve().for_scope(ApprovalScope::Session);
    manager.decide(first.id(), answer, cli()).await.unwrap();
    let EventKind::ApprovalRequested(second) = until(&mut run, "approval_requested").await else {
        unreachable!()
    };
    assert_eq!(second.input, json!({ "path": "other" }), "the rule is for one set of arguments");
    assert_eq!(world.erased(), 2);
    manager.decide(second.approval_id, Answer::deny(), cli()).await.unwrap();
    run.await;
    let rules = manager.rules().await.unwrap();
    assert_eq!(rules.len(), 1);
    manager.remove_rule(rules[0].id, cli()).await.unwrap();
    let gone = manager.remove_rule(rules[0].id, cli()).await.unwrap_err();
    assert!(matches!(gone, ApprovalError::UnknownRule(_)));
}

#[tokio::test]
async fn nobody_is_asked_about_a_call_that_cannot_be_made() {
    let world = World::new();
    let manager = world.manager();
    let script = vec![Script::tool("c1", "erase", json!({ "pat": 7 })), Script::text("Done.")];
    let outcome = world.agent(&manager, script).run("Go.").await;
    let (status, text) = world.result(outcome.session_id, "c1").await;
    assert_eq!(status, ToolStatus::Error);
    assert!(text.contains("invalid arguments"), "{text}");
    assert!(!world.names(outcome.session_id).await.contains(&"approval_requested"));
}

#[tokio::test]
async fn an_untrusted_origin_has_the_narrower_tools() {
    let world = World::new();
    let manager = world.manager();
    let mut request = RunRequest::new("Erase a.");
    request.origin =
        Origin { channel: "mail".into(), user: "owner".into(), trust: Trust::Untrusted };
    let outcome = world.agent(&manager, erase()).run(request).await;
    let (status, text) = world.result(outcome.session_id, "c1").await;
    assert_eq!((status, world.erased()), (ToolStatus::Denied, 0));
    assert!(text.contains("untrusted origin"), "{text}");
}

#[tokio::test]
async fn what_nobody_decides_is_denied_in_time() {
    let world = World::new();
    let manager = ApprovalManager::builder(Arc::clone(&world.store) as _)
        .expiry(Duration::from_millis(50))
        .build();
    let mut run = world.agent(&manager, erase()).run("Erase a.");
    let EventKind::ApprovalResolved(resolution) = until(&mut run, "approval_resolved").await else {
        unreachable!()
    };
    assert_eq!((resolution.by.as_str(), world.erased()), ("livos", 0));
    let outcome = run.await;
    let (status, text) = world.result(outcome.session_id, "c1").await;
    assert_eq!(status, ToolStatus::Denied);
    assert!(text.contains("nobody approved"), "{text}");
    let late = manager.decide(resolution.approval_id, Answer::approve(), cli()).await;
    assert!(matches!(late.unwrap_err(), ApprovalError::Expired(_)));
}

#[tokio::test]
async fn a_cancel_reaches_a_run_that_waits() {
    let world = World::new();
    let manager = world.manager();
    let mut run = world.agent(&manager, erase()).run("Erase a.");
    until(&mut run, "approval_requested").await;
    let id = asked(&manager).await.id();
    run.cancel();
    let outcome = run.await;
    assert_eq!((outcome.status, world.erased()), (RunStatus::Cancelled, 0));
    let names = world.names(outcome.session_id).await;
    let end = ["approval_requested", "approval_resolved", "tool_finished", "run_finished"];
    assert!(names.ends_with(&end), "{names:?}");
    let late = manager.decide(id, Answer::approve(), cli()).await.unwrap_err();
    assert!(matches!(late, ApprovalError::RunEnded(_)), "{late}");
}

#[tokio::test]
async fn time_spent_waiting_for_people_is_not_the_runs() {
    let world = World::new();
    let manager = world.manager();
    let mut request = RunRequest::new("Erase a.");
    request.budget = Some(Budget::default().with_wall_clock(Duration::from_millis(150)));
    let mut run = world.agent(&manager, erase()).run(request);
    until(&mut run, "approval_requested").await;
    let waiting = async {
        // The time of the person is what is tried here, and is longer than the run's.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let id = asked(&manager).await.id();
        manager.decide(id, Answer::approve(), cli()).await.unwrap();
    };
    let ((), resolved) = tokio::join!(waiting, until(&mut run, "approval_resolved"));
    assert_eq!(resolved.name(), "approval_resolved");
    let outcome = run.await;
    assert_eq!((outcome.status, world.erased()), (RunStatus::Completed, 1), "{outcome:?}");
}

#[tokio::test]
async fn a_tool_asks_and_gets_the_answer() {
    let world = World::new();
    let manager = world.manager();
    let script = || vec![Script::tool("c1", "ask", json!({ "text": "Which?" })), Script::text(".")];
    let mut run = world.agent(&manager, script()).run("Go.");
    until(&mut run, "approval_requested").await;
    let record = asked(&manager).await;
    assert_eq!(record.request.question.as_ref().unwrap().text, "Which?");
    for (wrong, field) in [
        (Answer::approve(), "answer"),
        (Answer::with(7), "answer"),
        (Answer::with("a").for_scope(ApprovalScope::Always), "scope"),
    ] {
        let error = manager.decide(record.id(), wrong, cli()).await.unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
    // Longer than the tool's deadline: a person's time is not the tool's.
    let answering = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        manager.decide(record.id(), Answer::with("the red one"), cli()).await.unwrap();
    };
    let session = run.session_id();
    tokio::join!(answering, until(&mut run, "tool_finished"));
    run.await;
    let (status, text) = world.result(session, "c1").await;
    assert_eq!((status, text.as_str()), (ToolStatus::Ok, "answered \"the red one\""));

    let lonely = AgentLoop::builder(ScriptedProvider::new("scripted", script()))
        .tools(world.tools.clone())
        .journal(Arc::clone(&world.store) as _)
        .build();
    let outcome = lonely.run("Go.").await;
    let (status, text) = world.result(outcome.session_id, "c1").await;
    assert_eq!((status, text), (ToolStatus::Error, AskError::Nobody.to_string()));
}

#[tokio::test]
async fn a_recorded_run_with_approvals_replays() {
    let world = World::new();
    let manager = ApprovalManager::builder(Arc::clone(&world.store) as _)
        .policies(ApprovalPolicies {
            exempt: vec!["look".into(), "ask".into()],
            ..ApprovalPolicies::all(ApprovalPolicy::Always)
        })
        .build();
    let script = || {
        vec![
            tools([
                ("c1", "safe_erase", json!({ "path": "a" })),
                ("c2", "look", json!({ "path": "b" })),
                ("c3", "ask", json!({ "text": "Why?" })),
            ]),
            Script::tool("c4", "erase", json!({ "path": "c" })),
            Script::tool("c5", "change", json!({ "path": "d" })),
            Script::text("Done."),
        ]
    };
    let agent = world.agent(&manager, script());
    let mut run = agent.run("Go.");
    let mut number = 0;
    while let Some(event) = run.next().await {
        let EventKind::ApprovalRequested(request) = event.kind else { continue };
        let answer = match (&request.question, number) {
            (Some(_), _) => Answer::with("because"),
            (None, 2) => Answer::deny(),
            _ => Answer::approve(),
        };
        number += 1;
        manager.decide(request.approval_id, answer, cli()).await.unwrap();
    }
    let outcome = run.await;
    assert_eq!(outcome.text, "Done.");
    let recording = Recording::of(&agent, outcome.session_id, outcome.run_id).await.unwrap();
    let replayed = replay::replay(&recording).await.unwrap();
    assert_eq!(replayed.first_difference, None);
    let calls = world.erased();
    replay::check(&agent, &recording.to_json()).await.unwrap();
    assert_eq!(world.erased(), calls, "a replay calls no tool");
}

#[tokio::test]
async fn a_cancelled_run_with_an_approval_replays() {
    let world = World::new();
    let manager = world.manager();
    let agent = world.agent(&manager, erase());
    let mut run = agent.run("Erase a.");
    until(&mut run, "approval_requested").await;
    run.cancel();
    let outcome = run.await;
    let recording = Recording::of(&agent, outcome.session_id, outcome.run_id).await.unwrap();
    assert_eq!(replay::replay(&recording).await.unwrap().first_difference, None);
}

#[tokio::test]
async fn sixty_four_reading_calls_run_beside_each_other() {
    let world = World::new();
    let slow = Counted {
        name: "slow",
        effect: Effect::ReadOnly,
        calls: Arc::default(),
        pause: Duration::from_millis(50),
    };
    world.tools.register(slow).unwrap();
    let ids: Vec<String> = (0..64).map(|number| format!("c{number}")).collect();
    let calls = tools(ids.iter().map(|id| (id.as_str(), "slow", json!({ "path": id }))));
    let begun = Instant::now();
    let agent = world.agent(&world.manager(), vec![calls, Script::text("Done.")]);
    let outcome = agent.run("Go.").await;
    let took = begun.elapsed();
    assert_eq!((outcome.tool_calls, outcome.text.as_str()), (64, "Done."));
    // In turn they would take 3.2 seconds.
    assert!(took < Duration::from_millis(1_000), "64 calls of 50 ms took {took:?}");
}

/// Sees nothing.
#[derive(Debug)]
struct Blind;

impl RunObserver for Blind {
    fn observe(&self, _: livos_core::AgentEvent) {}
}

fn work(world: &World, manager: &ApprovalManager, script: Vec<Script>, places: usize) -> Worker {
    let settings = WorkerSettings::default()
        .with_max_concurrent_runs(places)
        .with_lease(Duration::from_millis(300));
    let store = Arc::clone(&world.store) as Arc<dyn Store>;
    Worker::start(world.agent(manager, script), store, Arc::new(Blind), settings)
}

async fn admit(world: &World, text: &str) -> (SessionId, RunId) {
    let session = SessionId::generate();
    let mut run =
        NewRun::new(session, Message::user(text), livos_core::Timestamp::from_unix_micros(0));
    run.mode = QueueMode::Queue;
    let id = run.run_id;
    world.store.admit(run).await.unwrap();
    (session, id)
}

async fn ended(world: &World, run: RunId) -> RunState {
    let looking = async {
        loop {
            let state = world.store.run(run).await.unwrap().unwrap().state;
            if state.is_final() {
                return state;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time")
}

#[tokio::test]
async fn a_worker_that_dies_while_a_run_waits_loses_nothing() {
    let world = World::new();
    let manager = world.manager();
    let (session, run) = admit(&world, "Erase a.").await;
    let worker = work(&world, &manager, erase(), 4);
    let record = asked(&manager).await;
    drop(worker);
    // Nobody drives the run: the decision is kept for whoever does.
    manager.decide(record.id(), Answer::approve(), cli()).await.unwrap();
    assert_eq!(world.erased(), 0);
    let _heir = work(&world, &manager, vec![Script::text("Done.")], 4);
    assert_eq!(ended(&world, run).await, RunState::Completed);
    assert_eq!(world.erased(), 1, "the very call is made, once");
    let names = world.names(session).await;
    let asked = names.iter().filter(|name| **name == "approval_requested").count();
    assert_eq!(asked, 1, "{names:?}");
}

#[tokio::test]
async fn a_worker_that_takes_over_waits_on_for_the_same_request() {
    let world = World::new();
    let manager = world.manager();
    let (session, run) = admit(&world, "Erase a.").await;
    let worker = work(&world, &manager, erase(), 4);
    let record = asked(&manager).await;
    drop(worker);
    let _heir = work(&world, &manager, vec![Script::text("Done.")], 4);
    let taking_over = async {
        loop {
            let names = world.names(session).await;
            let starts = names.iter().filter(|name| **name == "run_started").count();
            let state = world.store.run(run).await.unwrap().unwrap().state;
            if starts == 2 && state == RunState::Waiting {
                return;
            }
            assert!(!state.is_final(), "nobody has decided: {names:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, taking_over).await.expect("in time");
    manager.decide(record.id(), Answer::approve(), cli()).await.unwrap();
    assert_eq!(ended(&world, run).await, RunState::Completed);
    assert_eq!(world.erased(), 1);
}

#[tokio::test]
async fn an_open_question_outlives_its_worker() {
    let world = World::new();
    let manager = world.manager();
    let (session, run) = admit(&world, "Go.").await;
    let script = vec![Script::tool("c1", "ask", json!({ "text": "Which?" }))];
    let worker = work(&world, &manager, script, 4);
    let record = asked(&manager).await;
    drop(worker);
    manager.decide(record.id(), Answer::with("red"), cli()).await.unwrap();
    let _heir = work(&world, &manager, vec![Script::text("Done.")], 4);
    assert_eq!(ended(&world, run).await, RunState::Completed);
    let (_, text) = world.result(session, "c1").await;
    assert_eq!(text, "answered \"red\"");
    let all = manager.list(ApprovalFilter::default(), 10).await.unwrap().items;
    assert_eq!(all.len(), 1, "the question was asked again: {all:?}");
}

#[tokio::test]
async fn a_question_of_a_call_that_is_not_repeated_is_void() {
    let world = World::new();
    let manager = world.manager();
    let (session, run) = admit(&world, "Go.").await;
    let script = vec![Script::tool("c1", "ask_and_change", json!({ "text": "Which?" }))];
    let worker = work(&world, &manager, script, 4);
    let record = asked(&manager).await;
    drop(worker);
    let _heir = work(&world, &manager, vec![Script::text("Done.")], 4);
    assert_eq!(ended(&world, run).await, RunState::Completed);
    let (status, text) = world.result(session, "c1").await;
    assert_eq!(status, ToolStatus::Unknown, "{text}");
    let late = manager.decide(record.id(), Answer::with("red"), cli()).await.unwrap_err();
    assert!(matches!(late, ApprovalError::RunEnded(_)), "{late}");
    // The journal says so before the model is asked again.
    let names = world.names(session).await;
    let resolved = names.iter().position(|name| *name == "approval_resolved").unwrap();
    assert!(names[resolved..].contains(&"turn_started"), "{names:?}");
}

#[tokio::test]
async fn a_question_that_is_taken_back_waits_no_more() {
    let world = World::new();
    let manager = world.manager();
    let script = vec![
        Script::tool("c1", "ask_and_change", json!({ "text": "Which?" })),
        Script::text("Done."),
    ];
    let mut run = world.agent(&manager, script).run("Go.");
    let session = run.session_id();
    until(&mut run, "approval_requested").await;
    let first = asked(&manager).await;
    world.take_back.notify_one();
    until(&mut run, "approval_requested").await;
    let open = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    let open = manager.list(open, 10).await.unwrap().items;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_ne!(open[0].id(), first.id());
    assert_eq!(manager.get(first.id()).await.unwrap().state(), ApprovalState::Abandoned);
    manager.decide(open[0].id(), Answer::with("that"), cli()).await.unwrap();
    assert_eq!(run.await.text, "Done.");
    assert!(world.result(session, "c1").await.1.contains("that"));
}

#[tokio::test]
async fn a_run_that_waits_takes_no_place() {
    let world = World::new();
    let manager = world.manager();
    let script = vec![
        Script::tool("c1", "erase", json!({ "path": "a" })),
        Script::text("The other one."),
        Script::text("Done."),
    ];
    let _worker = work(&world, &manager, script, 1);
    let (_, waits) = admit(&world, "Erase a.").await;
    let record = asked(&manager).await;
    let (_, other) = admit(&world, "Hello.").await;
    assert_eq!(ended(&world, other).await, RunState::Completed);
    assert_eq!(world.store.run(waits).await.unwrap().unwrap().state, RunState::Waiting);
    manager.decide(record.id(), Answer::approve(), cli()).await.unwrap();
    assert_eq!(ended(&world, waits).await, RunState::Completed);
}

#[tokio::test]
async fn what_people_see_has_no_secrets() {
    let world = World::new();
    let manager = world.manager();
    let secret = "sk-proj-abcdefghijklm0123456";
    let script = vec![
        Script::tool("c1", "erase", json!({ "path": format!("x {secret}") })),
        Script::text("Done."),
    ];
    let mut run = world.agent(&manager, script).run("Go.");
    until(&mut run, "approval_requested").await;
    let record = asked(&manager).await;
    let shown: Value = serde_json::to_value(&record).unwrap();
    assert!(!shown.to_string().contains(secret), "{shown}");
    assert_eq!(record.request.input, json!({ "path": "x [redacted]" }));
    manager.decide(record.id(), Answer::approve(), cli()).await.unwrap();
    run.await;
    assert_eq!(world.erased(), 1, "the call is made with what the model wrote");
}
