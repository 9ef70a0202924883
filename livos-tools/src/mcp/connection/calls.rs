//! The calls that are under way, for the progress they report.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rmcp::model::ProgressNotificationParam;
use rmcp::model::ProgressToken;

type Report = Arc<dyn Fn(String) + Send + Sync>;

/// The calls that are under way.
#[derive(Default)]
pub(super) struct Calls {
    watched: Mutex<BTreeMap<String, Report>>,
}

impl Calls {
    /// Hands the progress of a call to a function, as long as the guard lives.
    pub(super) fn watch(
        self: &Arc<Self>,
        token: &ProgressToken,
        report: impl Fn(String) + Send + Sync + 'static,
    ) -> Watched {
        let key = key(token);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.insert(key.clone(), Arc::new(report));
        Watched { calls: Arc::clone(self), key }
    }

    /// Passes on what a server says of a call.
    pub(super) fn progressed(&self, progress: &ProgressNotificationParam) {
        let report = {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.get(&key(&progress.progress_token)).cloned()
        };
        if let Some(report) = report {
            report(in_words(progress));
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// Takes a call off the list when it is over.
pub(super) struct Watched {
    calls: Arc<Calls>,
    key: String,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watched = self.calls.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.remove(&self.key);
    }
}

fn key(token: &ProgressToken) -> String {
    token.0.to_string()
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
