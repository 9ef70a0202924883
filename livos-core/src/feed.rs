//! What happens in a session while it happens, for those who watch it from any process.

mod local;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::event::AgentEvent;
use crate::id::SessionId;
use crate::store::StoreError;

pub use self::local::LocalFeed;

/// How much a watcher may be behind before it is dropped. It comes back with the number that it had last.
pub(crate) const WATCHER_BUFFER: usize = 1024;
/// How many events are kept for those who come in the middle of an answer; of a longer one they miss the beginning.
pub(crate) const KEPT_EVENTS: usize = 16_384;

/// Carries what happens in sessions to those who watch them.
///
/// The journal is the truth and the feed only quick: to follow a session without gap and
/// repeat, [`watch`](Self::watch) it first, read the journal after, and read it again at each
/// [`Shown::Grown`]. What is shown beside the journal is void once a later entry of its run is there.
#[async_trait]
pub trait EventFeed: fmt::Debug + Send + Sync + 'static {
    /// Shows an event to those who watch its session, when it is in the journal, if it is kept there.
    ///
    /// Call it in the order of the events of a session. Nobody is waited for.
    ///
    /// # Errors
    /// When the feed cannot be reached. The event is lost; the journal is not.
    async fn show(&self, event: AgentEvent) -> Result<(), StoreError>;

    /// Watches a session: everything shown after the returned future is ready arrives.
    ///
    /// # Errors
    /// When the feed cannot be reached.
    async fn watch(&self, session_id: SessionId) -> Result<Watch, StoreError>;
}

/// A place at the live end of a session.
pub struct Watch {
    /// What was shown since the session's newest entry, in order.
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
    /// The journal has new entries.
    Grown,
    /// Something that the journal does not keep.
    Event(Arc<AgentEvent>),
}
