//! The console: static files inside the binary.

use hyper::Method;
use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderValue;
use sha2::Digest;
use sha2::Sha256;

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

static ASSETS: &[Asset] = &[Asset { path: "/", content_type: HTML, content: b"<!doctype html><title>LivOS</title>" }];

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
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}
