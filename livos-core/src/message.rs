//! The conversation, in words that belong to no vendor.
//!
//! A [`Message`] is a role and a list of [`ContentBlock`]s. Providers translate
//! it to their wire and back; nothing above them sees a vendor's JSON. Whatever
//! a vendor wants back unchanged (signatures, blocks of its own) travels along
//! as [`Signature`] or [`NativeBlock`] and is offered to that vendor only.

mod conversation;
mod media;
mod tool_call;
mod usage;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::id::ProviderId;

pub use self::conversation::Conversation;
pub use self::conversation::EncodingSlot;
pub use self::media::Document;
pub use self::media::Image;
pub use self::media::MediaSource;
pub use self::tool_call::ToolCall;
pub use self::tool_call::ToolInput;
pub use self::tool_call::ToolResult;
pub use self::usage::MicroUsd;
pub use self::usage::Usage;

/// Whose words a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions in the middle of a conversation. The standing ones are [`ChatRequest::system`](crate::ChatRequest::system).
    System,
    /// The human, or the tools answering the assistant.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
///
/// ```
/// use livos_core::Message;
///
/// let question = Message::user("What is 2 + 2?");
/// assert_eq!(question.text(), "What is 2 + 2?");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Whose words these are.
    pub role: Role,
    /// What is said, in order.
    pub content: Vec<ContentBlock>,
}

impl Message {
    /// A message with these blocks.
    pub fn new(role: Role, content: Vec<ContentBlock>) -> Self {
        Self { role, content }
    }

    /// A user's text.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, vec![ContentBlock::text(text)])
    }

    /// An assistant's text.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, vec![ContentBlock::text(text)])
    }

    /// Instructions in the middle of a conversation.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, vec![ContentBlock::text(text)])
    }

    /// All text blocks joined; thinking, tool calls and media are left out.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(ContentBlock::as_text).collect()
    }

    /// The tool calls this message asks for, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.content.iter().filter_map(|block| match block {
            ContentBlock::ToolUse(call) => Some(call),
            _ => None,
        })
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentBlock {
    /// Words.
    Text(Text),
    /// A picture.
    Image(Image),
    /// A file to read: PDF or plain text.
    Document(Document),
    /// The model's reasoning before its answer.
    Thinking(Thinking),
    /// The model asks for a tool.
    ToolUse(ToolCall),
    /// A tool's answer.
    ToolResult(ToolResult),
    /// A block only its own provider understands; given back to it unchanged.
    Native(NativeBlock),
}

impl ContentBlock {
    /// A block of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text { text: text.into(), signature: None, citations: Vec::new() })
    }

    /// The text of a text block.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(block) => Some(&block.text),
            _ => None,
        }
    }
}

/// Words, and what the provider attached to them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Text {
    /// The words.
    pub text: String,
    /// A provider's proof for this part (Gemini puts thought signatures on text too).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Sources the provider named, in its own shape.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Value>,
}

/// The model's reasoning.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Thinking {
    /// The reasoning as far as the provider shows it; may be empty.
    pub text: String,
    /// The provider's proof that the reasoning is its own, to be sent back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// An opaque value of one provider that it wants back unchanged.
///
/// Encoders send it only to `issuer`; to others it means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The wire format that issued it: `anthropic`, `gemini`, `openai`.
    pub issuer: ProviderId,
    /// The value, untouched.
    pub value: String,
}

/// A block in a provider's own shape (redacted thinking, server-side tools…).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NativeBlock {
    /// The wire format it belongs to: `anthropic`, `gemini`, `openai`.
    pub issuer: ProviderId,
    /// The block as that wire has it.
    pub value: Value,
}
