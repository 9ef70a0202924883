//! Runs from admission to end, against scripted models.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Append;
use livos_core::Budget;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatStream;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::MicroUsd;
use livos_core::NewEntry;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderId;
use livos_core::Role;
use livos_core::RunOutcome;
use livos_core::RunRequest;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::Steered;
use livos_core::StoreError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::ToolStatus;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::json;
use tokio::sync::Barrier;

use crate::replay::goes_the_same_way;

/// A tool whose behaviour its argument chooses.
struct Probe {
    effect: Effect,
    meeting: Arc<Barrier>,
    calls: Arc<AtomicU32>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Behaviour {
    Echo,
    Meet,
    Hang,
    Panic,
    Fatal,
    Flood,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProbeArgs {
    behaviour: Behaviour,
    #[serde(default)]
    text: String,
}

impl Tool for Probe {
    type Args = ProbeArgs;

    fn name(&self) -> &'static str {
        "probe"
    }

    fn description(&self) -> &'static str {
        "Behaves as told."
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(Duration::from_secs(5)).with_output_limit(64)
    }

    async fn call(&self, args: ProbeArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match args.behaviour {
            Behaviour::Echo => {
                context.report_progress("echoing");
                Ok(args.text.into())
            }
            Behaviour::Meet => {
                self.meeting.wait().await;
                Ok("met".into())
            }
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Panic => panic!("a tool gone wrong"),
            Behaviour::Fatal => Err(ToolError::fatal("the disk is gone")),
            Behaviour::Flood => Ok("x".repeat(1_000_000).into()),
        }
    }
}

struct Bench {
    provider: Arc<ScriptedProvider>,
    journal: Arc<MemoryStore>,
    calls: Arc<AtomicU32>,
    agent: AgentLoop,
}

fn bench_with(scripts: Vec<Script>, effect: Effect, budget: Budget) -> Bench {
    let provider = Arc::new(ScriptedProvider::new("scripted", scripts));
    let journal = Arc::new(MemoryStore::new());
    let calls = Arc::new(AtomicU32::new(0));
    let tools = ToolRegistry::new();
    let meeting = Arc::new(Barrier::new(2));
    tools.register(Probe { effect, meeting, calls: Arc::clone(&calls) }).unwrap();
    let agent = AgentLoop::builder_shared(provider.clone())
        .system_prompt("Be brief.")
        .tools(tools)
        .journal(journal.clone())
        .budget(budget)
        .build();
    Bench { provider, journal, calls, agent }
}

fn bench(scripts: Vec<Script>) -> Bench {
    bench_with(scripts, Effect::ReadOnly, Budget::default())
}

fn probe(id: &str, behaviour: &str) -> Script {
    Script::tool(id, "probe", json!({"behaviour": behaviour, "text": "hello"}))
}

async fn watch(agent: &AgentLoop) -> (Vec<AgentEvent>, RunOutcome) {
    let mut run = agent.run("go");
    let mut events = Vec::new();
    while let Some(event) = run.next().await {
        events.push(event);
    }
    let outcome = run.await;
    goes_the_same_way(agent, (outcome.session_id, outcome.run_id)).await;
    (events, outcome)
}

fn types(events: &[AgentEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

fn tool_ending(events: &[AgentEvent]) -> (ToolStatus, String, bool) {
    let ending = events.iter().find_map(|event| match &event.kind {
        EventKind::ToolFinished { status, content, truncated, .. } => {
            let text = content.iter().filter_map(livos_core::ContentBlock::as_text).collect();
            Some((*status, text, *truncated))
        }
        _ => None,
    });
    ending.expect("a tool finished")
}

#[tokio::test]
async fn a_tool_round_is_journaled_before_it_is_seen() {
    let bench = bench(vec![probe("c1", "echo"), Script::text("It said hello.")]);
    let (events, outcome) = watch(&bench.agent).await;
    assert_eq!(
        types(&events),
        [
            "run_admitted",
            "run_started",
            "turn_started",
            "tool_call_delta",
            "assistant_message",
            "tool_started",
            "tool_progress",
            "tool_finished",
            "turn_started",
            "text_delta",
            "assistant_message",
            "run_finished",
        ]
    );
    assert_eq!(
        (outcome.text.as_str(), outcome.turns, outcome.tool_calls),
        ("It said hello.", 2, 1)
    );
    let journal = bench.journal.read(outcome.session_id, 0, 100).await.unwrap();
    let seen: Vec<_> = events.into_iter().filter(|event| event.seq().is_some()).collect();
    assert_eq!(journal, seen, "observers see exactly what is kept");
    let numbers: Vec<_> = journal.iter().filter_map(AgentEvent::seq).collect();
    assert_eq!(numbers, (1..=journal.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_model_gets_the_result_of_each_call() {
    let two = Script::new().call("a", "probe", json!({"behaviour": "meet"})).call(
        "b",
        "probe",
        json!({"behaviour": "meet"}),
    );
    let bench = bench(vec![two, Script::text("done")]);
    // Both wait for each other: they end only if they run at the same time.
    let (_, outcome) = watch(&bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    let requests = bench.provider.requests();
    let results = &requests[1].conversation[2];
    assert_eq!((results.role, results.content.len()), (Role::User, 2));
}

#[tokio::test(start_paused = true)]
async fn calls_that_change_something_run_one_after_the_other() {
    let two = Script::new().call("a", "probe", json!({"behaviour": "meet"})).call(
        "b",
        "probe",
        json!({"behaviour": "meet"}),
    );
    let bench = bench_with(vec![two, Script::text("x")], Effect::Mutating, Budget::default());
    let (events, _) = watch(&bench.agent).await;
    assert_eq!(tool_ending(&events).0, ToolStatus::TimedOut, "the first waits in vain");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_tool_ends_at_its_deadline_and_the_run_goes_on() {
    let bench = bench(vec![probe("c1", "hang"), Script::text("It hangs.")]);
    let (events, outcome) = watch(&bench.agent).await;
    assert_eq!(tool_ending(&events).0, ToolStatus::TimedOut);
    assert_eq!(outcome.status, RunStatus::Completed);
}

#[tokio::test]
async fn a_panicking_tool_is_an_error_the_model_sees() {
    let bench = bench(vec![probe("c1", "panic"), Script::text("It broke.")]);
    let (events, outcome) = watch(&bench.agent).await;
    let (status, text, _) = tool_ending(&events);
    assert_eq!(status, ToolStatus::Error);
    assert!(text.contains("panicked"), "{text}");
    assert_eq!(outcome.status, RunStatus::Completed);
}

#[tokio::test]
async fn a_fatal_tool_error_ends_the_run() {
    let bench = bench(vec![probe("c1", "fatal")]);
    let (_, outcome) = watch(&bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Failed);
    assert_eq!(outcome.error.unwrap().kind, "tool_failed");
}

#[tokio::test]
async fn a_flood_is_cut_and_marked() {
    let bench = bench(vec![probe("c1", "flood"), Script::text("Much.")]);
    let (events, _) = watch(&bench.agent).await;
    let (_, text, truncated) = tool_ending(&events);
    assert!(truncated);
    assert!(text.ends_with("[truncated: the first 64 of 1000000 bytes are shown]"), "{text}");
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_tool_and_name_the_place() {
    let scripts = vec![
        Script::tool("c1", "probe", json!({"behaviour": "dance"})),
        Script::new().malformed_call("c2", "probe", "{\"behaviour\": \"ec"),
        Script::tool("c3", "no_such_tool", json!({})),
        Script::text("I give up."),
    ];
    let bench = bench(scripts);
    let (events, outcome) = watch(&bench.agent).await;
    assert_eq!(bench.calls.load(Ordering::SeqCst), 0);
    assert!(!types(&events).contains(&"tool_started"));
    let told: Vec<String> = bench.provider.requests()[1..]
        .iter()
        .filter_map(|request| match &request.conversation.last()?.content[0] {
            livos_core::ContentBlock::ToolResult(result) => Some(result.text()),
            _ => None,
        })
        .collect();
    assert!(told[0].contains("`/behaviour`"), "{}", told[0]);
    assert!(told[1].contains("not valid JSON"), "{}", told[1]);
    assert!(told[2].contains("the tools are: probe"), "{}", told[2]);
    assert_eq!(outcome.status, RunStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn cancel_ends_a_hanging_model_call() {
    let bench = bench(vec![Script::new().say("Once upon").then_hang()]);
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::TextDelta { .. }) {
            run.cancel();
        }
    }
    assert_eq!(run.await.status, RunStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_of_a_stopped_answer_is_kept_without_the_call_it_began() {
    let half = Script::new().think("Hm.").say("Let me ").say("look").call(
        "c1",
        "probe",
        json!({ "behaviour": "echo" }),
    );
    let bench = bench(vec![half.then_hang(), Script::text("As I said.")]);
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::ToolCallDelta { .. }) {
            run.cancel();
        }
    }
    let outcome = run.await;
    assert_eq!((outcome.status, outcome.text.as_str()), (RunStatus::Cancelled, "Let me look"));
    let journal = bench.journal.read(outcome.session_id, 0, 100).await.unwrap();
    let names: Vec<_> = journal.iter().map(|event| event.kind.name()).collect();
    let expected =
        ["run_admitted", "run_started", "turn_started", "assistant_message", "run_finished"];
    assert_eq!(names, expected);
    let EventKind::AssistantMessage { message, stop_reason, .. } = &journal[3].kind else {
        unreachable!()
    };
    assert_eq!(message.content, [livos_core::ContentBlock::text("Let me look")]);
    assert_eq!(*stop_reason, livos_core::StopReason::Cancelled);
    goes_the_same_way(&bench.agent, (outcome.session_id, outcome.run_id)).await;

    let next = RunRequest::new("and?").in_session(outcome.session_id);
    assert_eq!(bench.agent.run(next).await.text, "As I said.");
    let asked = bench.provider.requests()[1].conversation.clone();
    let texts: Vec<_> = asked.iter().map(|message| message.text()).collect();
    assert_eq!(texts, ["go", "Let me look", "and?"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_answer_of_which_nothing_was_shown_is_no_message() {
    let bench = bench(vec![Script::new().then_hang()]);
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::TurnStarted { .. }) {
            run.cancel();
        }
    }
    let outcome = run.await;
    let journal = bench.journal.read(outcome.session_id, 0, 100).await.unwrap();
    assert!(journal.iter().all(|event| event.kind.name() != "assistant_message"));
}

#[tokio::test(start_paused = true)]
async fn cancel_ends_a_hanging_tool_and_answers_its_call() {
    let bench = bench(vec![probe("c1", "hang")]);
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::ToolStarted { .. }) {
            run.cancel();
        }
    }
    let outcome = run.await;
    assert_eq!(outcome.status, RunStatus::Cancelled);
    let journal = bench.journal.read(outcome.session_id, 0, 100).await.unwrap();
    assert_eq!(tool_ending(&journal).0, ToolStatus::Cancelled);
}

#[tokio::test]
async fn steering_joins_at_the_next_turn() {
    let bench = bench(vec![probe("c1", "echo"), Script::text("As you wish.")]);
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::ToolStarted { .. }) {
            assert_eq!(run.steer("and hurry"), Steered::Joins);
        }
    }
    assert_eq!(run.steer("too late"), Steered::TooLate);
    let last = bench.provider.requests()[1].conversation.last().cloned().unwrap();
    assert_eq!(last.text(), "and hurry");
}

#[tokio::test]
async fn an_exhausted_run_sums_up_without_tools() {
    let scripts = vec![probe("c1", "echo"), Script::text("I got as far as hello.")];
    let budget = Budget::default().with_turns(1);
    let bench = bench_with(scripts, Effect::ReadOnly, budget);
    let (_, outcome) = watch(&bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Exhausted);
    assert_eq!(outcome.text, "I got as far as hello.");
    let last = &bench.provider.requests()[1];
    assert_eq!(last.tool_choice, livos_core::ToolChoice::None);
    assert_eq!(last.tools.len(), 1, "the prefix of the request stays as it was");
}

#[tokio::test(start_paused = true)]
async fn time_runs_out_during_a_model_call() {
    let budget = Budget::default().with_wall_clock(Duration::from_millis(30));
    let scripts = vec![Script::new().then_hang(), Script::new().then_hang()];
    let bench = bench_with(scripts, Effect::ReadOnly, budget);
    let outcome = bench.agent.run("go").await;
    assert_eq!(outcome.status, RunStatus::Exhausted);
}

#[tokio::test]
async fn a_provider_error_ends_the_run_with_its_kind() {
    let failure = ProviderFailure::new("scripted", "no such key");
    let bench = bench(vec![Script::refused(ProviderError::Authentication(failure))]);
    let (_, outcome) = watch(&bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Failed);
    let error = outcome.error.unwrap();
    assert_eq!(
        (error.kind.as_str(), error.message.as_str()),
        ("authentication", "scripted: no such key")
    );
}

#[tokio::test]
async fn a_session_remembers_what_was_said() {
    let bench = bench(vec![Script::text("Hello Ann."), Script::text("Ann.")]);
    let first = bench.agent.run("I am Ann.").await;
    bench.agent.run(RunRequest::new("Who am I?").in_session(first.session_id)).await;
    let said: Vec<_> =
        bench.provider.requests()[1].conversation.iter().map(|message| message.text()).collect();
    assert_eq!(said, ["I am Ann.", "Hello Ann.", "Who am I?"]);
}

#[tokio::test]
async fn a_second_agent_reads_the_session_from_the_journal() {
    let bench = bench(vec![probe("c1", "echo"), Script::text("Hello.")]);
    let first = bench.agent.run("go").await;
    let other = Arc::new(ScriptedProvider::answering("Again."));
    let agent = AgentLoop::builder_shared(other.clone()).journal(bench.journal.clone()).build();
    agent.run(RunRequest::new("go on").in_session(first.session_id)).await;
    assert_eq!(other.requests()[0].conversation.len(), 5);
}

#[tokio::test]
async fn an_admitted_run_is_in_the_journal_before_it_begins() {
    let bench = bench(vec![Script::text("Hello.")]);
    let run = bench.agent.admit("go").await.unwrap();
    assert_eq!(run.admitted_seq(), Some(1));
    assert_eq!(bench.journal.last_seq(run.session_id()).await.unwrap(), 1);
    assert_eq!(run.await.status, RunStatus::Completed);
}

/// Entries of a run that died during a call of `probe`.
async fn died_during_call(bench: &Bench) -> (SessionId, livos_core::RunId) {
    let mut run = bench.agent.run("go");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::ToolStarted { .. }) {
            break;
        }
    }
    (run.session_id(), run.run_id())
}

#[tokio::test]
async fn a_resumed_run_repeats_only_what_may_be_repeated() {
    for (effect, calls) in [(Effect::ReadOnly, 1), (Effect::Mutating, 0)] {
        let scripts = vec![probe("c1", "echo"), Script::text("Recovered.")];
        let bench = bench_with(scripts, effect, Budget::default());
        let (session_id, run_id) = died_during_call(&bench).await;
        let outcome = bench.agent.resume(session_id, run_id).await.unwrap().await;
        assert_eq!(outcome.text, "Recovered.");
        assert_eq!(bench.calls.load(Ordering::SeqCst), calls, "{effect:?}");
        let journal = bench.journal.read(session_id, 0, 100).await.unwrap();
        let expected = if calls == 1 { ToolStatus::Ok } else { ToolStatus::Unknown };
        assert_eq!(tool_ending(&journal).0, expected);
    }
}

#[tokio::test]
async fn a_finished_run_cannot_be_resumed() {
    let bench = bench(vec![Script::text("Done.")]);
    let outcome = bench.agent.run("go").await;
    assert!(bench.agent.resume(outcome.session_id, outcome.run_id).await.is_err());
}

/// A journal that fails after so many appends.
#[derive(Debug)]
struct Failing(MemoryStore, AtomicU32);

#[async_trait::async_trait]
impl Journal for Failing {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        match self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => self.0.append(append).await,
            Err(_) => Err(StoreError::unavailable("the disk went away")),
        }
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        self.0.read(session_id, after, limit).await
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        self.0.last_seq(session_id).await
    }
}

#[tokio::test]
async fn nothing_is_done_that_cannot_be_written_down() {
    for appends in 0..6 {
        let calls = Arc::new(AtomicU32::new(0));
        let tools = ToolRegistry::new();
        let meeting = Arc::new(Barrier::new(2));
        let effect = Effect::Mutating;
        tools.register(Probe { effect, meeting, calls: Arc::clone(&calls) }).unwrap();
        let scripts = [probe("c1", "echo"), Script::text("done")];
        let agent = AgentLoop::builder(ScriptedProvider::new("scripted", scripts))
            .tools(tools)
            .journal(Arc::new(Failing(MemoryStore::new(), AtomicU32::new(appends))))
            .build();
        let outcome = agent.run("go").await;
        assert_eq!(outcome.status, RunStatus::Failed, "{appends}");
        assert_eq!(outcome.error.unwrap().kind, "journal_failed");
        let allowed = u32::from(appends >= 4);
        assert_eq!(calls.load(Ordering::SeqCst), allowed, "after {appends} appends");
    }
}

/// A journal that has written an answer down long before it says so.
#[derive(Debug)]
struct Slow {
    journal: MemoryStore,
    written: tokio::sync::Notify,
    say_so: tokio::sync::Notify,
}

#[async_trait]
impl Journal for Slow {
    async fn append(&self, append: Append) -> Result<u64, StoreError> {
        let answers = |entry: &NewEntry| matches!(entry.kind, EventKind::AssistantMessage { .. });
        let is_answer = append.entries.iter().any(answers);
        let seq = self.journal.append(append).await?;
        if is_answer {
            self.written.notify_one();
            self.say_so.notified().await;
        }
        Ok(seq)
    }

    async fn read(
        &self,
        session_id: SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AgentEvent>, StoreError> {
        self.journal.read(session_id, after, limit).await
    }

    async fn last_seq(&self, session_id: SessionId) -> Result<u64, StoreError> {
        self.journal.last_seq(session_id).await
    }
}

#[tokio::test]
async fn a_cancel_while_an_answer_is_written_down_leaves_no_call_without_an_end() {
    let journal = Arc::new(Slow {
        journal: MemoryStore::new(),
        written: tokio::sync::Notify::new(),
        say_so: tokio::sync::Notify::new(),
    });
    let script = Script::new().call("c1", "nothing", json!({}));
    let agent = AgentLoop::builder(ScriptedProvider::new("scripted", [script]))
        .journal(journal.clone())
        .build();
    let run = agent.run("hello");
    let (control, session) = (run.control(), run.session_id());
    let cancel = async {
        journal.written.notified().await;
        control.cancel();
        tokio::task::yield_now().await;
        journal.say_so.notify_one();
    };
    let (outcome, ()) = tokio::join!(run, cancel);
    assert_eq!(outcome.status, RunStatus::Cancelled);
    let names: Vec<_> = journal
        .read(session, 0, 100)
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.kind.name())
        .collect();
    let expected = [
        "run_admitted",
        "run_started",
        "turn_started",
        "assistant_message",
        "tool_finished",
        "turn_started",
        "run_finished",
    ];
    assert_eq!(names, expected);
}

/// A model that takes ten micro-dollars for each answer.
#[derive(Debug)]
struct Paid(ScriptedProvider);

#[async_trait]
impl AIProvider for Paid {
    fn id(&self) -> &ProviderId {
        self.0.id()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let pieces = self.0.chat_stream(request).await?;
        let priced = pieces.map(|piece| match piece {
            Ok(ChatChunk::Finished(mut response)) => {
                response.cost = Some(MicroUsd(10));
                Ok(ChatChunk::Finished(response))
            }
            other => other,
        });
        Ok(priced.boxed())
    }
}

#[tokio::test]
async fn a_run_whose_money_is_spent_sums_up_without_tools_and_ends() {
    let mut scripts: Vec<_> =
        (1..=2).map(|number| Script::tool(&format!("c{number}"), "nothing", json!({}))).collect();
    scripts.push(Script::text("That was all."));
    let agent = AgentLoop::builder(Paid(ScriptedProvider::new("paid", scripts)))
        .budget(Budget::default().with_cost(MicroUsd(20)))
        .build();
    let outcome = agent.run("go").await;
    assert_eq!(outcome.status, RunStatus::Exhausted);
    assert_eq!(outcome.error.unwrap().kind, "cost");
    assert_eq!((outcome.text.as_str(), outcome.turns), ("That was all.", 3));
    assert_eq!(outcome.cost, Some(MicroUsd(30)));
}
