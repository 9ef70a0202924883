//! The routes, and who answers them: the one table of this server.

mod approvals;
mod archive;
mod backup;
mod catalog;
mod change;
mod compaction;
mod deliveries;
mod documents;
mod events;
pub(crate) mod health;
mod login;
mod mcp;
mod memories;
mod messages;
mod page;
mod runs;
mod schedules;
mod secrets;
mod sessions;
mod status;
mod subagents;
mod tasks;
mod usage;

use hyper::Method;
use livos_core::replay::RecordingError;

use crate::chat_completions;
use crate::console;
use crate::http::Access;
use crate::http::Access::Key;
use crate::http::Access::Public;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Route;
use crate::mcp_door;
use crate::openapi::Operation;
use crate::runs::RunsError;

/// Every route of the server.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = of_the_server();
    routes.extend(of_sessions());
    routes.extend(of_work());
    routes.extend(of_people());
    routes.extend(of_memory());
    routes.extend(of_mcp());
    routes.extend(of_models());
    routes.extend(of_the_login());
    routes.extend(console::routes());
    routes
}

/// Health, documentation and figures of the server.
fn of_the_server() -> Vec<Route> {
    vec![
        get("/healthz", Public, health::alive, health::describe_alive),
        get("/readyz", Public, health::ready, health::describe_ready),
        get("/openapi.json", Key, documents::openapi, documents::describe_openapi),
        get("/metrics", Key, documents::metrics, documents::describe_metrics),
        get("/api/usage", Key, usage::show, usage::describe_show),
        post("/api/backup", Key, backup::back_up, backup::describe_back_up),
        get("/api/status", Key, status::show, status::describe),
    ]
}

/// Sessions, what is said in them, and their runs.
fn of_sessions() -> Vec<Route> {
    vec![
        get("/api/sessions", Key, sessions::list, sessions::describe_list),
        post("/api/sessions", Key, sessions::create, sessions::describe_create),
        get("/api/sessions/{id}", Key, sessions::show, sessions::describe_show),
        patch("/api/sessions/{id}", Key, sessions::change, sessions::describe_change),
        delete("/api/sessions/{id}", Key, sessions::remove, sessions::describe_remove),
        post("/api/sessions/{id}/messages", Key, messages::send, messages::describe_send),
        get("/api/sessions/{id}/messages", Key, messages::history, messages::describe_history),
        get("/api/sessions/{id}/events", Key, events::follow, events::describe_follow),
        post("/api/sessions/{id}/fork", Key, sessions::fork, sessions::describe_fork),
        get("/api/sessions/{id}/export", Key, archive::export, archive::describe_export),
        post("/api/sessions/import", Key, archive::import, archive::describe_import),
        post("/api/sessions/{id}/compact", Key, compaction::compact, compaction::describe),
        get("/api/runs", Key, runs::list, runs::describe_list),
        get("/api/runs/{id}", Key, runs::show, runs::describe_show),
        post("/api/runs/{id}/cancel", Key, runs::cancel, runs::describe_cancel),
        get("/api/runs/{id}/recording", Key, runs::record, runs::describe_record),
    ]
}

/// Work that begins by itself or for somebody else, and what it owes.
fn of_work() -> Vec<Route> {
    vec![
        get("/api/tasks", Key, tasks::list, tasks::describe_list),
        post("/api/tasks", Key, tasks::start, tasks::describe_start),
        get("/api/tasks/{id}", Key, tasks::show, tasks::describe_show),
        post("/api/tasks/{id}/cancel", Key, tasks::cancel, tasks::describe_cancel),
        get("/api/subagents", Key, subagents::list, subagents::describe_list),
        post("/api/subagents", Key, subagents::create, subagents::describe_create),
        get("/api/subagents/{id}", Key, subagents::show, subagents::describe_show),
        patch("/api/subagents/{id}", Key, subagents::change, subagents::describe_change),
        delete("/api/subagents/{id}", Key, subagents::remove, subagents::describe_remove),
        get("/api/schedules", Key, schedules::list, schedules::describe_list),
        post("/api/schedules", Key, schedules::create, schedules::describe_create),
        post("/api/schedules/preview", Key, schedules::preview, schedules::describe_preview),
        get("/api/schedules/{id}", Key, schedules::show, schedules::describe_show),
        patch("/api/schedules/{id}", Key, schedules::change, schedules::describe_change),
        delete("/api/schedules/{id}", Key, schedules::remove, schedules::describe_remove),
        post("/api/schedules/{id}/run", Key, schedules::run, schedules::describe_run),
        get("/api/schedules/{id}/firings", Key, schedules::firings, schedules::describe_firings),
        get("/api/deliveries", Key, deliveries::list, deliveries::describe_list),
        post(
            "/api/deliveries/{id}/requeue",
            Key,
            deliveries::requeue,
            deliveries::describe_requeue,
        ),
    ]
}

/// What people decide, and what they keep from sight.
fn of_people() -> Vec<Route> {
    vec![
        get("/api/approvals", Key, approvals::list, approvals::describe_list),
        get("/api/approvals/audit", Key, approvals::audit, approvals::describe_audit),
        get("/api/approvals/rules", Key, approvals::rules, approvals::describe_rules),
        post("/api/approvals/rules", Key, approvals::add_rule, approvals::describe_add_rule),
        delete(
            "/api/approvals/rules/{id}",
            Key,
            approvals::remove_rule,
            approvals::describe_remove_rule,
        ),
        get("/api/approvals/{id}", Key, approvals::show, approvals::describe_show),
        post("/api/approvals/{id}", Key, approvals::decide, approvals::describe_decide),
        get("/api/secrets", Key, secrets::list, secrets::describe_list),
        put("/api/secrets/{name}", Key, secrets::set, secrets::describe_set),
        delete("/api/secrets/{name}", Key, secrets::remove, secrets::describe_remove),
        post("/api/secret-key/rotate", Key, secrets::rotate, secrets::describe_rotate),
    ]
}

/// MCP servers, and the door for MCP clients.
fn of_mcp() -> Vec<Route> {
    vec![
        get("/api/mcp/servers", Key, mcp::list, mcp::describe_list),
        post("/api/mcp/servers", Key, mcp::create, mcp::describe_create),
        get("/api/mcp/servers/{name}", Key, mcp::show, mcp::describe_show),
        patch("/api/mcp/servers/{name}", Key, mcp::change, mcp::describe_change),
        delete("/api/mcp/servers/{name}", Key, mcp::remove, mcp::describe_remove),
        post("/api/mcp/servers/{name}/restart", Key, mcp::restart, mcp::describe_restart),
        post("/api/mcp/servers/{name}/approve", Key, mcp::approve, mcp::describe_approve),
        post("/mcp", Key, mcp_door::answer, mcp_door::describe_post),
        get("/mcp", Key, mcp_door::answer, mcp_door::describe_get),
        delete("/mcp", Key, mcp_door::answer, mcp_door::describe_delete),
        post("/api/mcp/reload", Key, mcp::reload, mcp::describe_reload),
    ]
}

/// What an agent has to work with.
fn of_models() -> Vec<Route> {
    vec![
        get("/api/tools", Key, catalog::tools, catalog::describe_tools),
        get("/api/models", Key, catalog::models, catalog::describe_models),
        get("/api/providers", Key, catalog::providers, catalog::describe_providers),
        post(
            "/v1/chat/completions",
            Key,
            chat_completions::complete,
            chat_completions::describe_complete,
        ),
        get("/v1/models", Key, chat_completions::models, chat_completions::describe_models),
    ]
}

/// How one gets in.
fn of_the_login() -> Vec<Route> {
    vec![
        post("/login", Public, login::with_key, login::describe_with_key),
        post("/login-links", Key, login::make_link, login::describe_make_link),
        post("/logout", Public, login::end, login::describe_end),
        // A link that is followed in a browser; what it opens is described nowhere.
        Route::new(Method::GET, "/login", Public, login::with_link),
    ]
}

/// What is remembered of users.
fn of_memory() -> Vec<Route> {
    vec![
        get("/api/memories", Key, memories::list, memories::describe_list),
        post("/api/memories", Key, memories::add, memories::describe_add),
        get("/api/memories/search", Key, memories::search, memories::describe_search),
        get("/api/memories/report", Key, memories::report, memories::describe_report),
        get("/api/memories/export", Key, memories::export, memories::describe_export),
        post("/api/memories/import", Key, memories::import, memories::describe_import),
        get("/api/memories/{id}", Key, memories::show, memories::describe_show),
        patch("/api/memories/{id}", Key, memories::change, memories::describe_change),
        delete("/api/memories/{id}", Key, memories::remove, memories::describe_remove),
    ]
}

fn get<F, A>(path: &'static str, access: Access, handler: F, describe: Describe) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = crate::http::Answer> + Send + 'static,
{
    Route::new(Method::GET, path, access, handler).described(describe)
}

fn post<F, A>(path: &'static str, access: Access, handler: F, describe: Describe) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = crate::http::Answer> + Send + 'static,
{
    Route::new(Method::POST, path, access, handler).described(describe)
}

fn put<F, A>(path: &'static str, access: Access, handler: F, describe: Describe) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = crate::http::Answer> + Send + 'static,
{
    Route::new(Method::PUT, path, access, handler).described(describe)
}

fn patch<F, A>(path: &'static str, access: Access, handler: F, describe: Describe) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = crate::http::Answer> + Send + 'static,
{
    Route::new(Method::PATCH, path, access, handler).described(describe)
}

fn delete<F, A>(path: &'static str, access: Access, handler: F, describe: Describe) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = crate::http::Answer> + Send + 'static,
{
    Route::new(Method::DELETE, path, access, handler).described(describe)
}

impl From<RecordingError> for Problem {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Store(error) => error.into(),
            RecordingError::UnknownRun { run_id, .. } => Self::not_found("run", run_id),
            error @ RecordingError::TooLong { .. } => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
            error => Self::internal(&error),
        }
    }
}

type Describe = fn(Operation) -> Operation;

impl From<RunsError> for Problem {
    fn from(error: RunsError) -> Self {
        match error {
            RunsError::Stopping => Self::new(ProblemKind::Unavailable, error.to_string()),
            RunsError::StillRunning => Self::new(ProblemKind::Conflict, error.to_string()),
            RunsError::UnderWay(_) => Self::new(ProblemKind::RunUnderWay, error.to_string()),
            RunsError::Compaction(error) => compaction::problem(&error),
            RunsError::Store(error) => error.into(),
        }
    }
}

impl From<livos_core::StoreError> for Problem {
    fn from(error: livos_core::StoreError) -> Self {
        use livos_core::StoreError;
        match &error {
            StoreError::NotFound { what, id } => Self::not_found(what, id),
            StoreError::Busy { .. } => Self::new(ProblemKind::TooManyRequests, error.to_string())
                .with_retry_after(std::time::Duration::from_secs(1)),
            StoreError::Conflict { .. } => Self::new(ProblemKind::Conflict, error.to_string()),
            StoreError::Full(_) | StoreError::ReadOnly(_) => {
                tracing::error!(error = %crate::http::Causes(&error), "the store does not keep anything");
                Self::new(ProblemKind::StorageFailed, format!("nothing was kept: {error}"))
            }
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "what is stored cannot be read");
                Self::new(ProblemKind::StorageFailed, health::with_fix(&error))
            }
            StoreError::Unavailable { .. } => {
                tracing::error!(error = %crate::http::Causes(&error), "the store does not answer");
                Self::new(ProblemKind::Unavailable, error.to_string())
            }
            _ => Self::internal(&error),
        }
    }
}
