//! What a server sent, by its first bytes and by what the server says of it.

use reqwest::header;
use reqwest::header::HeaderMap;

use super::charset::is_wide;
use crate::files::content::ContentKind;

/// What a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Pdf,
    /// A picture models can see, with its MIME type.
    Image(&'static str),
    Text,
    /// Nothing to read.
    Other,
}

/// What `Content-Type` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Declared {
    /// Lower case, without parameters; empty when nothing was said.
    pub(super) media_type: String,
    pub(super) charset: Option<String>,
}

impl Declared {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Self::default() };
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut parts = text.split(';');
        let media_type = parts.next().unwrap_or_default().trim().to_owned();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
        });
        Self { media_type, charset }
    }

    fn is_html(&self) -> bool {
        matches!(self.media_type.as_str(), "text/html" | "application/xhtml+xml")
    }

    fn says_nothing(&self) -> bool {
        let generic = ["", "application/octet-stream", "binary/octet-stream", "text/plain"];
        generic.contains(&self.media_type.as_str())
    }

    fn is_text(&self) -> bool {
        const TEXT: [&str; 8] = [
            "application/json",
            "application/xml",
            "application/javascript",
            "application/x-ndjson",
            "application/yaml",
            "application/toml",
            "application/sql",
            "application/x-sh",
        ];
        let media_type = self.media_type.as_str();
        media_type.starts_with("text/")
            || media_type.ends_with("+json")
            || media_type.ends_with("+xml")
            || TEXT.contains(&media_type)
    }
}

impl Kind {
    pub(super) fn of(bytes: &[u8], declared: &Declared) -> Self {
        let beginning = bytes.get(..bytes.len().min(ContentKind::PROBE)).unwrap_or_default();
        match ContentKind::of(beginning) {
            ContentKind::Image(media_type) => return Self::Image(media_type),
            ContentKind::Pdf => return Self::Pdf,
            ContentKind::Binary if !is_wide(beginning, declared.charset.as_deref()) => {
                return Self::Other;
            }
            ContentKind::Binary | ContentKind::Text => {}
        }
        if declared.is_html() || (declared.says_nothing() && looks_like_html(beginning)) {
            return Self::Html;
        }
        if declared.is_text() || declared.says_nothing() { Self::Text } else { Self::Other }
    }
}

fn looks_like_html(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_before_words() {
        for (bytes, content_type, kind) in [
            (&b"<p>x"[..], "text/html; charset=utf-8", Kind::Html),
            (b"<p>x", "application/xhtml+xml", Kind::Html),
            (b" <!DOCTYPE html><p>x", "", Kind::Html),
            (b"<html>", "text/plain", Kind::Html),
            (b"<p>x", "text/plain", Kind::Text),
            (b"{}", "application/ld+json", Kind::Text),
            (b"{}", "", Kind::Text),
            (b"%PDF-1.7", "text/html", Kind::Pdf),
            (b"GIF89a", "application/octet-stream", Kind::Image("image/gif")),
            (b"PK\x03\x04\0\0", "application/zip", Kind::Other),
            (b"abc", "application/zip", Kind::Other),
            (b"\xff\xfe<\0p\0", "text/html", Kind::Html),
            (b"<\0p\0", "text/html; charset=\"UTF-16LE\"", Kind::Html),
            (b"", "", Kind::Text),
        ] {
            let mut headers = HeaderMap::new();
            if !content_type.is_empty() {
                headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            }
            assert_eq!(Kind::of(bytes, &Declared::of(&headers)), kind, "{content_type} {bytes:?}");
        }
    }
}
