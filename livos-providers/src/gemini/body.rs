//! The pieces of a request's body, borrowed from the request.

use livos_core::ChatRequest;
use livos_core::MediaSource;
use livos_core::ToolCall;
use livos_core::ToolCallId;
use livos_core::ToolChoice;
use livos_core::ToolInput;
use livos_core::ToolResult;
use livos_core::ToolSpec;
use serde::Serialize;
use serde_json::Value;

use super::model;
use super::model::ThinkingConfig;
use crate::encoding::NO_RESULT;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<BlobOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<ResponseOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<&'a str>,
    /// Written instead of everything else.
    #[serde(skip)]
    pub(super) native: Option<&'a Value>,
}

impl<'a> PartOut<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    pub(super) fn media(mime_type: &'a str, source: &'a MediaSource) -> Self {
        match source {
            MediaSource::Base64(data) => {
                Self { inline_data: Some(BlobOut { mime_type, data }), ..Self::default() }
            }
            MediaSource::Url(file_uri) | MediaSource::FileId(file_uri) => {
                Self { file_data: Some(FileOut { mime_type, file_uri }), ..Self::default() }
            }
            // A source of a later core cannot be sent; saying so beats sending nothing.
            _ => Self::text("(a file that cannot be shown)"),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobOut<'a> {
    pub(super) mime_type: &'a str,
    pub(super) data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileOut<'a> {
    pub(super) mime_type: &'a str,
    pub(super) file_uri: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) args: &'a ToolInput,
}

impl<'a> CallOut<'a> {
    pub(super) fn of(call: &'a ToolCall) -> Self {
        Self { id: given_id(&call.call_id), name: call.name.as_str(), args: &call.input }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ResponseOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) response: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartOut<'a>>,
}

/// A tool's words. They stay text even where they are JSON: as JSON the
/// service would read large numbers (ids of messages, say) as floats.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Result(String),
    Error(String),
}

impl<'a> ResponseOut<'a> {
    pub(super) fn of(result: &'a ToolResult, parts: Vec<PartOut<'a>>) -> Self {
        let text = result.text();
        let response = if result.is_error { Outcome::Error(text) } else { Outcome::Result(text) };
        Self { id: given_id(&result.call_id), name: result.name.as_str(), response, parts }
    }

    pub(super) fn interrupted(call: &'a ToolCall) -> Self {
        let response = Outcome::Error(NO_RESULT.to_owned());
        Self { id: given_id(&call.call_id), name: call.name.as_str(), response, parts: Vec::new() }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters_json_schema: &'a Value,
}

impl<'a> Declaration<'a> {
    pub(super) fn of(tool: &'a ToolSpec) -> Self {
        Self {
            name: tool.name.as_str(),
            description: &tool.description,
            parameters_json_schema: &tool.input_schema,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_json_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<ThinkingConfig>,
}

impl<'a> GenerationConfig<'a> {
    pub(super) fn of(request: &'a ChatRequest, schema: Option<&'a Value>) -> Self {
        Self {
            max_output_tokens: request.max_output_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            stop_sequences: &request.stop_sequences,
            response_mime_type: schema.map(|_| "application/json"),
            response_json_schema: schema,
            thinking_config: model::thinking(request.model.as_str(), request.thinking),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallingConfig<'a> {
    pub(super) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_function_names: Option<[&'a str; 1]>,
}

impl<'a> CallingConfig<'a> {
    pub(super) fn of(request: &'a ChatRequest) -> Option<Self> {
        if request.tools.is_empty() {
            return None;
        }
        let (mode, allowed_function_names) = match &request.tool_choice {
            ToolChoice::None => ("NONE", None),
            ToolChoice::Required => ("ANY", None),
            ToolChoice::Tool(name) => ("ANY", Some([name.as_str()])),
            _ => return None,
        };
        Some(Self { mode, allowed_function_names })
    }
}

/// Ids of our own making are for us: such calls are paired by name and place.
fn given_id(id: &ToolCallId) -> Option<&str> {
    (!id.is_generated()).then(|| id.as_str())
}
