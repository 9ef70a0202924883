//! The calls that are under way: for the progress they report, and for what the server asks meanwhile.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rmcp::model::ProgressNotificationParam;
use rmcp::model::ProgressToken;
use rmcp::model::RequestId;
use rmcp::service::InboundStreamOrigin;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;

/// The calls that are under way, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: Mutex<Vec<Arc<OpenCall>>>,
}

/// A request that the server has not answered yet.
pub(super) struct OpenCall {
    pub(super) caller: Arc<Caller>,
    /// Given when it is answered or nobody waits for it any more.
    pub(super) over: CancellationToken,
    request: Option<RequestId>,
    token: Option<ProgressToken>,
}

/// Why it is not known which call a question of the server is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    #[error("no call is under way that it could be part of")]
    NoCall,
    #[error(
        "calls of several conversations are under way, and it cannot be told which of them asks"
    )]
    SeveralCalls,
}

impl Calls {
    /// Lists a call as long as the guard lives. Servers name it by its id or its token.
    pub(super) fn begin(
        self: &Arc<Self>,
        caller: Arc<Caller>,
        names: Option<(RequestId, ProgressToken)>,
    ) -> Listed {
        let (request, token) = names.unzip();
        let over = CancellationToken::new();
        let call = Arc::new(OpenCall { caller, over, request, token });
        self.lock().push(Arc::clone(&call));
        Listed { calls: Arc::clone(self), call }
    }

    /// Passes on what a server says of a call.
    pub(super) fn progressed(&self, progress: &ProgressNotificationParam) {
        let token = &progress.progress_token;
        let found = self.lock().iter().find(|call| call.token.as_ref() == Some(token)).cloned();
        if let Some(call) = found {
            call.caller.report(in_words(progress));
        }
    }

    /// The call that a question of the server is part of.
    ///
    /// Over HTTP it comes on the stream of its call. Over standard output nothing says whose it is, so it
    /// is of the newest call, provided that all that may be meant are of one run: what one person is asked
    /// shall not be shown to another.
    pub(super) fn asking(
        &self,
        origin: Option<&InboundStreamOrigin>,
    ) -> Result<Arc<OpenCall>, Unclear> {
        let mut open = self.lock().clone();
        if let Some(InboundStreamOrigin::OutboundRequest(id)) = origin {
            if let Some(named) = open.iter().find(|call| call.request.as_ref() == Some(id)) {
                return Ok(Arc::clone(named));
            }
            open.retain(|call| call.request.is_none());
        }
        let first = open.first().ok_or(Unclear::NoCall)?;
        if open.iter().any(|call| call.caller.user() != first.caller.user()) {
            return Err(Unclear::SeveralCalls);
        }
        // One whose question is open does not ask the next.
        let mut silent: Vec<&Arc<OpenCall>> =
            open.iter().filter(|call| !call.caller.is_asking()).collect();
        if silent.is_empty() {
            silent = open.iter().collect();
        }
        let newest = *silent.last().ok_or(Unclear::NoCall)?;
        match silent.iter().all(|call| call.caller.run() == newest.caller.run()) {
            true => Ok(Arc::clone(newest)),
            false => Err(Unclear::SeveralCalls),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<OpenCall>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCall").field("request", &self.request).finish_non_exhaustive()
    }
}

/// Takes a call off the list when it is over.
pub(super) struct Listed {
    calls: Arc<Calls>,
    call: Arc<OpenCall>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.call.over.cancel();
        self.calls.lock().retain(|call| !Arc::ptr_eq(call, &self.call));
    }
}

fn in_words(progress: &ProgressNotificationParam) -> String {
    let amount = match progress.total {
        Some(total) if total > 0.0 => format!("{} of {total}", progress.progress),
        _ => progress.progress.to_string(),
    };
    match &progress.message {
        Some(message) => format!("{amount}: {}", message.chars().take(500).collect::<String>()),
        None => amount,
    }
}

#[cfg(test)]
mod tests {
    use livos_core::Origin;
    use livos_core::RunId;

    use super::*;

    fn caller(run: RunId, user: &str) -> Arc<Caller> {
        let mut origin = Origin::owner("test");
        origin.user = user.into();
        Caller::for_test(run, origin)
    }

    fn named(number: i64) -> (RequestId, ProgressToken) {
        let id = RequestId::Number(number);
        (id.clone(), ProgressToken(id))
    }

    #[test]
    fn over_http_the_stream_says_which_call_asks() {
        let calls = Arc::new(Calls::default());
        let _a = calls.begin(caller(RunId::generate(), "ann"), Some(named(1)));
        let _b = calls.begin(caller(RunId::generate(), "bob"), Some(named(2)));
        let asking = |id| calls.asking(Some(&InboundStreamOrigin::OutboundRequest(id)));
        let found = asking(RequestId::Number(1)).unwrap();
        assert_eq!(found.caller.user().unwrap().as_str(), "ann");
        assert_eq!(asking(RequestId::Number(3)).unwrap_err(), Unclear::NoCall);
        let unnamed = calls.asking(Some(&InboundStreamOrigin::Unassociated));
        assert_eq!(unnamed.unwrap_err(), Unclear::SeveralCalls);
    }

    #[test]
    fn over_standard_output_it_is_the_newest_call_of_the_only_run() {
        let calls = Arc::new(Calls::default());
        assert_eq!(calls.asking(None).unwrap_err(), Unclear::NoCall);
        let run = RunId::generate();
        let first = calls.begin(caller(run, "ann"), Some(named(1)));
        let second = calls.begin(caller(run, "ann"), Some(named(2)));
        assert!(Arc::ptr_eq(&calls.asking(None).unwrap(), &second.call));
        drop(second);
        assert!(Arc::ptr_eq(&calls.asking(None).unwrap(), &first.call));
        let other = calls.begin(caller(RunId::generate(), "ann"), Some(named(3)));
        assert_eq!(calls.asking(None).unwrap_err(), Unclear::SeveralCalls);
        // The first has asked already, and waits.
        let _question = first.call.caller.begin_question().unwrap();
        assert!(Arc::ptr_eq(&calls.asking(None).unwrap(), &other.call));
    }

    #[test]
    fn people_do_not_see_what_others_may_have_been_asked() {
        let calls = Arc::new(Calls::default());
        let first = calls.begin(caller(RunId::generate(), "ann"), Some(named(1)));
        let asking = Arc::clone(&first.call.caller);
        let _question = asking.begin_question().unwrap();
        let _second = calls.begin(caller(RunId::generate(), "bob"), Some(named(2)));
        assert_eq!(calls.asking(None).unwrap_err(), Unclear::SeveralCalls);
        assert!(!first.call.over.is_cancelled());
        let over = first.call.over.clone();
        drop(first);
        assert!(over.is_cancelled());
    }
}
