//! What is known about a session besides its journal.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::ModelName;
use crate::id::SessionId;

/// What is known about a session besides its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// What people call it.
    pub title: Option<String>,
    /// The model its runs ask unless a message says otherwise.
    pub model: Option<ModelName>,
    /// The session that started it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its journal or title last changed.
    pub updated_at: Timestamp,
}

impl SessionRecord {
    /// A session without title or model.
    pub fn new(id: SessionId, created_at: Timestamp) -> Self {
        Self { id, title: None, model: None, parent: None, created_at, updated_at: created_at }
    }

    /// Takes what it lacks from the session it is made of.
    pub(super) fn inherit(&mut self, origin: &Self) {
        self.title = self.title.take().or_else(|| origin.title.clone());
        self.model = self.model.take().or_else(|| origin.model.clone());
    }
}

/// A change to a session; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPatch {
    /// A new title.
    pub title: Option<String>,
    /// A new model.
    pub model: Option<ModelName>,
    /// When the change is made.
    pub at: Option<Timestamp>,
}

impl SessionPatch {
    /// Makes the change.
    pub fn apply(self, session: &mut SessionRecord) {
        if let Some(title) = self.title {
            session.title = Some(title);
        }
        if let Some(model) = self.model {
            session.model = Some(model);
        }
        if let Some(at) = self.at {
            session.updated_at = at;
        }
    }
}
