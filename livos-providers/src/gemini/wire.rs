//! What the service sends, read without copying.
//!
//! Strings borrow from the frame unless they hold escapes, and whatever we do
//! not know stays raw JSON, so that one frame is parsed once.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

/// Text of a frame. The newtype lets `Option<Str>` borrow, which `Option<Cow<str>>` does not.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Str<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Str<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A whole answer, or one frame of a streamed one; both have the same shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(default)]
    pub(super) usage_metadata: Option<UsageMetadata>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Str<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(borrow, default)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<Str<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_message: Option<Str<'a>>,
    /// Absent on some frames; then it is the first.
    #[serde(default)]
    pub(super) index: u32,
    #[serde(borrow, default)]
    pub(super) citation_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, default)]
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow, default)]
    pub(super) block_reason: Option<Str<'a>>,
    #[serde(borrow, default)]
    pub(super) block_reason_message: Option<Str<'a>>,
}

/// Token counts. `prompt` includes `cached`; thoughts and the service's own tools are counted apart.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct UsageMetadata {
    #[serde(default, rename = "promptTokenCount")]
    pub(super) prompt: u64,
    #[serde(default, rename = "cachedContentTokenCount")]
    pub(super) cached: u64,
    #[serde(default, rename = "candidatesTokenCount")]
    pub(super) candidates: u64,
    #[serde(default, rename = "thoughtsTokenCount")]
    pub(super) thoughts: u64,
    #[serde(default, rename = "toolUsePromptTokenCount")]
    pub(super) tool_use: u64,
}

/// One part of a content. Keys that are not known are kept raw.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Str<'a>>,
    pub(super) thought: bool,
    pub(super) thought_signature: Option<Str<'a>>,
    pub(super) function_call: Option<FunctionCall<'a>>,
    pub(super) inline_data: Option<Blob<'a>>,
    pub(super) unknown: Vec<(Cow<'a, str>, &'a RawValue)>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Str<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Str<'a>,
    #[serde(borrow, default)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow, default)]
    pub(super) mime_type: Str<'a>,
    #[serde(borrow, default)]
    pub(super) data: Str<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a content")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut part = Part::default();
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match key.as_str() {
                "text" => part.text = map.next_value()?,
                "thought" => part.thought = map.next_value::<Option<bool>>()?.unwrap_or(false),
                "thoughtSignature" => part.thought_signature = map.next_value()?,
                "functionCall" => part.function_call = map.next_value()?,
                "inlineData" => part.inline_data = map.next_value()?,
                // Facts about a part (its place in a video, a caller's notes), not parts.
                "videoMetadata" | "partMetadata" | "mediaResolution" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => part.unknown.push((key.0, map.next_value()?)),
            }
        }
        Ok(part)
    }
}

/// A page of `GET /v1beta/models`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelPage {
    #[serde(default)]
    pub(super) models: Vec<ListedModel>,
    #[serde(default)]
    pub(super) next_page_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedModel {
    /// `models/…`.
    pub(super) name: String,
    #[serde(default)]
    pub(super) input_token_limit: Option<u64>,
    #[serde(default)]
    pub(super) output_token_limit: Option<u64>,
    #[serde(default)]
    pub(super) supported_generation_methods: Vec<String>,
    #[serde(default)]
    pub(super) thinking: Option<bool>,
}
