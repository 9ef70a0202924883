//! What a run and a day may cost, with a model whose price is known.

use nix::sys::signal::Signal;
use serde_json::Value;
use serde_json::json;

use crate::caller::Caller;
use crate::peer::Peer;
use crate::peer::answer;
use crate::process;

/// Its price is two dollars for a million tokens read.
const MODEL: &str = "gpt-6-sol";

/// An answer that read a thousand tokens, for 2,000 micro-dollars, and wants the time.
fn wants_the_time() -> String {
    let call = json!({"index": 0, "id": "c1", "function": {"name": "time", "arguments": "{}"}});
    pieces(&json!({"tool_calls": [call]}), "tool_calls")
}

fn pieces(delta: &Value, reason: &str) -> String {
    let piece = json!({"choices": [{"index": 0, "delta": delta}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 0}});
    format!("data: {piece}\n\ndata: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
}

#[tokio::test]
async fn a_run_ends_when_its_money_is_spent_and_the_day_when_its_is() {
    let (home, model) = (tempfile::tempdir().unwrap(), Peer::start().await);
    let mut command = process::command(home.path());
    command
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", format!("{}/v1", model.url()))
        .env("LIVOS_MODEL", format!("openai/{MODEL}"))
        .env("LIVOS_AGENT_MAX_COST_MICRO_USD", "3000")
        .env("LIVOS_AGENT_DAILY_LIMIT_MICRO_USD", "6000");
    let server = process::started(command).await;
    let caller = Caller::new(&server, home.path());
    let session = caller.session().await;
    let run = caller.say(&session, "What time is it?").await;
    for _ in 0..2 {
        answer(model.asked().await.0, "text/event-stream", &wants_the_time()).await;
    }
    // The cap is passed: the model may sum up, and has no tools any more.
    let (socket, request) = model.asked().await;
    assert!(request.contains(r#""tool_choice":"none""#), "{request}");
    let last = pieces(&json!({"content": "It is late."}), "stop");
    answer(socket, "text/event-stream", &last).await;
    let ended = caller.run_is(&run, "exhausted").await;
    assert_eq!((&ended["text"], &ended["error"]["kind"]), (&json!("It is late."), &json!("cost")));
    assert_eq!(ended["cost_micro_usd"], 6000, "{ended}");
    let refused = caller.say(&session, "And now?").await;
    let refused = caller.run_is(&refused, "exhausted").await;
    assert_eq!((&refused["error"]["kind"], &refused["turns"]), (&json!("daily_limit"), &json!(0)));
    let spent = caller.get("/api/usage?group_by=day,model,session,channel").await;
    let total = &spent["items"][0];
    assert_eq!((&total["answered"], &total["cost_micro_usd"]), (&json!(3), &json!(6000)));
    assert_eq!(
        (&total["group"]["model"], &total["group"]["channel"]),
        (&json!(MODEL), &json!("api"))
    );
    server.signal(Signal::SIGTERM).await;
}
