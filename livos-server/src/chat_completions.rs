//! The OpenAI-compatible door: any client of theirs can use our providers.
//!
//! It is a door to the models and not to the agent: the client's tools go to
//! the model and its calls come back, nothing is run here and nothing is kept.

mod failure;
mod request;
mod response;
mod stream;

use std::sync::Arc;

use livos_core::AIProvider;
use livos_core::ChatRequest;
use livos_core::Message;
use livos_core::Redactor;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::engine::full_name;
use crate::http::Answer;
use crate::http::Call;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::http::event_stream;
use crate::openapi::Operation;

use self::request::CompletionRequest;
use self::request::Delivery;
use self::response::Envelope;

/// Answers a chat completion, whole or as a stream.
pub(crate) async fn complete(call: Call) -> Answer {
    let app = Arc::clone(&call.app);
    let asked: CompletionRequest = call.json_with_uploads().await?;
    let providers = &app.engine().await.providers;
    let (request, delivery) = asked.into_chat(&providers.default_model)?;
    let request = without_secrets(request, &app.redactor);
    let envelope = Envelope::new(&request.model, app.clock.now());
    match delivery {
        Delivery::Whole => {
            let mut answer =
                providers.manager.chat(request).await.map_err(|error| failure::problem(&error))?;
            answer.message = app.redactor.cleaned(answer.message);
            Reply::ok(&response::whole(&envelope, &answer))
        }
        Delivery::Stream(usage) => {
            let pieces = providers
                .manager
                .chat_stream(request)
                .await
                .map_err(|error| failure::problem(&error))?;
            let frames = stream::frames(envelope, usage, app.redactor.clone(), pieces);
            Ok(event_stream(frames, app.draining.clone()))
        }
    }
}

/// What is sent to a model has no secret of this server, whoever asks.
fn without_secrets(mut request: ChatRequest, redactor: &Redactor) -> ChatRequest {
    let clean = |message: &Arc<Message>| Arc::new(redactor.cleaned(Message::clone(message)));
    request.conversation = request.conversation.iter().map(clean).collect();
    request.system = request.system.map(|system| redactor.cleaned(system));
    request
}

pub(crate) fn describe_complete(operation: Operation) -> Operation {
    operation
        .named("create_chat_completion", "Ask a model, as OpenAI's API does.")
        .body::<CompletionRequest>()
        .answers::<Map<String, Value>>(200, "A `chat.completion`.")
        .answers_as(200, "", "text/event-stream")
        .problem(ProblemKind::NotFound)
        .problem(ProblemKind::ProviderFailed)
        .problem(ProblemKind::TooManyRequests)
}

/// Lists the models as OpenAI's API does.
pub(crate) async fn models(call: Call) -> Answer {
    let providers = &call.app.engine().await.providers;
    let models = providers.models().await;
    let items = models.iter().map(|model| {
        json!({
            "id": full_name(model),
            "object": "model",
            "created": 0,
            "owned_by": model.provider,
        })
    });
    Reply::ok(&json!({"object": "list", "data": items.collect::<Vec<_>>()}))
}

pub(crate) fn describe_models(operation: Operation) -> Operation {
    operation
        .named("list_models_v1", "The models, as OpenAI's API lists them.")
        .answers::<Map<String, Value>>(200, "All that are known.")
}
