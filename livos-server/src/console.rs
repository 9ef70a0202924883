//! The console: static files inside the binary.

use hyper::Method;
use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderValue;
use sha2::Digest;
use sha2::Sha256;

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
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $content_type:ident) => {
        Asset {
            path: concat!("/", $name),
            content_type: $content_type,
            content: include_bytes!(concat!("../console/", $name)),
        }
    };
}

/// Every file of `console/`; a test compares.
static ASSETS: &[Asset] = &[
    Asset { path: "/", content_type: HTML, content: include_bytes!("../console/index.html") },
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("approval_card.js", SCRIPT),
    asset!("composer.js", SCRIPT),
    asset!("dialog.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("highlight.js", SCRIPT),
    asset!("icon.svg", PICTURE),
    asset!("icons.js", SCRIPT),
    asset!("index.html", HTML),
    asset!("login.js", SCRIPT),
    asset!("markdown.js", SCRIPT),
    asset!("menu.js", SCRIPT),
    asset!("model_picker.js", SCRIPT),
    asset!("run_view.js", SCRIPT),
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
        let tag = entity_tag(asset.content);
        Route::new(Method::GET, asset.path, Access::Public, move |call| {
            let tag = tag.clone();
            async move { serve(asset, &tag, &call) }
        })
    })
}

fn serve(asset: &'static Asset, tag: &str, call: &Call) -> Answer {
    let known = call.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let mut response = if is_known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::bytes(StatusCode::OK, asset.content_type, asset.content)
    };
    let tag = HeaderValue::from_str(tag).map_err(|error| Problem::internal(&error))?;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn entity_tag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let digits = hex(&digest);
    format!("\"{}\"", digits.get(..16).unwrap_or(&digits))
}

#[cfg(test)]
mod tests {
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
