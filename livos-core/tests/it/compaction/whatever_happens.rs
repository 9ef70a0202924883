//! Any sequence of runs and compactions leaves a conversation that is valid and fits.

use livos_core::CompactionRequest;
use livos_core::EstimatedTokens;
use livos_core::RunRequest;
use livos_core::SessionId;
use livos_core::message_tokens;
use livos_core::testing::Script;
use proptest::prelude::*;
use serde_json::json;

use super::assert_same;
use super::assert_valid;
use super::bench_with;
use super::replayed;
use super::too_long;

/// What happens to a session, one after the other.
#[derive(Debug, Clone)]
enum Happening {
    /// A run that asks with so many words, and whose tool talks so many words each turn.
    Run { asked: usize, talked: Vec<usize> },
    /// A compaction by hand.
    Compact,
}

fn happening() -> impl Strategy<Value = Happening> {
    let talked = prop::collection::vec(0..900_usize, 0..9);
    prop_oneof![
        4 => (0..300_usize, talked).prop_map(|(asked, talked)| Happening::Run { asked, talked }),
        1 => Just(Happening::Compact),
    ]
}

/// Lets things happen, and checks each prompt and the view that the journal gives.
async fn live_through(window: u64, happenings: Vec<Happening>, summaries: Vec<Script>) {
    let bench = bench_with(Some(window), vec![], summaries, |agent| agent);
    let session_id = SessionId::generate();
    let mut calls = 0;
    for happening in happenings {
        let Happening::Run { asked, talked } = happening else {
            // It may find nothing to do, or no summary; then nothing changes.
            drop(bench.agent.compact(session_id, CompactionRequest::default()).await);
            continue;
        };
        for words in talked {
            calls += 1;
            let words = json!({"words": words * 100 + calls});
            let words = if calls % 7 == 0 { words } else { json!({"words": calls + 300}) };
            bench.model.add(Script::tool(&format!("call-{calls}"), "talk", words));
        }
        bench.model.add(Script::text("Done."));
        let text = format!("Look at file-{calls}.rs. {}", "please ".repeat(asked));
        let outcome = bench.agent.run(RunRequest::new(text).in_session(session_id)).await;
        assert_eq!(outcome.error, None);
    }
    bench.model.add(Script::text("Bye."));
    bench.agent.run(RunRequest::new("Bye.").in_session(session_id)).await;
    let limit = bench.agent.context_report(bench.agent.model());
    let room = limit.prompt_limit().unwrap() - limit.fixed_tokens();
    for request in bench.model.requests() {
        assert_valid(&request.conversation);
        let tokens: u64 =
            request.conversation.iter().map(|it| message_tokens(&EstimatedTokens, it)).sum();
        assert!(tokens <= room, "{tokens} of {room}");
    }
    let replayed = replayed(&bench.journal, session_id).await;
    let requests = bench.model.requests();
    let seen = &requests.last().unwrap().conversation;
    assert_same(&replayed[..replayed.len() - 1], seen);
}

fn summary() -> impl Strategy<Value = Script> {
    (0..6_u8, 1..400_usize).prop_map(|(kind, words)| match kind {
        0 => Script::text(""),
        1 => Script::text(&"far too long ".repeat(3_000)),
        2 => too_long(None),
        _ => Script::text(&"sum ".repeat(words)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_a_conversation_is_valid_and_fits(
        window in 3_000..20_000_u64,
        happenings in prop::collection::vec(happening(), 1..10),
        summaries in prop::collection::vec(summary(), 60..61),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live_through(window, happenings, summaries));
    }
}
