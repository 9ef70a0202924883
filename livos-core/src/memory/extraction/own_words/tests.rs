//! Whose words they are, and where sentences end.

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::memory::extraction::answer::read;
use crate::memory::extraction::grounds::is_said;
use crate::memory::worth::judge;
use crate::origin::Origin;
use crate::redaction::Redactor;
use crate::store::Append;
use crate::store::MemoryStore;
use crate::store::NewEntry;

fn of(text: &str) -> Vec<String> {
    sentences(&[Arc::new(Message::user(text))])
}

fn admitted(text: &str, trigger: Trigger) -> EventKind {
    EventKind::RunAdmitted {
        trigger,
        origin: Origin::default(),
        input: Arc::new(Message::user(text)),
        model: None,
        parent_run_id: None,
        budget: None,
        profile: None,
    }
}

fn joined(text: &str, trigger: Option<Trigger>) -> EventKind {
    EventKind::InputJoined { message: Arc::new(Message::user(text)), trigger }
}

#[tokio::test]
async fn only_messages_of_the_user_are_theirs() {
    let (store, session) = (MemoryStore::new(), SessionId::generate());
    let (run, other) = (RunId::generate(), RunId::generate());
    let kinds = [
        (other, admitted("I am of another run.", Trigger::Message)),
        (run, admitted("I like tea.", Trigger::Message)),
        (run, joined("I am a sub-agent.", Some(Trigger::Subagent))),
        (run, joined("I am a schedule.", Some(Trigger::Schedule))),
        (run, joined("I am nobody known.", None)),
        (other, joined("I am of another run, too.", Some(Trigger::Message))),
        (run, joined("I like cakes.", Some(Trigger::Message))),
    ];
    let at = Timestamp::from_unix_micros(1);
    let entry = |(run_id, kind)| NewEntry { run_id, at, kind };
    let entries = kinds.into_iter().map(entry).collect();
    store.append(Append::new(session, entries)).await.unwrap();
    let said = said_in(&store, session, run).await.unwrap();
    assert_eq!(sentences(&said.messages), ["I like tea.", "I like cakes."]);
    assert!(!said.is_answered);
    let scheduled = RunId::generate();
    let entries = vec![entry((scheduled, admitted("I like milk.", Trigger::Schedule)))];
    store.append(Append::new(session, entries)).await.unwrap();
    assert!(said_in(&store, session, scheduled).await.unwrap().messages.is_empty());
}

#[test]
fn sentences_end_where_people_end_them() {
    assert_eq!(
        of("I see Dr. Weber. My cat is 3.5 kg!\n- I like tea"),
        ["I see Dr. Weber.", "My cat is 3.5 kg!", "I like tea"]
    );
    assert_eq!(of("我住在上海。我是老师。"), ["我住在上海。", "我是老师。"]);
}

#[test]
fn code_and_quotations_are_nobodys_words() {
    let text = "I like tea.\n> I like coffee.\n```\nI like milk.\n```\n    I like juice.\nBye.";
    assert_eq!(of(text), ["I like tea.", "Bye."]);
}

#[test]
fn of_a_long_message_only_the_edges_count() {
    let pasted = "I am Bob and live in Paris. ".repeat(100);
    let text = format!("Here is a mail. I like tea.\n{pasted}\nI am Ann. Answer it.");
    let found = of(&text);
    assert!(found.contains(&"I like tea.".to_owned()) && found.contains(&"I am Ann.".to_owned()));
    assert!(found.len() < 50, "{found:?}");
}

proptest! {
    /// Whatever somebody wrote or a model answered: it is cut and judged, and never more than was said.
    #[test]
    fn any_text_is_cut_and_judged(text in "(?s).{0,3000}", answer in "(?s)[{}\\[\\]\":,a-z0-9 ]{0,200}") {
        let sentences = of(&text);
        prop_assert!(sentences.iter().map(String::len).sum::<usize>() <= text.len());
        for sentence in &sentences {
            let _verdict = judge(sentence, &Redactor::new());
            prop_assert!(!is_said(sentence, ""));
        }
        let _facts = read(&answer);
    }
}
