//! What happens in a session while it happens, for those who watch it from any process.

mod follow;
mod local;
mod partial;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::event::AgentEvent;
use crate::id::SessionId;
use crate::store::StoreError;

pub use self::follow::AtEnd;
pub use self::follow::follow;
pub use self::local::LocalFeed;
pub(crate) use self::partial::Partial;
pub(crate) use self::partial::ends_answer;
#[cfg(feature = "redis")]
pub(crate) use self::partial::is_of_answer;

/// How much a watcher may be behind before it is dropped. It comes back with the number that it had last.
pub(crate) const WATCHER_BUFFER: usize = 1024;

/// Carries what happens in sessions to those who watch them.
///
/// The journal is the truth and the feed only quick. [`follow`] makes one of both, without gap and
/// repeat: it watches first, reads the journal after, and reads it again where the feed is ahead.
/// What the journal does not keep is void once a later entry of its run ends the answer that it was part of.
#[async_trait]
pub trait EventFeed: fmt::Debug + Send + Sync + 'static {
    /// Shows an event to those who watch its session; one that the journal keeps when it is there.
    ///
    /// Returns at once and waits for nobody. Call it in the order of the events of a session. While the
    /// feed cannot be reached, what was said waits to be shown until an entry makes it void.
    fn show(&self, event: AgentEvent);

    /// Tells that a session's journal has an entry, its newest, that is not [shown](Self::show).
    fn grown(&self, session_id: SessionId, seq: u64);

    /// Watches a session: everything shown after the returned future is ready arrives.
    ///
    /// # Errors
    /// When the feed cannot be reached.
    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError>;
}

/// A place at the live end of a session.
pub struct Watch {
    /// The answer so far, if one is being given, with pieces that follow each other joined.
    pub partial: Vec<AgentEvent>,
    /// What is shown from then on. It ends when its reader is too slow or something was lost: watch again.
    pub live: BoxStream<'static, Shown>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("partial", &self.partial).finish_non_exhaustive()
    }
}

/// What a watcher sees.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The journal has entries up to this number.
    Grown(u64),
    /// Something happened.
    Event(Arc<AgentEvent>),
}
