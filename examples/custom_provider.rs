//! A provider of your own: anything that answers can drive an agent.
//!
//! ```sh
//! cargo run -p livos-examples --example custom_provider
//! ```
//!
//! This one turns round what it is told. It needs no key and no network; yours may talk to
//! a service, a file or a model in the same process.

use std::error::Error;

use async_trait::async_trait;
use futures::StreamExt;
use livos_core::testing::check_provider;
use livos_core::{
    AIProvider, AgentLoop, ChatChunk, ChatRequest, ChatResponse, ChatStream, Message,
    ProviderError, ProviderId, Role,
};

#[derive(Debug)]
struct Mirror {
    id: ProviderId,
}

impl Mirror {
    fn new() -> Self {
        Self { id: "mirror".into() }
    }
}

#[async_trait]
impl AIProvider for Mirror {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let last = request.conversation.iter().rfind(|message| message.role == Role::User);
        let answer: String =
            last.map_or_else(String::new, |message| message.text().chars().rev().collect());

        // Pieces are for eyes; the last one holds the whole answer and is what counts.
        let mut pieces: Vec<_> =
            answer.split_inclusive(' ').map(|word| ChatChunk::Text(word.to_owned())).collect();
        let whole = ChatResponse::new(self.id.clone(), request.model, Message::assistant(&*answer));
        pieces.push(ChatChunk::Finished(Box::new(whole)));
        Ok(futures::stream::iter(pieces).map(Ok).boxed())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The suite every provider of LivOS passes; run it in the tests of yours.
    check_provider(&Mirror::new(), "mirror".into()).await?;

    let agent = AgentLoop::builder(Mirror::new()).build();
    let outcome = agent.run("!egassem a dnes ot drawkcab klaT").await;
    println!("{}", outcome.into_text().map_err(|error| error.message)?);
    Ok(())
}
