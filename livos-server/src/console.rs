//! The console: static files inside the binary, compressed by `build.rs`.

mod accept_encoding;

use std::io;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::Method;
use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderValue;

use self::accept_encoding::accepts_gzip;
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
    gzip: &'static [u8],
    /// Tells its content from any other.
    digest: &'static str,
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
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/console/", $name, ".gz")),
            digest: include_str!(concat!(env!("OUT_DIR"), "/console/", $name, ".digest")),
        }
    };
}

/// Every file of `console/`; a test compares.
static ASSETS: &[Asset] = &[
    asset!("index.html", HTML, "/"),
    asset!("agents.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("approval_card.js", SCRIPT),
    asset!("approvals.js", SCRIPT),
    asset!("compaction.js", SCRIPT),
    asset!("composer.js", SCRIPT),
    asset!("dialog.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("form.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("highlight.js", SCRIPT),
    asset!("icon.svg", PICTURE),
    asset!("icons.js", SCRIPT),
    asset!("inbox.js", SCRIPT),
    asset!("index.html", HTML),
    asset!("listing.js", SCRIPT),
    asset!("login.js", SCRIPT),
    asset!("markdown.js", SCRIPT),
    asset!("mcp_servers.js", SCRIPT),
    asset!("memory.js", SCRIPT),
    asset!("memory_report.js", SCRIPT),
    asset!("menu.js", SCRIPT),
    asset!("model_picker.js", SCRIPT),
    asset!("pages.css", STYLE),
    asset!("pages.js", SCRIPT),
    asset!("recalled.js", SCRIPT),
    asset!("resources.js", SCRIPT),
    asset!("run_state.js", SCRIPT),
    asset!("run_view.js", SCRIPT),
    asset!("schedules.js", SCRIPT),
    asset!("secrets.js", SCRIPT),
    asset!("session_list.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("subagent_card.js", SCRIPT),
    asset!("tasks.js", SCRIPT),
    asset!("tokens.css", STYLE),
    asset!("tool_card.js", SCRIPT),
    asset!("transcript.css", STYLE),
    asset!("transcript.js", SCRIPT),
    asset!("turn.js", SCRIPT),
    asset!("usage.js", SCRIPT),
];

/// A route for each file.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    ASSETS.iter().map(|asset| {
        let answer = move |call: Call| async move { serve(asset, &call) };
        Route::new(Method::GET, asset.path, Access::Public, answer)
    })
}

impl Asset {
    /// The file as it was written.
    fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut content)?;
        Ok(content)
    }
}

fn serve(asset: &'static Asset, call: &Call) -> Answer {
    let is_packed = accepts_gzip(call.headers());
    // Of just these bytes: packed and unpacked they are two.
    let tag = match is_packed {
        true => format!("\"{}-gzip\"", asset.digest),
        false => format!("\"{}\"", asset.digest),
    };
    let known = call.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    let mut response = match (is_known, is_packed) {
        (true, _) => Reply::empty(StatusCode::NOT_MODIFIED),
        (false, true) => Reply::bytes(StatusCode::OK, asset.content_type, asset.gzip),
        (false, false) => {
            let content = asset.content().map_err(|error| Problem::internal(&error))?;
            Reply::bytes(StatusCode::OK, asset.content_type, Bytes::from(content))
        }
    };
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::internal(&error))?;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_packed && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console");

    #[test]
    fn every_file_of_the_console_is_served() {
        let mut files: Vec<String> = fs::read_dir(FOLDER)
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
    fn what_is_sent_is_what_was_written() {
        for asset in ASSETS {
            let name = asset.path.strip_prefix('/').filter(|name| !name.is_empty());
            let written = fs::read(format!("{FOLDER}/{}", name.unwrap_or("index.html"))).unwrap();
            assert!(asset.content().unwrap() == written, "{}", asset.path);
        }
    }

    #[test]
    fn files_of_one_content_have_one_digest() {
        let digests: HashSet<_> = ASSETS.iter().map(|asset| asset.digest).collect();
        let contents: HashSet<_> = ASSETS.iter().map(|asset| asset.gzip).collect();
        assert_eq!(digests.len(), contents.len());
        assert!(digests.iter().all(|digest| digest.len() == 16), "{digests:?}");
    }

    #[test]
    fn nothing_in_the_pages_is_inline() {
        let pages = ASSETS.iter().filter(|asset| asset.content_type == HTML);
        for page in pages {
            let text = String::from_utf8(page.content().unwrap()).unwrap();
            for forbidden in [" style=", " onclick=", "<style", "javascript:"] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", page.path);
            }
        }
    }
}
