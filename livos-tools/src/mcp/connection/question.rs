//! What a server wants to know from a person (elicitation), as a question in the inbox of approvals.

use livos_core::AskError;
use livos_core::Question;
use livos_core::QuestionReply;
use rmcp::model::ElicitRequestParams;
use rmcp::model::ElicitResult;
use rmcp::model::ElicitationAction;
use rmcp::model::ErrorData;
use serde_json::Value;

use super::caller::Caller;
use crate::mcp::ServerName;

/// What somebody answers who opened an address and is done there.
const DONE: &str = "done";

/// Puts a question of a server before the person whose run the call belongs to, and waits.
///
/// Whoever cannot be asked has declined. What is no question, and what could not be kept, is an error for
/// the server, which it should pass on to the model.
pub(super) async fn put(
    server: &ServerName,
    caller: &Caller,
    params: ElicitRequestParams,
) -> Result<ElicitResult, ErrorData> {
    let Some(context) = caller.person() else {
        tracing::info!(%server, "a server asks a person, and nobody can be asked: declined");
        return Ok(ElicitResult::new(ElicitationAction::Decline));
    };
    let Some(_open) = caller.begin_question() else {
        return Err(ErrorData::invalid_request("too many questions in one call", None));
    };
    let is_form = matches!(&params, ElicitRequestParams::FormElicitationParams { .. });
    let question = question(server, caller, params)?;
    let reply = context.ask(question).await.map_err(|error| unasked(server, &error))?;
    Ok(match reply {
        // A page that was opened has nothing to say to the server.
        QuestionReply::Answered(_) if !is_form => ElicitResult::new(ElicitationAction::Accept),
        QuestionReply::Answered(answer) => {
            ElicitResult::new(ElicitationAction::Accept).with_content(answer)
        }
        QuestionReply::Declined(_) => ElicitResult::new(ElicitationAction::Decline),
        // Nobody answered in time, or the run ends.
        _ => ElicitResult::new(ElicitationAction::Cancel),
    })
}

fn question(
    server: &ServerName,
    caller: &Caller,
    params: ElicitRequestParams,
) -> Result<Question, ErrorData> {
    match params {
        ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
            let schema = serde_json::to_value(requested_schema)
                .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
            Ok(Question::new(text(server, caller, &message, &schema)).with_schema(schema))
        }
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
            let said = text(server, caller, &message, &Value::String(url.clone()));
            let said = format!(
                "{said}\nIt wants you to open {url} and to answer \"{DONE}\" when you are done there. \
                 Open it only if you know the place."
            );
            Ok(Question::new(said).with_choices([DONE]).with_link(url))
        }
        _ => Err(ErrorData::invalid_params("that kind of question is not known here", None)),
    }
}

/// The words of the server, as its own.
fn text(server: &ServerName, caller: &Caller, message: &str, form: &Value) -> String {
    let message: String = message
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect();
    let again = match caller.times_before(&format!("{message}\n{form}")) {
        0 => String::new(),
        before => format!(" (for the {}. time)", before + 1),
    };
    format!("The MCP server \"{server}\" asks{again}: {message}")
}

fn unasked(server: &ServerName, error: &AskError) -> ErrorData {
    tracing::info!(%server, %error, "a server's question was not asked");
    match error {
        AskError::Invalid(problem) => ErrorData::invalid_params(problem.to_string(), None),
        error => ErrorData::internal_error(error.to_string(), None),
    }
}
