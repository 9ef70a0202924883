//! Logging a browser in and out.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header;
use hyper::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::app::App;
use crate::config::WebAddress;
use crate::http::Answer;
use crate::http::Call;
use crate::http::LINK_LIFETIME;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::http::Response;
use crate::http::SESSION_COOKIE;
use crate::http::SESSION_LIFETIME;
use crate::openapi::Operation;

/// The key, to be exchanged for a session cookie.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// The API key.
    key: String,
}

/// A link that logs a browser in once.
#[derive(Debug, Serialize, JsonSchema)]
struct LoginLink {
    /// The path below the server's address.
    path: String,
    /// How long it works, in seconds.
    expires_in_seconds: u64,
}

pub(super) async fn with_key(call: Call) -> Answer {
    let (app, peer) = (Arc::clone(&call.app), call.peer);
    let login: Login = call.json().await?;
    app.authenticator.check_key(login.key.trim(), peer, app.clock.now())?;
    log_in(&app, Reply::no_content())
}

pub(super) fn describe_with_key(operation: Operation) -> Operation {
    operation
        .named("login", "Exchange the key for the console's session cookie.")
        .body::<Login>()
        .answers_as(204, "The cookie is set.", "")
        .problem(ProblemKind::Unauthorized)
        .problem(ProblemKind::TooManyRequests)
}

pub(super) async fn with_link(call: Call) -> Answer {
    let mut query = call.query();
    let token = query.text("token");
    query.finish()?;
    let home = format!("{}/", call.app.base_path());
    // Without a token this is somebody looking for the login page, which the console shows by itself.
    let Some(token) = token else { return Reply::see_other(&home) };
    let now = call.app.clock.now();
    if !call.app.login_tokens.redeem(&token, now) {
        let detail = "the login link was used already or is too old; log in with the key, or make a new link";
        return Err(call.app.authenticator.refuse(call.peer, now, detail));
    }
    log_in(&call.app, Reply::see_other(&home)?)
}

pub(super) async fn make_link(call: Call) -> Answer {
    let token = call.app.login_tokens.issue(call.app.clock.now());
    let token = token.map_err(|error| Problem::internal(&error))?;
    let link = LoginLink {
        path: format!("/login?token={token}"),
        expires_in_seconds: LINK_LIFETIME.as_secs(),
    };
    Reply::json(StatusCode::CREATED, &link)
}

pub(super) fn describe_make_link(operation: Operation) -> Operation {
    operation
        .named("make_login_link", "Make a link that logs a browser in once.")
        .answers::<LoginLink>(201, "It works for a quarter of an hour.")
}

pub(super) async fn end(call: Call) -> Answer {
    call.app.authenticator.end_session(call.headers(), call.app.clock.now());
    with_cookie(&call.app, Reply::no_content(), "", 0)
}

pub(super) fn describe_end(operation: Operation) -> Operation {
    operation.named("logout", "End the console's session.").answers_as(
        204,
        "The cookie is gone.",
        "",
    )
}

fn log_in(app: &App, response: Response) -> Answer {
    let value = app.authenticator.start_session(app.clock.now());
    let value = value.map_err(|error| Problem::internal(&error))?;
    with_cookie(app, response, &value, SESSION_LIFETIME.as_secs())
}

fn with_cookie(app: &App, mut response: Response, value: &str, seconds: u64) -> Answer {
    let secure =
        if app.public_url.as_ref().is_some_and(WebAddress::is_https) { "; Secure" } else { "" };
    let path = format!("{}/", app.base_path());
    let cookie = format!(
        "{SESSION_COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}
