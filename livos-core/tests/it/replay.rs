//! Runs of every kind are recorded, and go the same way again.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::AgentLoopBuilder;
use livos_core::Budget;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::ProviderManager;
use livos_core::Redactor;
use livos_core::RunHandle;
use livos_core::RunId;
use livos_core::RunRequest;
use livos_core::RunStatus;
use livos_core::Secret;
use livos_core::SessionId;
use livos_core::Tiers;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_core::replay;
use livos_core::replay::CheckError;
use livos_core::replay::Difference;
use livos_core::replay::Recording;
use livos_core::replay::Replayed;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::Value;
use serde_json::json;

/// A tool that ends when and how its arguments say.
struct Errand {
    name: &'static str,
    effect: Effect,
    description: &'static str,
    calls: Arc<AtomicU32>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ErrandArgs {
    /// How long it takes.
    ms: u64,
    /// `ok`, `error`, `fatal`, `panic` or `long`.
    #[serde(default)]
    end: String,
}

impl Tool for Errand {
    type Args = ErrandArgs;

    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(Duration::from_secs(5)).with_output_limit(64)
    }

    async fn call(&self, args: ErrandArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let count = self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(args.ms)).await;
        match args.end.as_str() {
            "error" => Err(ToolError::model("the shop is closed")),
            "fatal" => Err(ToolError::fatal("the shop is gone")),
            "panic" => panic!("a tool gone wrong"),
            "long" => Ok("x".repeat(1_000).into()),
            _ => Ok(format!("done {count}").into()),
        }
    }
}

#[derive(Clone)]
struct Shop {
    effect: Effect,
    description: &'static str,
    prompt: &'static str,
    budget: Budget,
    journal: Arc<MemoryStore>,
    calls: Arc<AtomicU32>,
}

impl Shop {
    fn new() -> Self {
        Self {
            effect: Effect::ReadOnly,
            description: "Runs an errand.",
            prompt: "Be brief.",
            budget: Budget::default(),
            journal: Arc::default(),
            calls: Arc::default(),
        }
    }

    fn builder(&self, provider: ScriptedProvider) -> AgentLoopBuilder {
        let tools = ToolRegistry::new();
        let (description, calls) = (self.description, &self.calls);
        for (name, effect) in [("errand", self.effect), ("deed", Effect::Mutating)] {
            let calls = Arc::clone(calls);
            tools.register(Errand { name, effect, description, calls }).unwrap();
        }
        AgentLoop::builder(provider)
            .system_prompt(self.prompt)
            .tools(tools)
            .journal(self.journal.clone())
            .budget(self.budget)
    }

    fn agent(&self, scripts: impl IntoIterator<Item = Script>) -> AgentLoop {
        self.builder(ScriptedProvider::new("scripted", scripts)).build()
    }
}

fn errand(id: &str, ms: u64, end: &str) -> Script {
    Script::tool(id, "errand", json!({ "ms": ms, "end": end }))
}

/// Plays a recording by what is described in it, and with the agent; both must go as recorded.
pub(crate) async fn goes_the_same_way(agent: &AgentLoop, ids: (SessionId, RunId)) -> Recording {
    let recording = Recording::of(agent, ids.0, ids.1).await.unwrap();
    let read = Recording::from_json(&recording.to_json()).unwrap();
    assert_eq!(read, recording);
    for replayed in [
        replay::replay(&recording).await.unwrap(),
        replay::replay_with(agent, &recording).await.unwrap(),
    ] {
        let Replayed { first_difference, events, .. } = replayed;
        assert_eq!(first_difference, None, "{}", recording.to_json());
        assert_eq!(events, recording.entries(), "each entry is written again");
    }
    recording
}

async fn ran(agent: &AgentLoop) -> (SessionId, RunId) {
    let outcome = agent.run("go").await;
    (outcome.session_id, outcome.run_id)
}

async fn differs(agent: &AgentLoop, recording: &Recording) -> String {
    let replayed = replay::replay_with(agent, recording).await.unwrap();
    replayed.first_difference.expect("a difference").to_string()
}

async fn read_until(run: &mut RunHandle, is_it: impl Fn(&EventKind) -> bool) {
    while let Some(event) = run.next().await {
        if is_it(&event.kind) {
            return;
        }
    }
    panic!("the run ended before");
}

#[tokio::test]
async fn an_answer_goes_the_same_way() {
    let shop = Shop::new();
    let agent = shop.agent([Script::new().think("hm").say("Hello")]);
    goes_the_same_way(&agent, ran(&agent).await).await;
}

#[tokio::test(start_paused = true)]
async fn calls_beside_each_other_end_in_the_recorded_order() {
    let shop = Shop::new();
    let calls = Script::new()
        .call("a", "errand", json!({"ms": 30}))
        .call("b", "errand", json!({"ms": 10, "end": "error"}))
        .call("c", "errand", json!({"ms": 20, "end": "long"}));
    let agent = shop.agent([calls, Script::text("done")]);
    let ids = ran(&agent).await;
    let called = shop.calls.load(Ordering::SeqCst);
    let recording = goes_the_same_way(&agent, ids).await;
    assert_eq!(shop.calls.load(Ordering::SeqCst), called, "no tool is called in a replay");
    let ended: Vec<&str> = recording.entries().iter().filter_map(ended_call).collect();
    assert_eq!(ended, ["b", "c", "a"]);
}

fn ended_call(entry: &AgentEvent) -> Option<&str> {
    match &entry.kind {
        EventKind::ToolFinished { call_id, .. } => Some(call_id.as_str()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_in_every_way_go_the_same_way() {
    let shop = Shop::new();
    let agent = shop.agent([
        errand("slow", 60_000, ""),
        errand("panic", 1, "panic"),
        Script::new()
            .call("unknown", "elsewhere", json!({}))
            .call("wrong", "errand", json!({"ms": "soon"}))
            .malformed_call("cut", "errand", "{\"ms\": 1"),
        Script::new().call("deed", "deed", json!({"ms": 1})).call(
            "after",
            "errand",
            json!({"ms": 1, "end": "error"}),
        ),
        errand("fatal", 1, "fatal"),
    ]);
    let recording = goes_the_same_way(&agent, ran(&agent).await).await;
    let last = &recording.entries().last().unwrap().kind;
    assert!(matches!(last, EventKind::RunFinished { status: RunStatus::Failed, .. }), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_in_circles_goes_the_same_way() {
    let shop = Shop::new();
    let agent = shop.agent((0..9).map(|turn| errand(&turn.to_string(), 1, "error")));
    goes_the_same_way(&agent, ran(&agent).await).await;
}

#[tokio::test(start_paused = true)]
async fn runs_that_use_up_their_budget_go_the_same_way() {
    let turns = Budget::default().with_turns(1);
    let time = Budget::default().with_wall_clock(Duration::from_millis(50));
    let hang = || Script::new().say("Hm").then_hang();
    let cases: [(Budget, Vec<Script>); 4] = [
        (turns, vec![errand("a", 1, ""), Script::text("so far")]),
        (Budget::default().with_tokens(0), vec![Script::text("so far")]),
        (time, vec![hang(), Script::text("so far")]),
        (time, vec![errand("a", 10_000, ""), Script::text("so far")]),
    ];
    for (budget, scripts) in cases {
        let shop = Shop { budget, ..Shop::new() };
        let agent = shop.builder(ScriptedProvider::new("scripted", scripts));
        let agent = agent.clock(Arc::new(TokioClock(tokio::time::Instant::now()))).build();
        let recording = goes_the_same_way(&agent, ran(&agent).await).await;
        let last = &recording.entries().last().unwrap().kind;
        assert!(matches!(last, EventKind::RunFinished { status: RunStatus::Exhausted, .. }));
    }
}

/// Shows tokio's time, which tests can pause.
#[derive(Debug)]
struct TokioClock(tokio::time::Instant);

impl livos_core::Clock for TokioClock {
    fn now(&self) -> livos_core::Timestamp {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap();
        livos_core::Timestamp::from_unix_micros(1_767_225_600_000_000 + micros)
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_turn_without_answer_goes_the_same_way() {
    let budget = Budget::default().with_wall_clock(Duration::from_millis(50));
    let shop = Shop { budget, ..Shop::new() };
    let silent = [Script::new().then_hang(), Script::new().then_hang()];
    let agent = shop.agent(silent);
    let recording = goes_the_same_way(&agent, ran(&agent).await).await;
    let kinds: Vec<_> = recording.entries().iter().map(|entry| entry.kind.name()).collect();
    assert_eq!(kinds, ["run_started", "turn_started", "turn_started", "run_finished"]);
}

#[tokio::test]
async fn a_cancel_comes_where_it_came() {
    let shop = Shop::new();
    let parallel = Script::new().call("a", "errand", json!({"ms": 100_000})).call(
        "b",
        "errand",
        json!({"ms": 100_000}),
    );
    let in_order = Script::new().call("a", "deed", json!({"ms": 100_000})).call(
        "b",
        "deed",
        json!({"ms": 100_000}),
    );
    let is_turn: fn(&EventKind) -> bool = |kind| matches!(kind, EventKind::TurnStarted { .. });
    let is_tool: fn(&EventKind) -> bool = |kind| matches!(kind, EventKind::ToolStarted { .. });
    let is_start: fn(&EventKind) -> bool = |kind| matches!(kind, EventKind::RunStarted { .. });
    let cases = [
        (Script::new().then_hang(), is_turn),
        (Script::text("never heard"), is_start),
        (parallel, is_tool),
        (in_order, is_tool),
    ];
    for (script, moment) in cases {
        let agent = shop.agent([script]);
        let mut run = agent.run("go");
        read_until(&mut run, moment).await;
        run.cancel();
        let outcome = run.await;
        assert_eq!(outcome.status, RunStatus::Cancelled);
        goes_the_same_way(&agent, (outcome.session_id, outcome.run_id)).await;
    }
}

#[tokio::test]
async fn what_was_said_in_between_is_said_again() {
    let shop = Shop::new();
    let agent = shop.agent([errand("a", 1, ""), Script::text("one"), Script::text("two")]);
    let mut run = agent.run("go");
    read_until(&mut run, |kind| matches!(kind, EventKind::ToolStarted { .. })).await;
    run.steer("and quickly");
    run.steer("and quietly");
    read_until(&mut run, |kind| {
        matches!(kind, EventKind::AssistantMessage { message, .. } if message.text() == "one")
    })
    .await;
    run.steer("once more");
    let outcome = run.await;
    let recording = goes_the_same_way(&agent, (outcome.session_id, outcome.run_id)).await;
    let joined =
        recording.entries().iter().filter(|entry| entry.kind.name() == "input_joined").count();
    assert!(joined >= 2, "{joined}");
}

/// Lets a run die once it has written an entry of this kind, and gives the session as it is then.
async fn died_after(agent: &AgentLoop, is_it: fn(&EventKind) -> bool) -> (SessionId, RunId) {
    let mut run = agent.run("go");
    let ids = (run.session_id(), run.run_id());
    read_until(&mut run, is_it).await;
    ids
}

#[tokio::test]
async fn a_run_that_was_taken_over_dies_and_goes_on_where_it_did() {
    let both = || {
        Script::new().call("a", "deed", json!({"ms": 50_000})).call("b", "errand", json!({"ms": 0}))
    };
    let cases: [fn(&EventKind) -> bool; 4] = [
        |kind| matches!(kind, EventKind::RunStarted { .. }),
        |kind| matches!(kind, EventKind::TurnStarted { .. }),
        |kind| matches!(kind, EventKind::AssistantMessage { .. }),
        |kind| matches!(kind, EventKind::ToolStarted { .. }),
    ];
    for moment in cases {
        let shop = Shop::new();
        let ids = died_after(&shop.agent([both()]), moment).await;
        let unfinished = shop.agent([]);
        goes_the_same_way(&unfinished, ids).await;
        let agent = shop.agent([errand("c", 0, ""), errand("d", 0, ""), Script::text("at last")]);
        agent.resume(ids.0, ids.1).await.unwrap().await;
        let recording = goes_the_same_way(&agent, ids).await;
        let attempts =
            recording.entries().iter().filter(|entry| entry.kind.name() == "run_started").count();
        assert_eq!(attempts, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_of_providers_come_again() {
    let unavailable = |name: &str| {
        ProviderError::Unavailable(ProviderFailure::new(name, "down: for repairs").with_status(503))
    };
    let first = ScriptedProvider::new(
        "first",
        (0..9).map(|_| Script::new().say("Half").then_fail(unavailable("first"))),
    );
    let second = ScriptedProvider::new("second", [Script::text("whole")]);
    let manager = ProviderManager::builder()
        .provider(first, Tiers::single("m"))
        .provider(second, Tiers::single("m"))
        .build();
    let agent = AgentLoop::builder(manager).model("first/m").build();
    let ids = ran(&agent).await;
    let recording = goes_the_same_way(&agent, ids).await;
    let kinds: Vec<_> = recording.entries().iter().map(|entry| entry.kind.name()).collect();
    assert!(kinds.contains(&"provider_switched"), "{kinds:?}");

    let refused = ProviderError::ContextTooLong(ProviderFailure::new("scripted", "too long"));
    let agent = Shop::new().agent([Script::refused(refused)]);
    goes_the_same_way(&agent, ran(&agent).await).await;
}

#[tokio::test]
async fn a_recording_holds_what_was_said_before_and_nothing_of_later_runs() {
    let shop = Shop::new();
    let agent = shop.agent([errand("a", 0, ""), Script::text("one"), Script::text("two")]);
    let first = agent.run("first").await;
    let second = agent.run(RunRequest::new("second").in_session(first.session_id)).await;
    for run in [&first, &second] {
        let recording = goes_the_same_way(&agent, (run.session_id, run.run_id)).await;
        let json = recording.to_json();
        assert_eq!(json.contains("\"second\""), run.run_id == second.run_id, "{json}");
        assert!(json.contains("\"first\""));
    }
}

#[tokio::test]
async fn a_run_that_never_began_has_nothing_to_replay() {
    let shop = Shop::new();
    let agent = shop.agent([]);
    let run = agent.admit("go").await.unwrap();
    let ids = (run.session_id(), run.run_id());
    goes_the_same_way(&agent, ids).await;
    let unknown = Recording::of(&agent, ids.0, RunId::generate()).await.unwrap_err();
    assert!(unknown.to_string().contains("has no run"), "{unknown}");
}

#[tokio::test]
async fn each_change_of_the_agent_is_the_first_difference() {
    let shop = Shop::new();
    let agent = shop.agent([errand("a", 0, ""), Script::text("done")]);
    let ids = ran(&agent).await;
    let recording = Recording::of(&agent, ids.0, ids.1).await.unwrap();

    let prompt = Shop { prompt: "Be long.", ..shop.clone() }.agent([]);
    assert_eq!(
        differs(&prompt, &recording).await,
        "entry 3: expected the instructions \"Be brief.\", but came \"Be long.\""
    );
    let description = Shop { description: "Runs no errand.", ..shop.clone() }.agent([]);
    assert_eq!(
        differs(&description, &recording).await,
        "entry 3: expected the tool `deed` described as \"Runs an errand.\", but came \"Runs no errand.\""
    );
    let effect = Shop { effect: Effect::Destructive, ..shop.clone() }.agent([]);
    assert_eq!(
        differs(&effect, &recording).await,
        "entry 5: expected tool_started of `errand` with `effect` \"read_only\", but came \"destructive\""
    );
    let model = shop.builder(ScriptedProvider::new("scripted", [])).model("other").build();
    assert_eq!(
        differs(&model, &recording).await,
        "entry 2: expected run_started with `model` \"scripted\", but came \"other\""
    );
    let budget = Shop { budget: Budget::default().with_turns(1), ..shop.clone() }.agent([]);
    assert_eq!(
        differs(&budget, &recording).await,
        "entry 9: expected run_finished with `status` \"completed\", but came \"exhausted\""
    );
    let tools = AgentLoop::builder(ScriptedProvider::new("scripted", []))
        .system_prompt("Be brief.")
        .build();
    assert_eq!(
        differs(&tools, &recording).await,
        "entry 3: expected the tool `deed`, but came no such tool"
    );
    let check = replay::check(&prompt, &recording.to_json()).await;
    assert!(matches!(check, Err(CheckError::Differs(Difference { seq: 3, .. }))), "{check:?}");
}

/// The recording with one field of one entry changed.
fn changed(recording: &Recording, change: impl FnOnce(&mut Value)) -> Recording {
    let mut value: Value = serde_json::from_str(&recording.to_json()).unwrap();
    change(&mut value);
    Recording::from_json(&value.to_string()).unwrap()
}

#[tokio::test]
async fn a_loop_that_decides_otherwise_is_shown() {
    let shop = Shop::new();
    let agent = shop.agent([errand("a", 0, ""), Script::text("done")]);
    let ids = ran(&agent).await;
    let recording = Recording::of(&agent, ids.0, ids.1).await.unwrap();
    let first = async |recording: Recording| {
        let replayed = replay::replay(&recording).await.unwrap();
        replayed.first_difference.expect("a difference").to_string()
    };
    let other_input = changed(&recording, |json| json["entries"][3]["input"]["ms"] = json!(7));
    assert_eq!(
        first(other_input).await,
        "entry 5: expected tool_started of `errand` with `input.ms` 7, but came 0"
    );
    let other_result =
        changed(&recording, |json| json["entries"][4]["content"][0]["text"] = json!("else"));
    assert!(first(other_result).await.contains("another message 3 before the model"));
    let missing = changed(&recording, |json| {
        json["entries"].as_array_mut().unwrap().remove(5);
    });
    assert_eq!(
        first(missing).await,
        "entry 8: expected the model says \"done\" (assistant_message), but came the model is asked, \
         turn 2 (turn_started)"
    );
}

#[tokio::test]
async fn a_text_that_is_no_recording_is_refused() {
    let newer = Recording::from_json("{\"recording\": 99}").unwrap_err();
    assert_eq!(newer.to_string(), "the recording has format 99, this version reads up to 1");
    assert!(Recording::from_json("{}").unwrap_err().to_string().contains("livos export"));
}

#[tokio::test]
async fn secrets_do_not_leave_with_a_recording() {
    let journal: Arc<MemoryStore> = Arc::default();
    // In two parts, since nothing in this repository may look like a key.
    let key = ["sk-", "ant-api03-0123456789abcdefABCDEF"].concat();
    let agent = AgentLoop::builder(ScriptedProvider::new(
        "scripted",
        [
            Script::tool("a", "nothing", json!({ "my password is swordfish99": &key })),
            Script::text("Your password is swordfish99."),
        ],
    ))
    .system_prompt("The password is swordfish99.")
    .journal(journal.clone() as Arc<dyn Journal>)
    .build();
    let outcome = agent.run(format!("my key is {key}")).await;
    let ids = (outcome.session_id, outcome.run_id);
    let recording = goes_the_same_way(&agent_like(&agent, &journal), ids).await;
    assert!(!recording.to_json().contains(&key));
    assert!(recording.to_json().contains("swordfish99"), "nobody said that it is a secret");
    let redacted = recording.redact(&Redactor::of(&[Secret::new("swordfish99")])).unwrap();
    assert!(!redacted.to_json().contains("swordfish99"));
    assert_eq!(replay::replay(&redacted).await.unwrap().first_difference, None);
}

fn agent_like(agent: &AgentLoop, journal: &Arc<MemoryStore>) -> AgentLoop {
    assert!(agent.tools().specs().is_empty());
    AgentLoop::builder(ScriptedProvider::new("scripted", []))
        .system_prompt("The password is swordfish99.")
        .journal(journal.clone() as Arc<dyn Journal>)
        .build()
}
