//! Secrets in texts of every kind, whole and in pieces, and in everything a run says.

use std::sync::Arc;

use futures::StreamExt;
use livos_core::AIProvider;
use livos_core::AgentLoop;
use livos_core::Effect;
use livos_core::EventKind;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Redactor;
use livos_core::Secret;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::testing::Script;
use livos_core::testing::ScriptedProvider;
use proptest::prelude::*;
use serde_json::json;

const KEY: &str = "sk-test-0123456789";

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::new();
    for secret in secrets {
        redactor.learn("X", &Secret::new(*secret));
    }
    redactor
}

fn in_pieces(redactor: &Redactor, pieces: &[&str]) -> String {
    let mut gate = redactor.pieces().unwrap();
    let mut shown: String = pieces.iter().map(|piece| gate.push((*piece).to_owned())).collect();
    shown.push_str(&gate.finish());
    shown
}

#[test]
fn without_secrets_nothing_is_looked_for() {
    let redactor = Redactor::new();
    assert!(redactor.pieces().is_none());
    redactor.learn("X", &Secret::new("short"));
    assert!(redactor.pieces().is_none(), "a short text would take ordinary words out");
    assert_eq!(redactor.clean("a short text"), "a short text");
}

#[test]
fn what_is_held_back_is_shown_as_soon_as_it_is_none() {
    let redactor = knowing(&[KEY]);
    let mut gate = redactor.pieces().unwrap();
    assert_eq!(gate.push("a risk".to_owned()), "a ri");
    assert_eq!(gate.push("-free".to_owned()), "sk-free");
    assert_eq!(gate.push("no s".to_owned()), "no ");
    assert_eq!(gate.finish(), "s");
}

#[test]
fn a_secret_that_begins_another_waits_for_its_end() {
    let redactor = Redactor::new();
    redactor.learn("SHORT", &Secret::new("password"));
    redactor.learn("LONG", &Secret::new("password-of-all"));
    assert_eq!(in_pieces(&redactor, &["password", "-of-all!"]), "[secret LONG]!");
    assert_eq!(in_pieces(&redactor, &["password", "-of-none"]), "[secret SHORT]-of-none");
    assert_eq!(redactor.clean("password-of-none"), "[secret SHORT]-of-none");
}

proptest! {
    /// Few letters, so that beginnings of secrets and overlaps are everywhere.
    #[test]
    fn pieces_are_redacted_as_the_whole(
        secrets in prop::collection::vec("[ab]{8,12}", 1..4),
        words in prop::collection::vec("[abä]{0,9}", 0..12),
        cuts in prop::collection::vec(0_usize..200, 0..12),
        planted in prop::collection::vec(0_usize..12, 0..3),
    ) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let redactor = knowing(&secrets);
        let mut words = words;
        for place in planted {
            let secret = secrets[place % secrets.len()].to_owned();
            words.insert(place.min(words.len()), secret);
        }
        let whole = words.concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| whole.floor_char_boundary(cut)).collect();
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|cut| &whole[cut[0]..cut[1]]).collect();
        prop_assert_eq!(in_pieces(&redactor, &pieces), redactor.clean(&whole).into_owned());
    }

    #[test]
    fn no_form_of_a_secret_is_left(
        secret in "[ -~]{8,40}",
        before in "[ -~]{0,20}",
        after in "[ -~]{0,20}",
    ) {
        use base64::Engine as _;
        let secret = Secret::new(secret);
        prop_assume!(secret.expose().len() >= Redactor::SHORTEST);
        let redactor = knowing(&[secret.expose()]);
        let text = format!("{before}{}{after}", secret.expose());
        let forms = [
            text.clone(),
            serde_json::to_string(&text).unwrap(),
            base64::engine::general_purpose::STANDARD.encode(&text),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text),
        ];
        for form in forms {
            prop_assert!(redactor.finds(&form), "{}", form);
            prop_assert!(!redactor.clean(&form).contains(secret.expose()));
        }
    }
}

struct Leak;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct LeakArgs {
    /// Anything.
    text: String,
}

impl Tool for Leak {
    type Args = LeakArgs;

    fn name(&self) -> &'static str {
        "leak"
    }

    fn description(&self) -> &'static str {
        "Prints sk-test-0123456789."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: LeakArgs, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        assert_eq!(args.text, "[secret X]", "a tool does not get a secret from a model");
        context.report_progress(format!("reading {KEY}"));
        context.report_progress("reading sk-test-01");
        Err(ToolError::model(format!("cannot send {KEY}")))
    }
}

#[tokio::test]
async fn nothing_a_run_writes_sends_or_shows_has_a_secret() {
    let tools = ToolRegistry::new();
    tools.register(Leak).unwrap();
    let scripts = [
        Script::tool("call-1", "leak", json!({ "text": KEY })),
        Script::text(&format!("The key is {KEY}.")),
    ];
    let model = Arc::new(ScriptedProvider::new("scripted", scripts));
    let journal = Arc::new(MemoryStore::new());
    let agent = AgentLoop::builder_shared(Arc::clone(&model) as Arc<dyn AIProvider>)
        .tools(tools)
        .system_prompt(format!("Never say {KEY}."))
        .journal(Arc::clone(&journal) as Arc<dyn Journal>)
        .redactor(knowing(&[KEY]))
        .build();
    let mut run = agent.run(format!("My key is {KEY}; remember it."));
    let session = run.session_id();
    let (mut seen, mut said) = (String::new(), String::new());
    while let Some(event) = run.next().await {
        seen.push_str(&serde_json::to_string(&event).unwrap());
        if let EventKind::TextDelta { text } = &event.kind {
            said.push_str(text);
        }
    }
    assert_eq!(said, "The key is [secret X].");
    let outcome = run.await;
    let kept = journal.read(session, 0, 100).await.unwrap();
    let asked = model.requests();
    assert_eq!(asked.len(), 2);
    for (what, text) in [
        ("events", seen),
        ("outcome", format!("{outcome:?}")),
        ("journal", serde_json::to_string(&kept).unwrap()),
        ("prompts", format!("{asked:?}")),
    ] {
        assert!(text.contains("[secret X]"), "{what}: {text}");
        assert!(!text.contains("sk-test-0"), "{what}: {text}");
    }
}
