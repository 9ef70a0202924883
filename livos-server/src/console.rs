//! The console: static files inside the binary, as they are and compressed by `build.rs`.

mod accept_encoding;

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::Method;
use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderValue;
use sha2::Digest;
use sha2::Sha256;

use self::accept_encoding::accepts_gzip;
use crate::hex::hex;
use crate::http::Access;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::Reply;
use crate::http::Route;

/// Scripts and styles come from the server itself and nowhere else; nothing is inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// One file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    gzip: &'static [u8],
}

/// How a file is sent, with the tag of just these bytes.
struct Variant {
    content: &'static [u8],
    encoding: Option<&'static str>,
    tag: String,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $content_type:ident) => {
        asset!($name, $content_type, concat!("/", $name))
    };
    ($name:literal, $content_type:ident, $path:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            content: include_bytes!(concat!("../console/", $name)),
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/console/", $name, ".gz")),
        }
    };
}

/// Every file of `console/`; a test compares.
static ASSETS: &[Asset] = &[
    asset!("index.html", HTML, "/"),
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("answer_form.js", SCRIPT),
    asset!("approval_card.js", SCRIPT),
    asset!("compaction.js", SCRIPT),
    asset!("composer.js", SCRIPT),
    asset!("dialog.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("highlight.js", SCRIPT),
    asset!("icon.svg", PICTURE),
    asset!("icons.js", SCRIPT),
    asset!("inbox.js", SCRIPT),
    asset!("index.html", HTML),
    asset!("login.js", SCRIPT),
    asset!("markdown.js", SCRIPT),
    asset!("mcp_servers.js", SCRIPT),
    asset!("menu.js", SCRIPT),
    asset!("model_picker.js", SCRIPT),
    asset!("run_view.js", SCRIPT),
    asset!("schedules.js", SCRIPT),
    asset!("session_list.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("tokens.css", STYLE),
    asset!("tool_card.js", SCRIPT),
    asset!("transcript.css", STYLE),
    asset!("transcript.js", SCRIPT),
    asset!("turn.js", SCRIPT),
];

/// A route for each file.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    ASSETS.iter().map(|asset| {
        let variants = Arc::new(Variants::of(asset));
        Route::new(Method::GET, asset.path, Access::Public, move |call| {
            let variants = Arc::clone(&variants);
            async move { serve(asset, variants.chosen(call.headers()), &call) }
        })
    })
}

/// The ways in which a file can be sent.
struct Variants {
    plain: Variant,
    /// None for files that are no smaller compressed.
    gzip: Option<Variant>,
}

impl Variants {
    fn of(asset: &Asset) -> Self {
        let digest = entity_digest(asset.content);
        let plain =
            Variant { content: asset.content, encoding: None, tag: format!("\"{digest}\"") };
        let gzip = Variant {
            content: asset.gzip,
            encoding: Some("gzip"),
            tag: format!("\"{digest}-gzip\""),
        };
        Self { plain, gzip: Some(gzip).filter(|gzip| gzip.content.len() < asset.content.len()) }
    }

    fn chosen(&self, headers: &HeaderMap) -> &Variant {
        self.gzip.as_ref().filter(|_| accepts_gzip(headers)).unwrap_or(&self.plain)
    }
}

fn serve(asset: &'static Asset, variant: &Variant, call: &Call) -> Answer {
    let known = call.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == variant.tag)
    });
    let mut response = if is_known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::bytes(StatusCode::OK, asset.content_type, variant.content)
    };
    let tag = HeaderValue::from_str(&variant.tag).map_err(|error| Problem::internal(&error))?;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = variant.encoding.filter(|_| !is_known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn entity_digest(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let digits = hex(&digest);
    digits.get(..16).unwrap_or(&digits).to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_file_of_the_console_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| format!("/{}", file.unwrap().file_name().to_str().unwrap()))
            .collect();
        files.push("/".to_owned());
        files.sort();
        let mut served: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        served.sort_unstable();
        assert_eq!(served, files);
    }

    #[test]
    fn compressed_files_are_the_files() {
        for asset in ASSETS {
            let mut content = Vec::new();
            flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut content).unwrap();
            assert!(content == asset.content, "{}", asset.path);
        }
    }

    #[test]
    fn nothing_in_the_pages_is_inline() {
        let pages = ASSETS.iter().filter(|asset| asset.content_type == HTML);
        for page in pages {
            let text = std::str::from_utf8(page.content).unwrap();
            for forbidden in [" style=", " onclick=", "<style", "javascript:"] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", page.path);
            }
        }
    }
}
