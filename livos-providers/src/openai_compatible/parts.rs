//! Content parts of messages: text, images and documents as services take them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use livos_core::ContentBlock;
use livos_core::Document;
use livos_core::Image;
use livos_core::MediaSource;
use serde::Serialize;
use serde::Serializer;

use super::dialect::Dialect;
use super::dialect::DocumentInput;
use super::dialect::ImageInput;

/// A part of a message's content.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutPart<'a> {
    Text {
        text: String,
    },
    ImageUrl {
        image_url: OutImage<'a>,
    },
    File {
        file: OutFile<'a>,
    },
    DocumentUrl {
        document_url: MediaUrl<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        document_name: Option<&'a str>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct OutImage<'a> {
    url: MediaUrl<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum OutFile<'a> {
    Data { filename: &'a str, file_data: MediaUrl<'a> },
    Id { file_id: &'a str },
}

/// Where media are: an address, or a `data:` URL, which is written without being built first.
#[derive(Debug)]
pub(super) struct MediaUrl<'a> {
    media_type: &'a str,
    place: UrlPlace<'a>,
}

#[derive(Debug)]
enum UrlPlace<'a> {
    Inline(&'a str),
    Address(&'a str),
}

impl fmt::Display for MediaUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            UrlPlace::Inline(base64) => write!(f, "data:{};base64,{base64}", self.media_type),
            UrlPlace::Address(url) => f.write_str(url),
        }
    }
}

impl Serialize for MediaUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a block of media is on this wire: a part of its own, or words.
pub(super) fn media<'a>(dialect: &Dialect, block: &'a ContentBlock) -> Option<OutPart<'a>> {
    match block {
        ContentBlock::Image(image) => Some(image_part(dialect, image)),
        ContentBlock::Document(document) => Some(document_part(dialect, document)),
        _ => None,
    }
}

fn image_part<'a>(dialect: &Dialect, image: &'a Image) -> OutPart<'a> {
    match (dialect.images, url(&image.media_type, &image.source)) {
        (ImageInput::ImageUrl, Some(url)) => OutPart::ImageUrl { image_url: OutImage { url } },
        _ => not_shown("image", &image.media_type, None, &image.source),
    }
}

fn document_part<'a>(dialect: &Dialect, document: &'a Document) -> OutPart<'a> {
    let Document { media_type, source, title } = document;
    let title = title.as_deref();
    if media_type.starts_with("text/")
        && let MediaSource::Base64(base64) = source
        && let Ok(bytes) = STANDARD.decode(base64)
    {
        return OutPart::Text { text: told(title, &String::from_utf8_lossy(&bytes)) };
    }
    let is_address = matches!(source, MediaSource::Url(_));
    let file_url = url(media_type, source);
    let file_id = match source {
        MediaSource::FileId(id) => Some(id),
        _ => None,
    };
    match (dialect.documents, file_url, file_id) {
        (DocumentInput::File, Some(file_data), _) if !is_address => file(title, file_data),
        (DocumentInput::FileOrUrl, Some(file_data), _) => file(title, file_data),
        (DocumentInput::File | DocumentInput::FileOrUrl, None, Some(file_id)) => {
            OutPart::File { file: OutFile::Id { file_id } }
        }
        (DocumentInput::DocumentUrl, Some(document_url), _) => {
            OutPart::DocumentUrl { document_url, document_name: title }
        }
        _ => not_shown("document", media_type, title, source),
    }
}

fn file<'a>(title: Option<&'a str>, file_data: MediaUrl<'a>) -> OutPart<'a> {
    OutPart::File { file: OutFile::Data { filename: title.unwrap_or("document.pdf"), file_data } }
}

fn url<'a>(media_type: &'a str, source: &'a MediaSource) -> Option<MediaUrl<'a>> {
    let place = match source {
        MediaSource::Base64(base64) => UrlPlace::Inline(base64),
        MediaSource::Url(url) => UrlPlace::Address(url),
        _ => return None,
    };
    Some(MediaUrl { media_type, place })
}

fn told(title: Option<&str>, text: &str) -> String {
    match title {
        Some(title) => format!("Document \"{title}\":\n{text}"),
        None => text.to_owned(),
    }
}

/// Words in place of media that this service does not take: the model must know that it misses something.
fn not_shown(
    what: &str,
    media_type: &str,
    title: Option<&str>,
    source: &MediaSource,
) -> OutPart<'static> {
    let title = title.map(|title| format!(" \"{title}\"")).unwrap_or_default();
    let place = match source {
        MediaSource::Url(url) => format!(" at {url}"),
        _ => String::new(),
    };
    OutPart::Text {
        text: format!("[{what}{title} ({media_type}){place}: cannot be shown to this model]"),
    }
}
