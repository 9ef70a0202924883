//! The `ask_user` tool: a question to a person, in the inbox where approvals are.

use std::time::Duration;

use livos_core::Effect;
use livos_core::Question;
use livos_core::QuestionReply;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What a model calls it.
pub const NAME: &str = "ask_user";

/// What the tool itself may take; the time in which it waits for a person does not count.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Registers `ask_user`.
///
/// # Errors
/// When the name is taken.
pub fn register(tools: &ToolRegistry) -> Result<(), RegisterToolError> {
    tools.register(AskUser)
}

/// Asks a person. Needs an agent with an [`ApprovalManager`](livos_core::ApprovalManager).
#[derive(Debug, Clone, Copy, Default)]
pub struct AskUser;

/// The arguments of `ask_user`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskUserArgs {
    /// The question, in the user's language.
    question: String,
    /// Answers to choose from, at most 20. Leave it out for a free answer.
    #[serde(default)]
    choices: Vec<String>,
}

impl Tool for AskUser {
    type Args = AskUserArgs;

    fn name(&self) -> &str {
        NAME
    }

    fn description(&self) -> &str {
        include_str!("ask_user.md")
    }

    // It changes nothing, and asked again after a crash it finds the same question.
    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_timeout(TIMEOUT)
    }

    async fn call(
        &self,
        args: AskUserArgs,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let question = Question::new(args.question).with_choices(args.choices);
        let told = match context.ask(question).await? {
            QuestionReply::Answered(Value::String(answer)) => {
                format!("The user answered: {answer}")
            }
            QuestionReply::Answered(answer) => format!("The user answered: {answer}"),
            QuestionReply::Declined(None) => "The user does not want to answer.".to_owned(),
            QuestionReply::Declined(Some(note)) => {
                format!("The user does not want to answer: {note}")
            }
            QuestionReply::Expired => "The user did not answer in time.".to_owned(),
            _ => "The question was withdrawn.".to_owned(),
        };
        Ok(told.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::StreamExt;
    use livos_core::AgentLoop;
    use livos_core::Answer;
    use livos_core::Answerer;
    use livos_core::ApprovalManager;
    use livos_core::EventKind;
    use livos_core::MemoryStore;
    use livos_core::testing::Script;
    use livos_core::testing::ScriptedProvider;
    use serde_json::json;

    use super::*;

    /// What the model is told when the user answers this.
    async fn told(arguments: Value, answer: Answer) -> String {
        let store = Arc::new(MemoryStore::new());
        let approvals = ApprovalManager::new(Arc::clone(&store) as _);
        let tools = ToolRegistry::new();
        register(&tools).unwrap();
        let script = [Script::tool("c", NAME, arguments), Script::text(".")];
        let agent = AgentLoop::builder(ScriptedProvider::new("scripted", script))
            .tools(tools)
            .journal(store)
            .approvals(approvals.clone())
            .build();
        let mut run = agent.run("Go.");
        let mut told = String::new();
        while let Some(event) = run.next().await {
            match event.kind {
                EventKind::ApprovalRequested(request) => {
                    let by = Answerer::owner("test");
                    approvals.decide(request.approval_id, answer.clone(), by).await.unwrap();
                }
                EventKind::ToolFinished { content, .. } => {
                    told = content.iter().filter_map(|block| block.as_text()).collect();
                }
                _ => {}
            }
        }
        told
    }

    #[tokio::test]
    async fn the_model_is_told_what_the_user_says() {
        let choices = json!({ "question": "Which?", "choices": ["red", "blue"] });
        assert_eq!(told(choices, Answer::with("red")).await, "The user answered: red");
        let free = json!({ "question": "Which?" });
        let declined = told(free.clone(), Answer::deny().noting("not now")).await;
        assert_eq!(declined, "The user does not want to answer: not now");
        assert_eq!(told(free, Answer::deny()).await, "The user does not want to answer.");
        let empty = told(json!({ "question": " " }), Answer::deny()).await;
        assert_eq!(empty, "the question is empty");
    }
}
