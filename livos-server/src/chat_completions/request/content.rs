//! The content of a message: text, or parts.

use livos_core::ContentBlock;
use livos_core::Document;
use livos_core::Image;
use livos_core::MediaSource;
use serde::Deserialize;
use serde_json::Value;

use super::Faults;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum WireContent {
    Text(String),
    Parts(Vec<Value>),
}

impl WireContent {
    pub(super) fn blocks(self, field: &str, faults: &mut Faults) -> Vec<ContentBlock> {
        match self {
            Self::Text(text) if text.is_empty() => Vec::new(),
            Self::Text(text) => vec![ContentBlock::text(text)],
            Self::Parts(parts) => {
                let parts = parts.iter().enumerate();
                parts
                    .filter_map(|(index, part)| match block(part) {
                        Ok(block) => Some(block),
                        Err(message) => {
                            faults.add(format!("{field}.content[{index}]"), message);
                            None
                        }
                    })
                    .collect()
            }
        }
    }
}

fn block(part: &Value) -> Result<ContentBlock, &'static str> {
    let text = |pointer: &str| part.pointer(pointer).and_then(Value::as_str);
    match text("/type") {
        Some("text") => text("/text").map(ContentBlock::text).ok_or("must have a text"),
        Some("refusal") => text("/refusal").map(ContentBlock::text).ok_or("must have a refusal"),
        Some("image_url") => {
            let url = text("/image_url/url").ok_or("must have an image_url with a url")?;
            let (media_type, source) = media(url)?;
            Ok(ContentBlock::Image(Image { media_type, source }))
        }
        Some("file") => {
            let title = text("/file/filename").map(str::to_owned);
            let data = text("/file/file_data").ok_or("must have file_data as a data: URL")?;
            let (media_type, source) = media(data)?;
            Ok(ContentBlock::Document(Document { media_type, source, title }))
        }
        _ => Err("must be of type text, image_url or file"),
    }
}

/// A `data:` URL's type and bytes, or the address of a picture that the provider fetches.
fn media(url: &str) -> Result<(String, MediaSource), &'static str> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok((guess(url).to_owned(), MediaSource::Url(url.to_owned())));
    }
    let parts = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let (media_type, bytes) =
        parts.ok_or("must be an http(s) address or data:TYPE;base64,BYTES")?;
    let is_base64 = !bytes.is_empty()
        && bytes.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if media_type.is_empty() || !is_base64 {
        return Err("must be data:TYPE;base64,BYTES with a type and valid base64");
    }
    Ok((media_type.to_owned(), MediaSource::Base64(bytes.to_owned())))
}

/// The type of a picture by its address; providers look at the bytes themselves.
fn guess(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
    match path.rsplit('.').next() {
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        _ => "image/jpeg",
    }
}
