//! The HTTP edge: one port, hyper, HTTP/1.1.
//!
//! [`listener`] accepts and bounds connections, [`service`] takes one request
//! through host check, route, authentication and handler, and turns whatever
//! goes wrong (a panic too) into a problem. What the routes do is in `api`.

mod auth;
mod body;
mod call;
mod event_stream;
mod gate;
mod hmac;
mod listener;
mod login;
mod problem;
mod query;
mod rate_limit;
mod reply;
mod route;
mod service;
mod stall;

pub(crate) use self::auth::Authenticator;
pub(crate) use self::auth::Caller;
pub(crate) use self::auth::SESSION_COOKIE;
pub(crate) use self::auth::SESSION_LIFETIME;
pub(crate) use self::body::parse_json;
pub(crate) use self::call::Call;
pub(crate) use self::event_stream::Frame;
pub(crate) use self::event_stream::event_stream;
pub(crate) use self::gate::Gate;
pub(crate) use self::hmac::hmac_sha256;
pub(crate) use self::listener::Listener;
pub(crate) use self::login::LINK_LIFETIME;
pub(crate) use self::login::LoginTokens;
pub(crate) use self::problem::Causes;
pub(crate) use self::problem::FieldError;
pub(crate) use self::problem::Problem;
pub(crate) use self::problem::ProblemBody;
pub(crate) use self::problem::ProblemKind;
pub(crate) use self::query::Query;
pub(crate) use self::reply::Answer;
pub(crate) use self::reply::ErrorShape;
pub(crate) use self::reply::Reply;
pub(crate) use self::reply::Response;
pub(crate) use self::reply::openai_error;
pub(crate) use self::route::Access;
pub(crate) use self::route::Route;
pub(crate) use self::route::Router;
