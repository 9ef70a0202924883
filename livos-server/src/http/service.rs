//! One request from its head to its answer.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use hyper::HeaderMap;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header;
use hyper::header::HeaderValue;

use super::auth::Caller;
use super::auth::MethodSafety;
use super::call::Call;
use super::gate::RequestOrigin;
use super::problem::Problem;
use super::problem::ProblemKind;
use super::reply::Answer;
use super::reply::ErrorShape;
use super::reply::Reply;
use super::reply::Response;
use super::reply::set;
use super::route::Access;
use super::route::Found;
use crate::app::App;

/// The route of a request that matched none, in metrics.
const NO_ROUTE: &str = "none";
/// What a browser on an allowed foreign origin may send.
const CORS_HEADERS: &str = "Authorization, Content-Type, Last-Event-ID, X-API-Key";
/// How long such a browser may remember that, in seconds.
const CORS_MAX_AGE: &str = "600";

/// Answers one request. Never fails: what goes wrong is the answer.
pub(super) async fn serve(app: Arc<App>, request: Request<Incoming>, peer: IpAddr) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = local_path(&app, request.uri().path()).to_owned();
    let mut trail = Trail { route: NO_ROUTE, origin: RequestOrigin::Untold };
    let answered = AssertUnwindSafe(dispatch(&app, request, &path, peer, &mut trail));
    let answer = answered.catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mut response = match answer {
        Ok(response) => response,
        Err(problem) => {
            let problem = explained(&app, problem).await.redacted(&app.redactor);
            Reply::problem(&problem, ErrorShape::of_path(&path))
        }
    };
    finish(response.headers_mut(), &trail.origin);
    let (status, took) = (response.status(), started.elapsed());
    app.metrics.request(trail.route, &method, status, took);
    tracing::debug!(%method, path, status = status.as_u16(), ms = took.as_millis(), "answered");
    response
}

/// A store may say no more than that it does not answer; its disk tells why.
async fn explained(app: &App, problem: Problem) -> Problem {
    if problem.kind != ProblemKind::Unavailable {
        return problem;
    }
    match app.disk.check().await {
        Ok(()) => problem,
        Err(reason) => {
            Problem::new(ProblemKind::StorageFailed, format!("nothing was kept: {reason}"))
        }
    }
}

/// What was learned of a request on its way, for the answer's headers and the metrics.
struct Trail {
    route: &'static str,
    origin: RequestOrigin,
}

/// The path below the public URL's own, for proxies that pass it through.
fn local_path<'a>(app: &App, path: &'a str) -> &'a str {
    match path.strip_prefix(app.base_path()) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

async fn dispatch(
    app: &Arc<App>,
    request: Request<Incoming>,
    path: &str,
    peer: IpAddr,
    trail: &mut Trail,
) -> Answer {
    trail.origin = app.gate.check(request.headers())?;
    let (parts, body) = request.into_parts();
    let (route, params) = match app.router.find(&parts.method, path)? {
        Found::Route(route, params) => (route, params),
        Found::Options(path, allow) => {
            trail.route = path;
            return options(&allow, &parts.headers, &trail.origin);
        }
    };
    trail.route = route.path;
    let caller = match route.access {
        Access::Public => Caller::Anonymous,
        Access::Key => app.authenticator.authenticate(
            &parts.headers,
            &trail.origin,
            MethodSafety::of(&parts.method),
            peer,
            app.clock.now(),
        )?,
    };
    route.answer(Call { app: Arc::clone(app), caller, peer, parts, body, params }).await
}

fn options(allow: &str, headers: &HeaderMap, origin: &RequestOrigin) -> Answer {
    let mut response = Reply::no_content();
    let methods = HeaderValue::from_str(allow).map_err(|error| Problem::internal(&error))?;
    let is_preflight = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let answer = response.headers_mut();
    if is_preflight && matches!(origin, RequestOrigin::Allowed(_)) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        set(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS);
        set(answer, header::ACCESS_CONTROL_MAX_AGE, CORS_MAX_AGE);
    }
    answer.insert(header::ALLOW, methods);
    Ok(response)
}

/// The headers every answer has.
fn finish(headers: &mut HeaderMap, origin: &RequestOrigin) {
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        set(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    if let RequestOrigin::Allowed(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        set(
            headers,
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        );
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of unknown kind"), "a handler panicked");
    Problem::new(ProblemKind::Internal, "something failed inside the server; its log says what")
}
