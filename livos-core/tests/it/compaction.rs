//! Conversations that outgrow the window, against scripted models.

mod whatever_happens;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::AgentLoopBuilder;
use livos_core::Budget;
use livos_core::Capabilities;
use livos_core::CompactError;
use livos_core::CompactionMethod;
use livos_core::CompactionPolicy;
use livos_core::CompactionReason;
use livos_core::CompactionRequest;
use livos_core::ContextError;
use livos_core::Conversation;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::ProviderError;
use livos_core::ProviderFailure;
use livos_core::Role;
use livos_core::RunOutcome;
use livos_core::RunRequest;
use livos_core::RunStatus;
use livos_core::SessionId;
use livos_core::SummaryError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::Transcript;
use livos_core::Usage;
use livos_core::UsageGroup;
use livos_core::UsageLog;
use livos_core::UsagePurpose;
use livos_core::UsageQuery;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use serde_json::json;

use crate::replay::goes_the_same_way;

/// A tool that answers so many words.
struct Talk;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct TalkArgs {
    words: usize,
}

impl Tool for Talk {
    type Args = TalkArgs;

    fn name(&self) -> &'static str {
        "talk"
    }

    fn description(&self) -> &'static str {
        "Talks."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: TalkArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok("word ".repeat(args.words).into())
    }
}

struct Bench {
    model: Arc<ScriptedProvider>,
    author: Arc<ScriptedProvider>,
    journal: Arc<MemoryStore>,
    agent: AgentLoop,
}

const BUDGET: Budget =
    Budget { turns: 100, tokens: u64::MAX, wall_clock: Duration::from_secs(3_600), cost: None };

fn policy(author: &Arc<ScriptedProvider>) -> CompactionPolicy {
    CompactionPolicy::default()
        .with_threshold_tokens(4_000)
        .with_provider(author.clone())
        .with_model("author")
        .with_summary_tokens(200)
}

fn bench_with(
    window: Option<u64>,
    scripts: Vec<Script>,
    summaries: Vec<Script>,
    adjust: impl FnOnce(AgentLoopBuilder) -> AgentLoopBuilder,
) -> Bench {
    let mut capabilities = Capabilities::default();
    capabilities.context_window = window;
    let model = ScriptedProvider::new("scripted", scripts).with_capabilities(capabilities);
    let model = Arc::new(model);
    let author = Arc::new(ScriptedProvider::new("author", summaries));
    let journal = Arc::new(MemoryStore::new());
    let tools = ToolRegistry::new();
    tools.register(Talk).unwrap();
    let agent = AgentLoop::builder_shared(model.clone())
        .system_prompt("Be brief.")
        .tools(tools)
        .journal(journal.clone())
        .budget(BUDGET)
        .compaction(policy(&author));
    Bench { model, author, journal, agent: adjust(agent).build() }
}

fn bench(scripts: Vec<Script>, summaries: Vec<Script>) -> Bench {
    bench_with(None, scripts, summaries, |agent| agent)
}

/// So many turns of a tool that talks, each time a little more, and an answer.
fn talks(turns: usize, words: usize) -> Vec<Script> {
    let calls = (0..turns)
        .map(|turn| Script::tool(&format!("call-{turn}"), "talk", json!({"words": words + turn})));
    calls.chain([Script::text("Done.")]).collect()
}

async fn watch(run: impl Into<RunRequest>, agent: &AgentLoop) -> (Vec<EventKind>, RunOutcome) {
    let mut run = agent.run(run);
    let mut events = Vec::new();
    while let Some(event) = run.next().await {
        events.push(event.kind);
    }
    let outcome = run.await;
    goes_the_same_way(agent, (outcome.session_id, outcome.run_id)).await;
    (events, outcome)
}

/// A compaction in short: why, how, how many messages it sums up, and what failed.
fn compactions(
    events: &[EventKind],
) -> Vec<(CompactionReason, CompactionMethod, u64, Option<String>)> {
    let compactions = events.iter().filter_map(|event| match event {
        EventKind::Compacted {
            reason,
            method,
            messages_summarised,
            failure,
            tokens_before,
            tokens_after,
            ..
        } => {
            assert!(tokens_after < tokens_before, "{tokens_before} became {tokens_after}");
            Some((*reason, *method, *messages_summarised, failure.clone()))
        }
        _ => None,
    });
    compactions.collect()
}

fn results(message: &Message) -> Vec<&str> {
    let results = message.content.iter().filter_map(|block| match block {
        livos_core::ContentBlock::ToolResult(result) => Some(result.call_id.as_str()),
        _ => None,
    });
    results.collect()
}

/// What every provider asks for: a user begins, and calls are answered at once.
#[track_caller]
fn assert_valid(conversation: &[Arc<Message>]) {
    assert_eq!(conversation[0].role, Role::User);
    assert!(results(&conversation[0]).is_empty(), "the first message answers nothing");
    for pair in conversation.windows(2) {
        let calls: Vec<_> = pair[0].tool_calls().map(|call| call.call_id.as_str()).collect();
        assert_eq!(results(&pair[1]), calls, "each call is answered, and nothing else is");
    }
}

/// The model calls by purpose: how many were answered, failed, were discarded, and their tokens.
async fn accounts(log: &MemoryStore) -> Vec<(&'static str, u64, u64, u64, u64)> {
    let query =
        UsageQuery { group_by: vec![UsageGroup::Purpose], limit: 9, ..UsageQuery::default() };
    let totals = log.usage(query).await.unwrap().into_iter().map(|total| {
        let purpose = if total.group == ["turn"] { "turn" } else { "compaction" };
        let tokens = total.usage.total_tokens();
        (purpose, total.answered, total.failed, total.discarded, tokens)
    });
    totals.collect()
}

async fn replayed(journal: &MemoryStore, session_id: SessionId) -> Conversation {
    let mut transcript = Transcript::new();
    for AgentEvent { run_id, kind, .. } in journal.read(session_id, 0, 10_000).await.unwrap() {
        // Through JSON, as other stores keep it.
        let stored = serde_json::to_string(&kind).unwrap();
        transcript.apply(run_id, &serde_json::from_str(&stored).unwrap());
    }
    transcript.conversation().clone()
}

#[track_caller]
fn assert_same(one: &[Arc<Message>], other: &[Arc<Message>]) {
    assert_eq!(one.len(), other.len());
    for (place, (one, other)) in one.iter().zip(other).enumerate() {
        assert_eq!(one, other, "message {place}");
    }
}

#[tokio::test]
async fn a_long_run_is_compacted_between_its_turns() {
    let usage = Usage { input_tokens: 70, output_tokens: 30, ..Usage::default() };
    let bench = bench(talks(10, 400), vec![Script::text("The tool talked a lot.").usage(usage)]);
    let task = "Always be kind. Read src/main.rs ten times.";
    let (events, outcome) = watch(task, &bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    let [(reason, method, summarised, failure)] = &compactions(&events)[..] else {
        panic!("{:?}", compactions(&events));
    };
    assert_eq!((*reason, *method), (CompactionReason::Threshold, CompactionMethod::Summarised));
    assert!(*summarised >= 4, "{summarised}");
    assert_eq!(*failure, None);
    assert_eq!(outcome.usage.total_tokens(), 100, "the summary is paid by the run");
    assert_eq!(
        accounts(&bench.journal).await,
        [("compaction", 1, 0, 0, 100), ("turn", 11, 0, 0, 0)]
    );

    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    assert_valid(last);
    assert!(last[0].text().contains("The tool talked a lot."), "{}", last[0].text());
    assert_eq!(last[1].text(), task, "the task stays word for word");
    assert_eq!(requests.len(), 11);
    assert!(last.len() >= 12, "the newest messages stay: {}", last.len());

    let asked = &bench.author.requests()[0];
    let text = asked.conversation[0].text();
    assert!(text.contains("talk answers: word word"), "{text}");
    assert!(!asked.system.as_ref().unwrap().contains("{words}"));

    let replayed = replayed(&bench.journal, outcome.session_id).await;
    assert_same(&replayed[..last.len()], last);
    let journal = bench.journal.read(outcome.session_id, 0, 1_000).await.unwrap();
    let answers = journal.iter().filter(|it| it.kind.name() == "tool_finished").count();
    assert_eq!(answers, 10, "history is whole");
}

#[tokio::test(start_paused = true)]
async fn without_a_summary_whole_turns_are_left_out() {
    let refusal =
        || Script::refused(ProviderError::Unavailable(ProviderFailure::new("author", "no")));
    let cases: Vec<(&str, Script)> = vec![
        ("unavailable", refusal()),
        ("the summary is empty", Script::text("  ")),
        ("would replace", Script::text(&"more words ".repeat(9_000))),
        ("longer than 60 s", Script::new().then_hang()),
        ("declined", Script::text("No.").stop_reason(livos_core::StopReason::Refusal)),
    ];
    for (reason, script) in cases {
        let bench = bench(talks(10, 400), vec![script]);
        let (events, outcome) = watch("Go.", &bench.agent).await;
        assert_eq!(outcome.status, RunStatus::Completed, "{reason}");
        let [(_, method, summarised, Some(failure))] = &compactions(&events)[..] else {
            panic!("{:?}", compactions(&events));
        };
        assert_eq!((*method, *summarised), (CompactionMethod::Trimmed, 0));
        assert!(failure.contains(reason) || reason == "unavailable", "{failure}");
        let requests = bench.model.requests();
        let last = &requests.last().unwrap().conversation;
        assert_valid(last);
        assert!(last[0].text().contains("older messages were left out"), "{}", last[0].text());
        assert_eq!(last[1].text(), "Go.", "the task stays");
        let replayed = replayed(&bench.journal, outcome.session_id).await;
        assert_same(&replayed[..last.len()], last);
    }
}

#[tokio::test]
async fn a_second_summary_builds_on_the_first() {
    let summaries = (1..10).map(|part| Script::text(&format!("Part {part}."))).collect();
    let bench = bench(talks(13, 400), summaries);
    let (events, outcome) = watch("I prefer tea over coffee. Go.", &bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    let views: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EventKind::Compacted { view, .. } => Some((view.generation, view.summary.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(views[..2], [(1, "Part 1."), (2, "Part 2.")]);
    let asked = bench.author.requests()[1].conversation[0].text();
    assert!(asked.contains("Part 1."), "the earlier summary is summed up too");
    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    assert_valid(last);
    assert!(last[0].text().contains(views.last().unwrap().1));
    assert!(!last[0].text().contains("Part 1."));
}

#[tokio::test]
async fn what_the_user_wants_is_pinned_once_its_message_is_gone() {
    let bench = bench(
        [talks(0, 0), talks(10, 400)].into_iter().flatten().collect(),
        vec![Script::text("They talked.")],
    );
    let first = bench.agent.run("I prefer tea over coffee. See /srv/tea.toml.").await;
    let next = RunRequest::new("Talk.").in_session(first.session_id);
    watch(next, &bench.agent).await;
    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    let head = last[0].text();
    assert!(head.contains("- I prefer tea over coffee."), "{head}");
    assert!(head.contains("- /srv/tea.toml"), "{head}");
    assert_eq!(last[1].text(), "Talk.");
}

fn too_long(window: Option<u64>) -> Script {
    let failure = ProviderFailure::new("scripted", "too long");
    let failure = match window {
        Some(window) => failure.with_context_window(window),
        None => failure,
    };
    Script::refused(ProviderError::ContextTooLong(failure))
}

#[tokio::test]
async fn a_refusal_as_too_long_compacts_and_asks_once_more() {
    for told in [Some(3_000), None] {
        let mut scripts = talks(6, 400);
        scripts.insert(6, too_long(told));
        let bench = bench(scripts, vec![Script::text("Sum.")]);
        let (events, outcome) = watch("Go.", &bench.agent).await;
        assert_eq!(outcome.text, "Done.", "{:?}", outcome.error);
        assert_eq!(outcome.turns, 7, "the second try is no turn");
        let (reason, method, ..) = compactions(&events).remove(0);
        let expected = (CompactionReason::ContextTooLong, CompactionMethod::Summarised);
        assert_eq!((reason, method), expected);
        let window = bench.agent.context_report(bench.agent.model()).window;
        assert!(window.is_some_and(|window| window <= 3_500), "{window:?} is learned");
    }
}

#[tokio::test]
async fn what_is_refused_twice_ends_the_run() {
    let mut scripts = talks(6, 400);
    scripts.splice(6..6, [too_long(None), too_long(None)]);
    let bench = bench(scripts, vec![Script::text("Sum.")]);
    let (events, outcome) = watch("Go.", &bench.agent).await;
    assert_eq!(outcome.error.unwrap().kind, "context_too_long");
    assert_eq!(compactions(&events).len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_fit_ends_the_run_with_the_numbers() {
    let bench = bench_with(Some(2_000), talks(0, 0), vec![], |agent| agent);
    let (_, outcome) = watch("word ".repeat(5_000).as_str(), &bench.agent).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.kind, "context_too_long");
    assert!(error.message.contains("of the 2000 tokens of 'scripted'"), "{}", error.message);
    assert!(bench.model.requests().is_empty(), "nothing is sent that cannot fit");
}

#[tokio::test]
async fn instructions_that_leave_no_room_are_refused_with_the_numbers() {
    let bench = bench_with(Some(2_000), talks(0, 0), vec![], |agent| {
        agent.system_prompt("Be careful. ".repeat(700)).max_output_tokens(500)
    });
    let report = bench.agent.context_report(bench.agent.model());
    assert_eq!((report.window, report.output_reserve), (Some(2_000), 500));
    assert!(matches!(report.check(), Err(ContextError::Overhead { window: 2_000, .. })));
    let (_, outcome) = watch("Go.", &bench.agent).await;
    assert_eq!(outcome.error.unwrap().kind, "context_overhead");
    assert!(bench.model.requests().is_empty());
}

#[tokio::test]
async fn a_result_larger_than_the_window_is_cut() {
    let bench = bench_with(Some(6_000), talks(2, 6_000), vec![], |agent| agent);
    let (events, outcome) = watch("Go.", &bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Completed, "{:?}", outcome.error);
    assert!(!compactions(&events).is_empty());
    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    assert_valid(last);
    let text = format!("{last:?}");
    assert!(text.contains("[cut to save room"), "{text}");
    let replayed = replayed(&bench.journal, outcome.session_id).await;
    assert_same(&replayed[..last.len()], last);
}

#[tokio::test]
async fn what_the_provider_counts_is_believed() {
    // In truth these prompts take half of what is estimated.
    let scripts = talks(12, 400).into_iter().enumerate().map(|(turn, script)| {
        let input_tokens = 100 + 220 * turn as u64;
        script.usage(Usage { input_tokens, ..Usage::default() })
    });
    let bench = bench(scripts.collect(), vec![]);
    let (events, outcome) = watch("Go.", &bench.agent).await;
    assert_eq!(outcome.status, RunStatus::Completed);
    assert!(compactions(&events).is_empty(), "12 turns are 2,740 tokens of 4,000");
}

#[tokio::test]
async fn cancelled_during_a_compaction_nothing_is_changed() {
    let bench = bench(talks(10, 400), vec![Script::new().then_hang()]);
    let run = bench.agent.run("Go.");
    let session_id = run.session_id();
    let control = run.control();
    let author = bench.author.clone();
    let (outcome, ()) = tokio::join!(run, async {
        while author.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        control.cancel();
    });
    assert_eq!(outcome.status, RunStatus::Cancelled);
    let journal = bench.journal.read(session_id, 0, 1_000).await.unwrap();
    assert!(journal.iter().all(|entry| entry.kind.name() != "compacted"));
    assert_valid(&replayed(&bench.journal, session_id).await);
    let accounts = accounts(&bench.journal).await;
    assert_eq!(accounts[0], ("compaction", 0, 0, 1, 0), "it may have cost something");
}

#[tokio::test]
async fn a_run_that_dies_during_a_compaction_goes_on() {
    let bench = bench(talks(10, 400), vec![Script::new().then_hang(), Script::text("Sum.")]);
    let mut run = bench.agent.run("Go.");
    let (session_id, run_id) = (run.session_id(), run.run_id());
    while bench.author.requests().is_empty() {
        tokio::select! {
            biased;
            event = run.next() => assert!(event.is_some(), "the run ended"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(run);
    let outcome = bench.agent.resume(session_id, run_id).await.unwrap().await;
    assert_eq!(outcome.status, RunStatus::Completed, "{:?}", outcome.error);
    assert_eq!(bench.author.requests().len(), 2, "the summary is written again");
    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    assert_valid(last);
    assert!(last[0].text().contains("Sum."));
}

#[tokio::test]
async fn a_run_that_dies_after_a_compaction_sees_the_same() {
    let bench = bench(talks(10, 400), vec![Script::text("Sum.")]);
    let mut run = bench.agent.run("Go.");
    let (session_id, run_id) = (run.session_id(), run.run_id());
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::Compacted { .. }) {
            break;
        }
    }
    drop(run);
    let outcome = bench.agent.resume(session_id, run_id).await.unwrap().await;
    assert_eq!(outcome.status, RunStatus::Completed, "{:?}", outcome.error);
    assert_eq!(bench.author.requests().len(), 1);
    let requests = bench.model.requests();
    assert_valid(&requests.last().unwrap().conversation);
    assert!(requests.last().unwrap().conversation[0].text().contains("Sum."));
}

#[tokio::test]
async fn between_compactions_a_conversation_only_grows() {
    let summaries = (0..20).map(|_| Script::text("They talked.")).collect();
    let bench = bench(talks(50, 400), summaries);
    let (events, outcome) = watch("Go.", &bench.agent).await;
    assert_eq!(outcome.turns, 51);
    let compactions = compactions(&events).len();
    let requests = bench.model.requests();
    let mut breaks = 0;
    for pair in requests.windows(2) {
        let (earlier, later) = (&pair[0].conversation, &pair[1].conversation);
        let grows = earlier.iter().zip(later.iter()).all(|(one, other)| Arc::ptr_eq(one, other));
        breaks += usize::from(!grows || later.len() < earlier.len());
    }
    assert!(compactions >= 5, "{compactions}");
    assert_eq!(breaks, compactions, "nothing else changes what was sent");
}

async fn talked(bench: &Bench) -> SessionId {
    let (_, outcome) = watch("Remember: the key is under the mat. Go.", &bench.agent).await;
    outcome.session_id
}

#[tokio::test]
async fn a_compaction_by_hand_reports_what_it_saves() {
    let bench = bench_with(
        None,
        [talks(8, 200), talks(0, 0)].into_iter().flatten().collect(),
        vec![Script::text("They talked.")],
        |agent| agent,
    );
    let session_id = talked(&bench).await;
    let request = CompactionRequest::default().with_instructions("Keep the jokes.");
    let report = bench.agent.compact(session_id, request).await.unwrap();
    assert!(report.saved_tokens() > 500, "{report:?}");
    assert!((20..95).contains(&report.saved_percent()), "{report:?}");
    assert!(report.messages_summarised == 6 && report.call.is_some(), "{report:?}");
    let newest = bench.journal.last_seq(session_id).await.unwrap();
    assert_eq!(report.seq, Some(newest));
    assert_eq!(accounts(&bench.journal).await[0], ("compaction", 1, 0, 0, 0));
    let asked = bench.author.requests()[0].conversation[0].text();
    assert!(asked.ends_with("Keep the jokes."), "{asked}");

    bench.agent.run(RunRequest::new("And now?").in_session(session_id)).await;
    let requests = bench.model.requests();
    let last = &requests.last().unwrap().conversation;
    assert!(last[0].text().contains("They talked."), "the next run sees it");
    assert_valid(last);

    let again = bench.agent.compact(SessionId::generate(), CompactionRequest::default());
    assert_eq!(again.await.unwrap().saved_tokens(), 0, "an empty session has nothing to save");
}

#[tokio::test]
async fn a_compaction_by_hand_that_fails_changes_nothing() {
    let bench = bench(talks(8, 200), vec![Script::text("")]);
    let session_id = talked(&bench).await;
    let before = bench.journal.last_seq(session_id).await.unwrap();
    let failed = bench.agent.compact(session_id, CompactionRequest::default()).await;
    assert!(
        matches!(
            &failed,
            Err(CompactError::Summary { source: SummaryError::Empty, usage })
                if usage.len() == 1 && usage[0].purpose == UsagePurpose::Compaction
        ),
        "{failed:?}"
    );
    assert_eq!(bench.journal.last_seq(session_id).await.unwrap(), before);
}

#[tokio::test]
async fn a_session_with_a_run_under_way_is_not_compacted_by_hand() {
    let bench = bench(talks(8, 200), vec![]);
    let mut run = bench.agent.run("Go.");
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::ToolFinished { .. }) {
            break;
        }
    }
    let busy = bench.agent.compact(run.session_id(), CompactionRequest::default()).await;
    assert!(matches!(busy, Err(CompactError::Busy { run_id }) if run_id == run.run_id()));
}
