//! Who made a call: hears how far it is, and is asked what the server wants to know.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use livos_core::RunId;
use livos_core::ToolContext;
use livos_core::UserId;

/// How many questions a server may have in one call.
const MOST_QUESTIONS: u32 = 20;

/// Who made a call.
pub(in crate::mcp) struct Caller {
    kind: Kind,
    asked: Mutex<Asked>,
}

enum Kind {
    /// A tool call of a run.
    Tool(ToolContext),
    /// A client elsewhere, who hears of progress and is asked nothing.
    Elsewhere(Box<dyn Fn(String) + Send + Sync>),
    #[cfg(test)]
    Test(RunId, livos_core::Origin),
}

#[derive(Debug, Default)]
struct Asked {
    total: u32,
    open: u32,
    /// How often each question was asked.
    times: BTreeMap<String, u32>,
}

impl Caller {
    /// A tool call of a run.
    pub(in crate::mcp) fn tool(context: &ToolContext) -> Arc<Self> {
        Self::new(Kind::Tool(context.clone()))
    }

    /// A client elsewhere, who hears of progress and is asked nothing.
    pub(in crate::mcp) fn elsewhere(report: impl Fn(String) + Send + Sync + 'static) -> Arc<Self> {
        Self::new(Kind::Elsewhere(Box::new(report)))
    }

    #[cfg(test)]
    pub(super) fn for_test(run: RunId, origin: livos_core::Origin) -> Arc<Self> {
        Self::new(Kind::Test(run, origin))
    }

    fn new(kind: Kind) -> Arc<Self> {
        Arc::new(Self { kind, asked: Mutex::default() })
    }

    /// Tells how far the call is.
    pub(super) fn report(&self, text: String) {
        match &self.kind {
            Kind::Tool(context) => context.report_progress(text),
            Kind::Elsewhere(report) => report(text),
            #[cfg(test)]
            Kind::Test(..) => {}
        }
    }

    /// The way to a person, if there is one.
    pub(super) fn person(&self) -> Option<&ToolContext> {
        match &self.kind {
            Kind::Tool(context) if context.can_ask() => Some(context),
            _ => None,
        }
    }

    /// Whose run it is.
    pub(super) fn user(&self) -> Option<&UserId> {
        match &self.kind {
            Kind::Tool(context) => Some(&context.origin().user),
            Kind::Elsewhere(_) => None,
            #[cfg(test)]
            Kind::Test(_, origin) => Some(&origin.user),
        }
    }

    pub(super) fn run(&self) -> Option<RunId> {
        match &self.kind {
            Kind::Tool(context) => Some(context.run_id()),
            Kind::Elsewhere(_) => None,
            #[cfg(test)]
            Kind::Test(run, _) => Some(*run),
        }
    }

    /// How long it waited for people so far.
    pub(super) fn time_with_people(&self) -> Duration {
        match &self.kind {
            Kind::Tool(context) => context.time_with_people(),
            Kind::Elsewhere(_) => Duration::ZERO,
            #[cfg(test)]
            Kind::Test(..) => Duration::ZERO,
        }
    }

    /// Whether a question is open.
    pub(super) fn is_asking(&self) -> bool {
        self.asked().open > 0
    }

    /// Counts a question, which is open as long as this lives; none if there were too many.
    pub(super) fn begin_question(&self) -> Option<OpenQuestion<'_>> {
        let mut asked = self.asked();
        if asked.total >= MOST_QUESTIONS {
            return None;
        }
        asked.total += 1;
        asked.open += 1;
        Some(OpenQuestion(self))
    }

    /// How often this was asked before. Each time is a question of its own.
    pub(super) fn times_before(&self, question: &str) -> u32 {
        let mut asked = self.asked();
        let times = asked.times.entry(question.to_owned()).or_default();
        let before = *times;
        *times += 1;
        before
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("run", &self.run()).finish_non_exhaustive()
    }
}

/// A question that is not answered yet.
pub(super) struct OpenQuestion<'a>(&'a Caller);

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        let mut asked = self.0.asked();
        asked.open = asked.open.saturating_sub(1);
    }
}
