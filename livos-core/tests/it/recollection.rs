//! What is told in one conversation is known in the next: found after a run, and given to the next.

mod household;

use std::sync::Arc;
use std::time::Duration;

use livos_core::AgentLoop;
use livos_core::Clock;
use livos_core::EventKind;
use livos_core::ExtractionSettings;
use livos_core::FactFilter;
use livos_core::FactSource;
use livos_core::FactVersions;
use livos_core::GroupRecall;
use livos_core::Journal;
use livos_core::Memory;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::NewFact;
use livos_core::NewRun;
use livos_core::Origin;
use livos_core::Recall;
use livos_core::RecallSettings;
use livos_core::RecalledMemories;
use livos_core::RunFilter;
use livos_core::RunQueue;
use livos_core::RunRequest;
use livos_core::RunState;
use livos_core::RunStatus;
use livos_core::RunStore;
use livos_core::SessionId;
use livos_core::SessionQuery;
use livos_core::SessionStore;
use livos_core::SystemClock;
use livos_core::Trigger;
use livos_core::Trust;
use livos_core::UsageGroup;
use livos_core::UsageLog;
use livos_core::UsageQuery;
use livos_core::UserId;
use livos_core::replay;
use livos_core::replay::Recording;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;

use self::household::Household;
use self::household::SlowEmbedder;
use self::household::facts;

fn owner() -> Origin {
    Origin::owner("console")
}

fn of(user: &str, trust: Trust) -> Origin {
    let mut origin = Origin::owner("chat");
    origin.user = user.into();
    origin.trust = trust;
    origin
}

#[tokio::test]
async fn what_is_told_in_one_session_is_used_in_another() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[("The user drinks coffee black.", "preference", 0)]);
    let first = SessionId::generate();
    home.say(first, "I drink my coffee black. What is the capital of Peru?", owner()).await;
    assert_eq!(home.found().await, "kept 1 of 1");

    let known = home.known("owner").await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].text, "The user drinks coffee black.");
    assert_eq!((known[0].source, known[0].session_id), (FactSource::Extracted, Some(first)));

    let second = SessionId::generate();
    home.say(second, "How do I take my coffee?", owner()).await;
    let recalled = home.recalled(second).await.expect("memories");
    assert_eq!(recalled.facts[0].text, "The user drinks coffee black.");
    let asked = home.model.asked("How do I take my coffee?");
    let volatile = asked.volatile.as_deref().expect("what was recalled");
    assert!(volatile.starts_with("<memories>") && volatile.contains("coffee black"), "{volatile}");
    // After everything that can be cached, and never a part of the conversation.
    assert_eq!(asked.conversation.len(), 1);
    assert_eq!(home.memory.report(&UserId::owner()).await.unwrap().never_recalled, 0);
}

#[tokio::test]
async fn what_is_told_twice_is_stored_once() {
    let home = Household::new(ExtractionSettings::default());
    for text in ["The user is allergic to peanuts.", "the user is ALLERGIC to peanuts"] {
        home.model.finds(&[(text, "profile", 0)]);
        home.say(SessionId::generate(), "I am allergic to peanuts.", owner()).await;
        assert_eq!(home.found().await, "kept 1 of 1");
    }
    // The second time the model was shown what is known.
    let question = home.model.questions().pop().unwrap();
    assert!(question.contains("1. The user is allergic to peanuts."), "{question}");
    assert_eq!(home.known("owner").await.len(), 1);
}

#[tokio::test]
async fn what_contradicts_takes_the_place_and_the_old_stays() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[("The user lives in Porto.", "profile", 0)]);
    home.say(SessionId::generate(), "I live in Porto.", owner()).await;
    home.found().await;
    home.model.finds(&[("The user lives in Lyon now.", "profile", 1)]);
    home.say(SessionId::generate(), "I live in Lyon now, no more in Porto.", owner()).await;
    home.found().await;
    let known = home.known("owner").await;
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(known[0].text, "The user lives in Lyon now.");
    let all = FactFilter { versions: FactVersions::All, ..FactFilter::current(UserId::owner()) };
    let all = home.memory.list(all, 10).await.unwrap().items;
    assert!(all.iter().any(|fact| fact.text.contains("Porto") && !fact.is_current()), "{all:?}");
}

#[tokio::test]
async fn a_number_that_names_no_shown_fact_of_the_user_replaces_nothing() {
    let home = Household::new(ExtractionSettings::default());
    let ann = NewFact::told(UserId::from("ann"), "The user lives in Rome.");
    let ann = home.memory.add(ann).await.unwrap().fact().id;
    home.memory.add(NewFact::told(UserId::owner(), "The user owns a boat.")).await.unwrap();
    home.model.finds(&[("The user lives in Lyon.", "profile", 1), ("The user likes tea.", "x", 7)]);
    home.say(SessionId::generate(), "I live in Lyon. I like tea.", owner()).await;
    assert_eq!(home.found().await, "kept 2 of 2");
    assert_eq!(home.known("owner").await.len(), 3);
    assert!(home.memory.get(&UserId::from("ann"), ann).await.unwrap().is_current());
}

#[tokio::test]
async fn no_model_is_asked_about_what_is_not_worth_it() {
    let home = Household::new(ExtractionSettings::default());
    for text in [
        "What is the weather like?",
        "Thanks!",
        "Fix the bug in main.rs.",
        "My password is hunter2.",
    ] {
        let run = home.admit(SessionId::generate(), text, owner()).await;
        assert!(run.also_tell.is_none(), "{text}");
        home.end_of(run.run_id).await;
    }
    assert!(home.model.questions().is_empty());
    assert!(home.known("owner").await.is_empty());
}

#[tokio::test]
async fn what_a_model_makes_up_is_not_kept() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[
        ("The user is a doctor in Paris.", "profile", 0),
        ("The user asked about tea.", "other", 0),
        ("The user likes tea.", "preference", 0),
    ]);
    home.say(SessionId::generate(), "I like tea. Which is the best?", owner()).await;
    assert_eq!(home.found().await, "kept 1 of 3");
    home.model.says("I am a demo and know nothing of lists.");
    home.say(SessionId::generate(), "I like cakes.", owner()).await;
    assert_eq!(home.found().await, "nothing: the answer is no list of facts");
    assert_eq!(home.known("owner").await.len(), 1);
}

#[tokio::test]
async fn only_the_users_own_words_are_looked_through() {
    let home = Household::new(ExtractionSettings::default());
    home.memory.add(NewFact::told(UserId::owner(), "The user owns a green canoe.")).await.unwrap();
    home.model.answers_with_a_call_first();
    let session = SessionId::generate();
    home.say(session, "I like tea. Where is my canoe?", owner()).await;
    home.found().await;
    assert!(home.recalled(session).await.is_some());
    let question = home.model.questions().pop().unwrap();
    let (known, said) = question.split_once("The user said:").unwrap();
    // What is known is shown as known, and is no part of what was said.
    assert!(said.trim() == "I like tea.", "{question}");
    assert!(!question.contains("Mallory"), "{question}");
    assert!(known.contains("Known facts:"), "{question}");
    // Its run sees nothing else, has no tools, and is accounted for as what it is.
    let asked = home.model.extraction();
    assert!(asked.tools.is_empty() && asked.volatile.is_none());
    assert_eq!(asked.conversation.len(), 1);
    let query =
        UsageQuery { group_by: vec![UsageGroup::Purpose], limit: 9, ..UsageQuery::default() };
    let usage = home.store.usage(query).await.unwrap();
    let of_memory = usage.iter().find(|total| total.group == ["memory_extraction"]).unwrap();
    assert_eq!(of_memory.answered, 1);
}

#[tokio::test]
async fn what_joins_a_run_that_an_agents_result_began_is_looked_through() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[("The user likes tea.", "preference", 0)]);
    let session = SessionId::generate();
    let at = SystemClock.now();
    let mut result = NewRun::new(session, Message::user("I like coffee, says the agent."), at);
    (result.trigger, result.origin) = (Trigger::Subagent, owner());
    let began = result.run_id;
    home.store.admit(result).await.unwrap();
    let said = home.admit(session, "I like tea.", owner()).await;
    assert!(home.store.run(said.run_id).await.unwrap().is_none(), "it did not join");
    home.end_of(began).await;
    assert_eq!(home.found().await, "kept 1 of 1");
    // What the agent said is nobody's own word.
    let question = home.model.questions().pop().unwrap();
    let (_, said) = question.split_once("The user said:").unwrap();
    assert_eq!(said.trim(), "I like tea.");
}

#[tokio::test]
async fn a_users_memory_is_nobody_elses() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[("The user is allergic to peanuts.", "profile", 0)]);
    home.say(SessionId::generate(), "I am allergic to peanuts.", of("bob", Trust::Paired)).await;
    home.found().await;
    assert_eq!(home.known("bob").await.len(), 1);
    for user in ["ann", "owner"] {
        let session = SessionId::generate();
        home.say(session, "Are there peanuts I am allergic to?", of(user, Trust::Paired)).await;
        assert_eq!(home.recalled(session).await, None, "{user}");
        assert!(home.known(user).await.is_empty());
    }
}

#[tokio::test]
async fn groups_and_strangers_are_given_nothing_and_tell_nothing() {
    let home = Household::new(ExtractionSettings::default());
    home.memory.add(NewFact::told(UserId::owner(), "The user likes tea.")).await.unwrap();
    let session = SessionId::generate();
    for trust in [Trust::Group, Trust::Untrusted] {
        let mut origin = owner();
        origin.trust = trust;
        let run = home.admit(session, "I like tea. I live in Oslo.", origin).await;
        assert!(run.also_tell.is_none(), "{trust:?}");
        home.end_of(run.run_id).await;
    }
    // The owner in the same conversation: the others read the answer.
    home.say(session, "I like tea. I live in Oslo.", owner()).await;
    assert_eq!(home.recalled(session).await, None);
    assert!(home.looked().await.starts_with("nothing: others take part"));
    assert_eq!(home.known("owner").await.len(), 1);
}

#[tokio::test]
async fn a_setting_gives_memories_to_groups() {
    let settings = RecallSettings::default().with_groups(GroupRecall::Allowed);
    let home = Household::with(ExtractionSettings::default(), settings, None);
    home.memory.add(NewFact::told(UserId::owner(), "The user likes tea.")).await.unwrap();
    let session = SessionId::generate();
    let run = home.admit(session, "Hello, tea?", of("ann", Trust::Group)).await;
    home.end_of(run.run_id).await;
    assert_eq!(home.recalled(session).await, None);
    home.say(session, "Which tea?", owner()).await;
    assert!(home.recalled(session).await.is_some());
}

#[tokio::test]
async fn a_slow_embedding_model_holds_no_run_up() {
    let settings = RecallSettings::default().with_patience(Duration::from_millis(20));
    let home = Household::with(
        ExtractionSettings::default(),
        settings,
        Some(Arc::new(SlowEmbedder::new())),
    );
    home.memory.add(NewFact::told(UserId::owner(), "The user likes tea.")).await.unwrap();
    let session = SessionId::generate();
    home.say(session, "Which tea?", owner()).await;
    let recalled = home.recalled(session).await.expect("found by its words");
    let note = recalled.note.expect("why");
    assert!(note.contains("words must match") && note.contains("20ms"), "{note}");
}

#[tokio::test]
async fn words_are_looked_through_once_however_often_that_is_due() {
    let home = Household::forgetful(ExtractionSettings::default());
    home.model.finds(&[("The user likes tea.", "preference", 0)]);
    home.say(SessionId::generate(), "I like tea.", owner()).await;
    // Both were brought twice: whoever did it the first time died before it was written down.
    assert_eq!(home.looked().await, home.looked().await);
    assert_eq!(
        (home.found().await, home.found().await),
        ("kept 1 of 1".into(), "kept 1 of 1".into())
    );
    assert_eq!(home.model.questions().len(), 1);
    assert_eq!(home.known("owner").await.len(), 1);
    let filter = RunFilter { trigger: Some(Trigger::Memory), ..RunFilter::default() };
    assert_eq!(home.store.runs(filter, 10).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_run_that_ended_before_a_crash_is_looked_through_after_it() {
    let home = Household::without_deliveries(ExtractionSettings::default());
    home.model.finds(&[("The user likes tea.", "preference", 0)]);
    home.say(SessionId::generate(), "I like tea.", owner()).await;
    assert!(home.model.questions().is_empty());
    let home = home.restarted();
    assert_eq!(home.found().await, "kept 1 of 1");
    assert_eq!(home.model.questions().len(), 1);
}

#[tokio::test]
async fn a_crash_while_words_are_looked_through_loses_nothing() {
    let home = Household::new(ExtractionSettings::default());
    home.model.finds(&[("The user likes tea.", "preference", 0)]);
    home.model.hangs_once();
    home.say(SessionId::generate(), "I like tea.", owner()).await;
    home.model.hung().await;
    let home = home.restarted();
    assert_eq!(home.found().await, "kept 1 of 1");
    assert_eq!(home.model.questions().len(), 2);
    assert_eq!(home.known("owner").await.len(), 1);
    let filter = RunFilter { trigger: Some(Trigger::Memory), ..RunFilter::default() };
    let runs = home.store.runs(filter, 10).await.unwrap().items;
    assert_eq!(runs.iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Completed]);
}

#[tokio::test]
async fn so_many_are_looked_through_a_day_and_no_more() {
    let home = Household::new(ExtractionSettings::default().with_daily(1));
    home.say(SessionId::generate(), "I like tea.", owner()).await;
    home.found().await;
    home.looked().await;
    home.say(SessionId::generate(), "I like cakes.", owner()).await;
    assert_eq!(home.looked().await, "nothing: the limit of the day is reached");
    assert_eq!(home.model.questions().len(), 1);
}

#[tokio::test]
async fn its_sessions_are_hidden_below_their_own_and_go_with_them() {
    let home = Household::new(ExtractionSettings::default());
    let session = SessionId::generate();
    for text in ["I like tea.", "I like cakes."] {
        home.say(session, text, owner()).await;
        home.found().await;
    }
    let listed = home.store.sessions(SessionQuery::default(), 10).await.unwrap().items;
    assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [session]);
    let below = SessionQuery { parent: Some(session), ..SessionQuery::default() };
    let below = home.store.sessions(below, 10).await.unwrap().items;
    assert_eq!((below.len(), below[0].title.as_deref()), (1, Some("Memory")));
    // The second extraction saw nothing of the first.
    assert_eq!(home.model.extraction().conversation.len(), 1);
    home.store.delete_session(session).await.unwrap();
    assert!(home.store.session(below[0].id).await.unwrap().is_none());
}

fn agent(
    journal: &Arc<MemoryStore>,
    memory: &Memory,
    scripts: Vec<Script>,
) -> (AgentLoop, Arc<ScriptedProvider>) {
    let provider = Arc::new(ScriptedProvider::new("scripted", scripts));
    let agent = AgentLoop::builder_shared(Arc::clone(&provider) as _)
        .journal(Arc::clone(journal) as Arc<dyn Journal>)
        .recall(Recall::new(memory.clone(), RecallSettings::default()))
        .build();
    (agent, provider)
}

#[tokio::test]
async fn what_was_recalled_stays_as_it_was_in_a_replay_and_after_a_crash() {
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    let tea =
        memory.add(NewFact::told(UserId::owner(), "The user likes green tea.")).await.unwrap();
    let (first, provider) = agent(&store, &memory, vec![Script::new().say("Gr").then_hang()]);
    let session = SessionId::generate();
    let mut run = first.run(RunRequest::new("Which tea?").in_session(session));
    let run_id = run.run_id();
    while let Some(event) = futures::StreamExt::next(&mut run).await {
        if matches!(event.kind, EventKind::TextDelta { .. }) {
            break;
        }
    }
    drop(run);
    let shown = provider.requests()[0].volatile.clone().expect("memories");

    // What is known changes before another process goes on.
    memory.forget(&UserId::owner(), tea.fact().id).await.unwrap();
    memory.add(NewFact::told(UserId::owner(), "The user likes black tea.")).await.unwrap();
    let (second, provider) = agent(&store, &memory, vec![Script::text("Green.")]);
    let outcome = second.resume(session, run_id).await.unwrap().await;
    assert_eq!(outcome.status, RunStatus::Completed);
    assert_eq!(provider.requests()[0].volatile.as_deref(), Some(&*shown));

    let recording = Recording::of(&second, session, run_id).await.unwrap();
    let replayed = replay::replay(&recording).await.unwrap();
    assert_eq!(replayed.first_difference, None);
    let is_recalled = |kind: &EventKind| matches!(kind, EventKind::MemoriesRecalled(memories) if memories.facts.len() == 1);
    assert_eq!(replayed.events.iter().filter(|event| is_recalled(&event.kind)).count(), 1);
}

#[tokio::test]
async fn what_joins_a_run_under_way_is_looked_up_too_and_stays_as_it_was() {
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    for text in ["The user drinks coffee black.", "The user parks in garage seven."] {
        memory.add(NewFact::told(UserId::owner(), text)).await.unwrap();
    }
    let call = || Script::tool("c1", "nothing_that_there_is", serde_json::json!({}));
    let scripts = vec![call(), Script::new().say("In").then_hang()];
    let (first, provider) = agent(&store, &memory, scripts);
    let session = SessionId::generate();
    let mut run = first.run(RunRequest::new("How do I take my coffee?").in_session(session));
    let run_id = run.run_id();
    while let Some(event) = futures::StreamExt::next(&mut run).await {
        match event.kind {
            EventKind::TurnStarted { turn: 1 } => {
                run.steer("Where do I park my car, in a garage?");
            }
            EventKind::TextDelta { .. } => break,
            _ => {}
        }
    }
    drop(run);
    let given: Vec<_> = provider
        .requests()
        .iter()
        .map(|request| request.volatile.clone().expect("memories"))
        .collect();
    assert!(given[0].contains("coffee") && !given[0].contains("garage"), "{}", given[0]);
    assert!(given[1].contains("coffee") && given[1].contains("garage seven"), "{}", given[1]);
    let entries = store.read(session, 0, 100).await.unwrap();
    let place = |wanted: fn(&EventKind) -> bool| entries.iter().rposition(|it| wanted(&it.kind));
    let joined = place(|kind| matches!(kind, EventKind::InputJoined { .. }));
    let recalled = place(|kind| matches!(kind, EventKind::MemoriesRecalled(_)));
    let turn = place(|kind| matches!(kind, EventKind::TurnStarted { .. }));
    assert!(joined < recalled && recalled < turn, "{joined:?} {recalled:?} {turn:?}");

    // What is known changes before another process goes on; the run is given what it was given.
    memory.add(NewFact::told(UserId::owner(), "The user parks in garage nine.")).await.unwrap();
    let (second, provider) = agent(&store, &memory, vec![Script::text("In garage seven.")]);
    let outcome = second.resume(session, run_id).await.unwrap().await;
    assert_eq!(outcome.status, RunStatus::Completed);
    assert_eq!(provider.requests()[0].volatile.as_deref(), Some(&*given[1]));
    let recording = Recording::of(&second, session, run_id).await.unwrap();
    let replayed = replay::replay(&recording).await.unwrap();
    assert_eq!(replayed.first_difference, None);
    let is_recalled = |kind: &EventKind| matches!(kind, EventKind::MemoriesRecalled(_));
    assert_eq!(replayed.events.iter().filter(|event| is_recalled(&event.kind)).count(), 2);
}

#[tokio::test]
async fn what_joins_and_has_nothing_new_adds_nothing() {
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    memory.add(NewFact::told(UserId::owner(), "The user drinks coffee black.")).await.unwrap();
    let call = Script::tool("c1", "nothing_that_there_is", serde_json::json!({}));
    let (agent, provider) = agent(&store, &memory, vec![call, Script::text("Black.")]);
    let session = SessionId::generate();
    let mut run = agent.run(RunRequest::new("How do I take my coffee?").in_session(session));
    while let Some(event) = futures::StreamExt::next(&mut run).await {
        if matches!(event.kind, EventKind::TurnStarted { turn: 1 }) {
            run.steer("The coffee, I mean. Is the kettle on?");
        }
    }
    assert_eq!(provider.requests()[0].volatile, provider.requests()[1].volatile);
    let entries = store.read(session, 0, 100).await.unwrap();
    let recalled = entries.iter().filter(|it| matches!(it.kind, EventKind::MemoriesRecalled(_)));
    assert_eq!(recalled.count(), 1);
}

#[tokio::test]
async fn memories_keep_to_their_budget() {
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    let long = format!("The user likes tea {}.", "and biscuits ".repeat(140));
    memory.add(NewFact::told(UserId::owner(), long)).await.unwrap();
    for place in 0..40 {
        let text = format!("The user bought tea number {place} in shop {place}.");
        memory.add(NewFact::told(UserId::owner(), text)).await.unwrap();
    }
    let (agent, provider) = agent(&store, &memory, vec![Script::text("Yes.")]);
    let outcome = agent.run("Which tea?").await;
    let entries = store.read(outcome.session_id, 0, 10).await.unwrap();
    let recalled = entries.iter().find_map(|entry| match &entry.kind {
        EventKind::MemoriesRecalled(memories) => Some(Arc::clone(memories)),
        _ => None,
    });
    let RecalledMemories { facts, tokens, .. } = &*recalled.expect("memories");
    assert!((5..=12).contains(&facts.len()) && *tokens <= 600, "{} {tokens}", facts.len());
    assert!(facts.iter().all(|fact| !fact.text.contains("biscuits")));
    assert!(provider.requests()[0].volatile.as_deref().unwrap().len() < 2_400);
    assert_eq!(
        facts.len() + 4,
        provider.requests()[0].volatile.as_deref().unwrap().lines().count() + 1
    );
}

#[tokio::test]
async fn who_has_no_memories_gets_no_entry() {
    let store = Arc::new(MemoryStore::new());
    let memory = Memory::builder(Arc::clone(&store) as _).build();
    let (agent, provider) = agent(&store, &memory, vec![Script::text("Hello.")]);
    let outcome = agent.run("Hello?").await;
    let entries = store.read(outcome.session_id, 0, 10).await.unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.kind.name()).collect();
    assert_eq!(
        names,
        ["run_admitted", "run_started", "turn_started", "assistant_message", "run_finished"]
    );
    assert!(provider.requests()[0].volatile.is_none());
    assert_eq!(facts(&entries), 0);
}
