//! What was sent stays, byte for byte, the beginning of what is sent next.

use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::ChatRequest;
use livos_core::ContentBlock;
use livos_core::Conversation;
use livos_core::Effect;
use livos_core::Message;
use livos_core::Role;
use livos_core::Signature;
use livos_core::Thinking;
use livos_core::ToolCall;
use livos_core::ToolResult;
use livos_core::ToolSpec;
use livos_providers::Gemini;
use livos_providers::ProviderConfig;
use serde_json::json;

use crate::raw_server::Act;
use crate::raw_server::RawServer;

const TURNS: usize = 50;

/// A turn as a model and a tool make it: reasoning, words, a call, its result.
pub(crate) fn push_turn(conversation: &mut Conversation, issuer: &str, turn: usize) {
    let id = format!("call_{turn}");
    let signature = Signature { issuer: issuer.into(), value: format!("proof {turn}") };
    let thinking = Thinking { text: format!("I look up {turn}."), signature: Some(signature) };
    conversation.push(Message::new(
        Role::Assistant,
        vec![
            ContentBlock::Thinking(thinking),
            ContentBlock::text(format!("Looking up “{turn}”\n")),
            ContentBlock::ToolUse(ToolCall::new(id.as_str(), "lookup", json!({"turn": turn}))),
        ],
    ));
    let result = ToolResult {
        call_id: id.into(),
        name: "lookup".into(),
        content: vec![ContentBlock::text(format!("It is {turn}."))],
        is_error: turn.is_multiple_of(7),
    };
    conversation.push(Message::new(Role::User, vec![ContentBlock::ToolResult(result)]));
}

/// The request of every turn.
pub(crate) fn requests(model: &str, issuer: &str) -> Vec<ChatRequest> {
    let schema = json!({"type": "object", "properties": {"turn": {"type": "integer"}}});
    let tools: Arc<[ToolSpec]> =
        Arc::new([ToolSpec::new("lookup", "Looks it up.", schema, Effect::ReadOnly)]);
    let system: Arc<str> = "You are a librarian.".into();
    let mut conversation = Conversation::from_iter([Message::user("Tell me everything.")]);
    let mut requests = Vec::new();
    for turn in 0..TURNS {
        let mut request = ChatRequest::of(model, conversation.clone());
        request.system = Some(Arc::clone(&system));
        request.tools = Arc::clone(&tools);
        requests.push(request);
        push_turn(&mut conversation, issuer, turn);
    }
    requests
}

/// The body that each of these requests is sent with.
pub(crate) async fn bodies(
    provider: &dyn AIProvider,
    server: &mut RawServer,
    requests: Vec<ChatRequest>,
) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for request in requests {
        // The server refuses everything; only what was sent matters.
        drop(provider.chat_stream(request).await);
        bodies.push(server.body().await);
    }
    bodies
}

/// A server that refuses everything at once.
pub(crate) async fn refusing_server() -> RawServer {
    let refusal = b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    RawServer::start(vec![Act::Send(refusal)]).await
}

/// Each body begins with all of the body before it, up to the end of its messages.
#[track_caller]
pub(crate) fn assert_prefixes(bodies: &[Vec<u8>], end_of_messages: &[u8]) {
    for (turn, pair) in bodies.windows(2).enumerate() {
        let (earlier, later) = (&pair[0], &pair[1]);
        let end = earlier
            .windows(end_of_messages.len())
            .rposition(|window| window == end_of_messages)
            .expect("the messages end");
        assert!(later.starts_with(&earlier[..end]), "turn {turn}");
        assert!(later.len() > earlier.len());
    }
}

#[tokio::test]
async fn anthropic_over_fifty_turns() {
    let mut server = refusing_server().await;
    let provider = crate::anthropic::provider(&server.url);
    let requests = requests("claude-sonnet-4-6", "anthropic");
    let bodies = bodies(&provider, &mut server, requests).await;
    assert_eq!(bodies.len(), TURNS);
    assert_prefixes(&bodies, b"],\"max_tokens\"");
    let last: serde_json::Value = serde_json::from_slice(&bodies[TURNS - 1]).expect("JSON");
    assert_eq!(last["messages"].as_array().map(Vec::len), Some(2 * TURNS - 1));
}

#[tokio::test]
async fn anthropic_with_facts_of_the_moment() {
    let mut server = refusing_server().await;
    let provider = crate::anthropic::provider(&server.url);
    let mut requests = requests("claude-sonnet-4-6", "anthropic");
    for (turn, request) in requests.iter_mut().enumerate() {
        request.volatile = Some(format!("It is {turn} o'clock.").into());
    }
    let bodies = bodies(&provider, &mut server, requests).await;
    // The mark on the last message is the only thing in it that the next turn has not.
    assert_prefixes(&bodies, b",\"cache_control\":{\"type\":\"ephemeral\"}}]}");
}

#[tokio::test]
async fn gemini_over_fifty_turns() {
    let mut server = refusing_server().await;
    let config = ProviderConfig::new("gemini", &server.url)
        .and_then(|config| config.with_api_key("AIzaSy-not-a-real-key"))
        .expect("a valid configuration");
    let requests = requests("gemini-3.8-flash", "gemini");
    let bodies = bodies(&Gemini::new(config), &mut server, requests).await;
    assert_prefixes(&bodies, b"],\"generationConfig\"");
}
