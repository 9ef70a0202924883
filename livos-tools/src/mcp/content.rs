//! What servers answer, as a model reads it.

use livos_core::ContentBlock;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::ToolError;
use livos_core::ToolOutput;
use rmcp::model::CallToolResult;
use rmcp::model::ContentBlock as Given;
use rmcp::model::ResourceContents;

/// More pieces than a result needs; the rest is left out and the model is told.
const MOST_PIECES: usize = 200;

/// A larger picture, in base64, is left out: no provider takes it.
const LARGEST_PICTURE: usize = 16 * 1024 * 1024;

/// The formats of pictures that models see.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/// The result of a call. What the server calls an error, the model is told as one.
pub(super) fn result(result: CallToolResult) -> Result<ToolOutput, ToolError> {
    let count = result.content.len();
    let mut blocks: Vec<ContentBlock> =
        result.content.into_iter().take(MOST_PIECES).map(block).collect();
    if count > MOST_PIECES {
        let left_out = count - MOST_PIECES;
        blocks.push(ContentBlock::text(format!("[{left_out} more pieces are left out]")));
    }
    if let Some(structured) = result.structured_content {
        let text = structured.to_string();
        // Servers repeat it as text for clients that know no structured results.
        let is_repeated = blocks.iter().filter_map(ContentBlock::as_text).any(|shown| {
            serde_json::from_str::<serde_json::Value>(shown).is_ok_and(|shown| shown == structured)
        });
        if !is_repeated {
            blocks.push(ContentBlock::text(text));
        }
    }
    if result.is_error == Some(true) {
        return Err(ToolError::model(in_words(&blocks)));
    }
    let mut output = ToolOutput::default();
    output.content = blocks;
    output.truncated = count > MOST_PIECES;
    Ok(output)
}

fn in_words(blocks: &[ContentBlock]) -> String {
    let text: Vec<&str> = blocks.iter().filter_map(ContentBlock::as_text).collect();
    if text.is_empty() { "the tool failed and did not say why".to_owned() } else { text.join("\n") }
}

/// One piece of an answer.
pub(super) fn block(given: Given) -> ContentBlock {
    match given {
        Given::Text(text) => ContentBlock::text(text.text),
        Given::Image(image) => picture(image.data, &image.mime_type),
        Given::Audio(audio) => ContentBlock::text(format!(
            "[a sound of type {} with {} bytes, which cannot be heard here]",
            audio.mime_type,
            bytes_of(&audio.data)
        )),
        Given::Resource(embedded) => resource(embedded.resource),
        Given::ResourceLink(link) => {
            let about = link.description.or(link.title).unwrap_or(link.name);
            ContentBlock::text(format!("[resource {}: {about}]", link.uri))
        }
        _ => ContentBlock::text("[a piece of a kind that is not known here]"),
    }
}

/// A resource's content.
pub(super) fn resource(contents: ResourceContents) -> ContentBlock {
    match contents {
        ResourceContents::TextResourceContents { uri, text, .. } => {
            ContentBlock::text(format!("[resource {uri}]\n{text}"))
        }
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
            let kind = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            if PICTURES.contains(&kind.as_str()) {
                return picture(blob, &kind);
            }
            let size = bytes_of(&blob);
            ContentBlock::text(format!("[resource {uri}: {size} bytes of type {kind}]"))
        }
        _ => ContentBlock::text("[a resource of a kind that is not known here]"),
    }
}

fn picture(data: String, kind: &str) -> ContentBlock {
    let kind = kind.to_ascii_lowercase();
    if !PICTURES.contains(&kind.as_str()) || data.len() > LARGEST_PICTURE {
        let size = bytes_of(&data);
        return ContentBlock::text(format!(
            "[a picture of type {kind} with {size} bytes, which cannot be shown]"
        ));
    }
    ContentBlock::Image(Image { media_type: kind, source: MediaSource::Base64(data) })
}

fn bytes_of(base64: &str) -> usize {
    base64.len() / 4 * 3
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn output(value: Value) -> Result<ToolOutput, ToolError> {
        result(serde_json::from_value(value).unwrap())
    }

    fn texts(output: &ToolOutput) -> Vec<&str> {
        output.content.iter().filter_map(ContentBlock::as_text).collect()
    }

    #[test]
    fn every_kind_of_piece_reaches_the_model() {
        let output = output(json!({"content": [
            {"type": "text", "text": "hello"},
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
            {"type": "image", "data": "aGk=", "mimeType": "image/tiff"},
            {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "a:b", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "a:c", "blob": "aGk="}},
            {"type": "resource_link", "uri": "a:d", "name": "d"},
        ]}))
        .unwrap();
        assert_eq!(output.content.len(), 7);
        assert!(matches!(&output.content[1], ContentBlock::Image(image)
            if image.source == MediaSource::Base64("aGk=".to_owned())));
        let texts = texts(&output);
        assert_eq!(texts[0], "hello");
        assert!(texts[1].contains("image/tiff") && texts[2].contains("audio/wav"));
        assert!(texts[3].contains("inside") && texts[4].contains("a:c"));
    }

    #[test]
    fn structured_results_are_shown_once() {
        let structured = json!({"sum": 8});
        let alone = output(json!({"content": [], "structuredContent": structured})).unwrap();
        assert_eq!(texts(&alone), [r#"{"sum":8}"#]);
        let repeated = json!({"content": [{"type": "text", "text": "{ \"sum\": 8 }"}],
            "structuredContent": structured});
        assert_eq!(texts(&output(repeated).unwrap()).len(), 1);
    }

    #[test]
    fn errors_are_told_as_errors() {
        let failed =
            json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        assert_eq!(output(failed), Err(ToolError::model("no such file")));
        let silent = output(json!({"content": [], "isError": true})).unwrap_err();
        assert!(silent.to_string().contains("did not say why"));
    }
}
