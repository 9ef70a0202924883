//! One open connection to a server.

mod caller;
mod calls;
mod handler;
mod http;
mod last_words;
mod open;
mod process;
mod question;
mod quiet_output;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::CallToolRequest;
use rmcp::model::CallToolRequestParams;
use rmcp::model::CallToolResult;
use rmcp::model::CancelledNotification;
use rmcp::model::CancelledNotificationParam;
use rmcp::model::ClientRequest;
use rmcp::model::ElicitRequestParams;
use rmcp::model::ElicitationAction;
use rmcp::model::ErrorData;
use rmcp::model::InputRequest;
use rmcp::model::InputRequiredResult;
use rmcp::model::InputResponses;
use rmcp::model::RequestId;
use rmcp::model::ServerResult;
use rmcp::model::Tool;
use rmcp::service::Peer;
use rmcp::service::PeerRequestOptions;
use rmcp::service::ServiceError;
use tokio::sync::watch;

pub(super) use self::caller::Caller;
use self::calls::Calls;
pub(super) use self::handler::People;
pub(super) use self::handler::Signal;
pub(super) use self::open::Opened;
pub(super) use self::open::Opening;
use super::McpError;
use super::ServerName;

/// How often a server may ask back before it answers.
pub(super) const MOST_ROUNDS: usize = 8;

/// The error of a server that wants pages to be opened before it does what it was asked to.
const PAGES_REQUIRED: i32 = -32042;

/// How long the reason of a server's end is waited for.
const OBITUARY_TIME: Duration = Duration::from_secs(1);

/// One open connection to a server. Calls run beside each other.
#[derive(Debug)]
pub(super) struct Connection {
    name: ServerName,
    peer: Peer<RoleClient>,
    calls: Arc<Calls>,
    call_timeout: Duration,
    /// Why the connection ended, once somebody knows.
    obituary: watch::Receiver<Option<String>>,
    has_answered: AtomicBool,
}

impl Connection {
    /// Whether it can still be asked.
    pub(super) fn is_open(&self) -> bool {
        self.obituary.borrow().is_none() && !self.peer.is_transport_closed()
    }

    /// Whether it was of use: a call was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// What the server said of itself.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Calls a tool. When this is dropped, the server is told that nobody waits any more.
    pub(super) async fn call(
        &self,
        mut params: CallToolRequestParams,
        caller: &Arc<Caller>,
    ) -> Result<CallToolResult, McpError> {
        for _ in 0..MOST_ROUNDS {
            let request = ClientRequest::CallToolRequest(CallToolRequest::new(params.clone()));
            let answer = match self.ask(request, caller).await? {
                Ok(answer) => answer,
                Err(error) if error.code.0 == PAGES_REQUIRED => {
                    self.pages_opened(&error, caller).await?;
                    continue;
                }
                Err(error) => return Err(self.refused(&error.message)),
            };
            match answer {
                ServerResult::CallToolResult(result) => return Ok(result),
                ServerResult::InputRequiredResult(asked) => {
                    params.request_state.clone_from(&asked.request_state);
                    params.input_responses = self.answers(asked, caller).await?;
                }
                // Some servers leave everything out of a result without content.
                ServerResult::EmptyResult(_) => return Ok(CallToolResult::default()),
                _ => return Err(self.refused("it answered with something that is no result")),
            }
        }
        Err(self.refused("it asked back too often without answering"))
    }

    /// What the server's tools are now.
    pub(super) async fn list_tools(&self, limit: Duration) -> Result<Vec<Tool>, String> {
        match tokio::time::timeout(limit, open::list_tools(&self.peer)).await {
            Ok(listed) => listed,
            Err(_) => Err(format!("it did not list its tools in {} seconds", limit.as_secs_f64())),
        }
    }

    /// Sends a request and waits for the answer, or the server's refusal, within the time for calls.
    async fn ask(
        &self,
        request: ClientRequest,
        caller: &Arc<Caller>,
    ) -> Result<Result<ServerResult, ErrorData>, McpError> {
        let sent = self.peer.send_cancellable_request(request, PeerRequestOptions::no_options());
        let Ok(sent) = tokio::time::timeout(self.call_timeout, sent).await else {
            return Err(self.timed_out());
        };
        let handle = match sent {
            Ok(handle) => handle,
            Err(error) => return Err(self.failed(error).await),
        };
        let names = Some((handle.id.clone(), handle.progress_token.clone()));
        let _listed = self.calls.begin(Arc::clone(caller), names);
        let mut abandoned = Abandoned { peer: &self.peer, request: Some(handle.id.clone()) };
        let answer = self.in_time(handle.await_response(), caller).await?;
        abandoned.request = None;
        match answer {
            Ok(answer) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Ok(Ok(answer))
            }
            Err(ServiceError::McpError(error)) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Ok(Err(error))
            }
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// Waits within the time for calls, to which the time is added that people take for answers.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = T>,
        caller: &Caller,
    ) -> Result<T, McpError> {
        let mut work = pin!(work);
        let (mut left, mut counted) = (self.call_timeout, caller.time_with_people());
        loop {
            if let Ok(done) = tokio::time::timeout(left, work.as_mut()).await {
                return Ok(done);
            }
            let with_people = caller.time_with_people();
            left = with_people.saturating_sub(counted);
            counted = with_people;
            if left.is_zero() {
                return Err(self.timed_out());
            }
        }
    }

    /// Another request, within the time for calls. What the server asks meanwhile goes to the caller.
    pub(super) async fn within_time<T>(
        &self,
        caller: Option<&Arc<Caller>>,
        asked: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, McpError> {
        let answer = match caller {
            Some(caller) => {
                let _listed = self.calls.begin(Arc::clone(caller), None);
                self.in_time(asked, caller).await?
            }
            None => {
                let answer = tokio::time::timeout(self.call_timeout, asked).await;
                answer.map_err(|_| self.timed_out())?
            }
        };
        match answer {
            Ok(answer) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) => Err(self.failed(error).await),
        }
    }

    fn timed_out(&self) -> McpError {
        McpError::TimedOut { name: self.name.clone(), after: self.call_timeout }
    }

    fn refused(&self, message: &str) -> McpError {
        McpError::Refused { name: self.name.clone(), message: message.to_owned() }
    }

    async fn failed(&self, error: ServiceError) -> McpError {
        match error {
            ServiceError::McpError(error) => {
                self.has_answered.store(true, Ordering::Relaxed);
                self.refused(&error.message)
            }
            ServiceError::UnexpectedResponse => {
                self.refused("it answered with something that is no result")
            }
            ServiceError::Timeout { timeout } => {
                McpError::TimedOut { name: self.name.clone(), after: timeout }
            }
            error => {
                let reason = self.obituary().await.unwrap_or_else(|| open::in_words(&error));
                McpError::Ended { name: self.name.clone(), reason }
            }
        }
    }

    /// Why the connection ended, as soon as it is known.
    async fn obituary(&self) -> Option<String> {
        let mut obituary = self.obituary.clone();
        let known = obituary.wait_for(Option::is_some);
        match tokio::time::timeout(OBITUARY_TIME, known).await {
            Ok(Ok(reason)) => reason.clone(),
            _ => None,
        }
    }

    /// Answers what a server asks back.
    pub(super) async fn answers(
        &self,
        asked: InputRequiredResult,
        caller: &Caller,
    ) -> Result<Option<InputResponses>, McpError> {
        let requests = asked.input_requests.unwrap_or_default();
        if requests.is_empty() && asked.request_state.is_none() {
            return Err(self.refused("it asks back without a question"));
        }
        let mut responses = InputResponses::new();
        for (key, request) in requests {
            let InputRequest::Elicitation(asked) = request else {
                return Err(self.refused("it asks for something that is not offered here"));
            };
            let answer = question::put(&self.name, caller, asked.params).await;
            let answer = answer.map_err(|error| self.refused(&error.message))?;
            let answer = serde_json::to_value(answer)
                .map_err(|_| self.refused("the answer cannot be written"))?;
            responses.insert(key, answer);
        }
        Ok(Some(responses).filter(|responses| !responses.is_empty()))
    }

    /// Asks a person to open the pages without which the server does nothing.
    async fn pages_opened(&self, error: &ErrorData, caller: &Caller) -> Result<(), McpError> {
        let pages = error.data.as_ref().and_then(|data| data.get("elicitations")).cloned();
        let pages: Vec<ElicitRequestParams> =
            pages.and_then(|pages| serde_json::from_value(pages).ok()).unwrap_or_default();
        if pages.is_empty() {
            return Err(self.refused(&error.message));
        }
        for page in pages {
            let answer = question::put(&self.name, caller, page).await;
            let answer = answer.map_err(|error| self.refused(&error.message))?;
            if answer.action != ElicitationAction::Accept {
                let message = format!("{}; nobody did what it asks for", error.message);
                return Err(self.refused(&message));
            }
        }
        Ok(())
    }
}

/// Tells the server that nobody waits for an answer any more, unless it came.
struct Abandoned<'a> {
    peer: &'a Peer<RoleClient>,
    request: Option<RequestId>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let peer = self.peer.clone();
        runtime.spawn(async move {
            let reason = Some("nobody waits for it any more".to_owned());
            let params = CancelledNotificationParam::new(Some(request), reason);
            let told = peer.send_notification(CancelledNotification::new(params).into()).await;
            if let Err(error) = told {
                tracing::debug!(%error, "a server could not be told that a call was given up");
            }
        });
    }
}
