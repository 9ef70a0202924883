//! Pictures and files in a conversation.

use serde::Deserialize;
use serde::Serialize;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its MIME type: `image/png`, `image/jpeg`, `image/webp`, `image/gif`.
    pub media_type: String,
    /// Where its bytes are.
    pub source: MediaSource,
}

/// A file the model shall read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its MIME type: `application/pdf` or `text/plain`.
    pub media_type: String,
    /// Where its bytes are.
    pub source: MediaSource,
    /// A title to cite it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Where the bytes of an image or document are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// Here, in base64 (RFC 4648 section 4, padded); for `text/plain` documents too.
    Base64(String),
    /// At this address, which the provider fetches.
    Url(String),
    /// Uploaded to the provider before, under this file id.
    FileId(String),
}
