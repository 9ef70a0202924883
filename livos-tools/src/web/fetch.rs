//! `web_fetch`: a page for the model's eyes.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use livos_core::ContentBlock;
use livos_core::Effect;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use reqwest::Method;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

use super::PdfProgram;
use super::charset::decode;
use super::html::Style;
use super::html::to_markdown;
use super::kind::Declared;
use super::kind::Kind;
use super::paging::part;
use super::reading::Readers;
use crate::outgoing::Answer;
use crate::outgoing::BodyEnd;
use crate::outgoing::GuardedClient;
use crate::outgoing::Limits;
use crate::outgoing::Request;

/// Reads pages, PDF files, pictures and plain text of the web.
#[derive(Debug, Clone)]
pub struct WebFetch {
    client: GuardedClient,
    pdf: PdfProgram,
    readers: Readers,
}

/// The arguments of `web_fetch`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebFetchArgs {
    /// The address: http or https, without user and password.
    url: String,
    /// How to show an HTML page: its article, the whole page, or its source. Default: article.
    #[serde(default)]
    show: Show,
    /// The first character to show, counted from 0. Default: 0.
    start: Option<usize>,
    /// How many characters to show at most. Default: 20000, maximum: 50000.
    length: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Show {
    #[default]
    Article,
    Page,
    Source,
}

/// A document as text.
struct Readable {
    title: String,
    text: String,
    is_whole: bool,
}

impl WebFetch {
    const DEFAULT_LENGTH: usize = 20_000;
    const MAX_LENGTH: usize = 50_000;
    /// How many bytes of text one call brings.
    const MAX_TEXT: usize = 64 * 1024;
    /// How many bytes are read of one address, unpacked.
    const MAX_BODY: usize = 8 * 1024 * 1024;
    /// The largest picture: providers take 5 MB of base64.
    const MAX_IMAGE: usize = 3_670_016;
    /// How long an address may take to be read.
    const TIME: Duration = Duration::from_secs(30);
    /// How long a page may take to become Markdown.
    const READ_TIME: Duration = Duration::from_secs(20);

    /// Reads what `client` may reach, PDF files within this process.
    pub fn new(client: GuardedClient) -> Self {
        Self { client, pdf: PdfProgram::in_process(), readers: Readers::default() }
    }

    /// Lets another program read PDF files.
    pub fn with_pdf_program(mut self, pdf: PdfProgram) -> Self {
        self.pdf = pdf;
        self
    }

    async fn readable(
        &self,
        answer: Answer,
        kind: &Kind,
        charset: Option<String>,
        show: Show,
    ) -> Result<Readable, ToolError> {
        let is_whole = answer.body.end == BodyEnd::Whole;
        let bytes = answer.body.bytes;
        match kind {
            Kind::Pdf if !is_whole => Err(ToolError::model(format!(
                "the PDF file has more than {} bytes, or broke off",
                Self::MAX_BODY
            ))),
            Kind::Pdf => {
                let text = self.pdf.read(bytes.into(), &self.readers).await?;
                Ok(Readable { title: String::new(), text, is_whole: true })
            }
            Kind::Html if show != Show::Source => {
                let style = if show == Show::Page { Style::Page } else { Style::Article };
                let read = move || {
                    let html = decode(&bytes, charset.as_deref());
                    to_markdown(&html, &answer.url, style)
                };
                let page = self.readers.read(Self::READ_TIME, read).await?;
                let is_whole = is_whole && page.is_whole;
                Ok(Readable { title: page.title, text: page.text, is_whole })
            }
            _ => {
                let text = decode(&bytes, charset.as_deref());
                Ok(Readable { title: String::new(), text, is_whole })
            }
        }
    }
}

impl Tool for WebFetch {
    type Args = WebFetchArgs;

    fn name(&self) -> &str {
        "web_fetch"
    }

    fn description(&self) -> &str {
        include_str!("fetch.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: WebFetchArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let url = self.client.guard().check_url(&args.url)?;
        let request = Request::new(Method::GET, url).with_headers(wanted());
        let answer = self.client.send(request, Limits::new(Self::MAX_BODY, Self::TIME)).await?;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        let declared = Declared::of(&answer.headers);
        let kind = Kind::of(&answer.body.bytes, &declared);
        let from = answer.url.clone();
        match kind {
            Kind::Image(media_type) => return image(&answer, media_type),
            Kind::Other => return Err(nothing_to_read(&answer, &declared)),
            Kind::Html | Kind::Pdf | Kind::Text => {}
        }
        let readable = self.readable(answer, &kind, declared.charset, args.show).await?;
        page(&readable, &args, from.as_str())
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // Room for the marks around the text and the line behind it.
        spec.with_output_limit(Self::MAX_TEXT + 4 * 1024)
    }
}

fn wanted() -> HeaderMap {
    const TYPES: &str = "text/html, application/xhtml+xml, text/markdown, text/plain;q=0.9, \
                         application/json;q=0.9, application/pdf;q=0.9, image/*;q=0.8, */*;q=0.5";
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(TYPES));
    headers
}

fn refused(answer: &Answer) -> ToolError {
    let advice = match answer.status.as_u16() {
        401 | 403 => "it is not for everybody; try another source",
        404 | 410 => "there is no such page; check the address or search for it",
        429 => "too many requests; wait, or try another source",
        500.. => "the server has a problem; try again later, or another source",
        _ => "there is nothing to read there",
    };
    ToolError::model(format!("{} answered {}: {advice}", answer.url, answer.status))
}

fn nothing_to_read(answer: &Answer, declared: &Declared) -> ToolError {
    let Declared { media_type, .. } = declared;
    let clean: String = media_type.chars().filter(char::is_ascii_graphic).take(100).collect();
    ToolError::model(format!(
        "{} is neither text, nor a PDF file, nor a picture that can be seen: it is {} ({} bytes read)",
        answer.url,
        if clean.is_empty() { "of no known type" } else { &clean },
        answer.body.bytes.len()
    ))
}

fn image(answer: &Answer, media_type: &'static str) -> Result<ToolOutput, ToolError> {
    let bytes = &answer.body.bytes;
    if answer.body.end != BodyEnd::Whole || bytes.len() > WebFetch::MAX_IMAGE {
        return Err(ToolError::model(format!(
            "the picture has more than {} bytes, or broke off; look for a smaller one",
            WebFetch::MAX_IMAGE
        )));
    }
    let caption = format!("[{}: {media_type}, {} bytes]", answer.url, bytes.len());
    let image = Image {
        media_type: media_type.to_owned(),
        source: MediaSource::Base64(STANDARD.encode(bytes)),
    };
    let blocks = vec![ContentBlock::text(caption), ContentBlock::Image(image)];
    Ok(ToolOutput::blocks(blocks).untrusted(answer.url.as_str()))
}

fn page(readable: &Readable, args: &WebFetchArgs, from: &str) -> Result<ToolOutput, ToolError> {
    let start = args.start.unwrap_or(0);
    let length = args.length.unwrap_or(WebFetch::DEFAULT_LENGTH).clamp(1, WebFetch::MAX_LENGTH);
    let text = readable.text.trim();
    let Some(part) = part(text, start, length, WebFetch::MAX_TEXT) else {
        let total = text.chars().count();
        return Err(ToolError::model(format!(
            "start {start} is behind the end: the text has {total} characters"
        )));
    };
    let shown = match (text.is_empty(), readable.title.as_str(), start) {
        (true, ..) => "[there is no text on this page; it may need a browser]".to_owned(),
        (false, "", _) | (false, _, 1..) => part.text.to_owned(),
        (false, title, 0) => format!("Title: {title}\n\n{}", part.text),
    };
    let mut output = ToolOutput::text(shown).untrusted(from);
    if let Some(remark) = part.remark(readable.is_whole) {
        output.content.push(ContentBlock::text(format!("\n{remark}")));
        output = output.truncated();
    }
    Ok(output)
}
