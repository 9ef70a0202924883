//! Facts: what is remembered of a user.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::FactId;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::store::Page;
use crate::store::StoreError;

/// What is remembered.
///
/// # For implementors
/// - Every method takes the user and looks at that user's facts alone: an id of somebody else's fact is
///   unknown.
/// - Each method is one transaction; dropping a returned future may leave the whole effect or none of it.
/// - Facts of a user that are current (not superseded) have different keys, whoever adds them at once.
/// - Each change of a user's facts raises that user's revision by one, and marks what it changed with it;
///   of a fact that was removed only its id and that revision are kept.
/// - A fact outlives the session and the run it comes from.
#[async_trait]
pub trait FactStore: fmt::Debug + Send + Sync + 'static {
    /// Adds, changes and removes facts of a user, all or nothing.
    ///
    /// A removed fact that is not there is none to be removed, and no error.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a fact has not the version before the one given, or when it could not
    /// be written.
    async fn change_facts(&self, change: FactChange) -> Result<FactsWritten, StoreError>;

    /// Those facts of a user that are there, in the order of the ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn facts_named(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
    ) -> Result<Vec<FactRecord>, StoreError>;

    /// The facts that fit the filter, newest first, without their embeddings.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn facts(&self, filter: FactFilter, limit: usize)
    -> Result<Page<FactRecord>, StoreError>;

    /// What changed of a user's facts after a revision, in the order of the changes.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn fact_changes(
        &self,
        user: &UserId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChangedFact>, StoreError>;

    /// Notes that facts of a user were recalled, one that is named twice as often. It is no change: versions
    /// and revisions stay.
    ///
    /// # Errors
    /// When it could not be written.
    async fn recall_facts(
        &self,
        user: &UserId,
        ids: Vec<FactId>,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}

/// A fact as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRecord {
    /// Its id.
    pub id: FactId,
    /// Whose it is.
    pub user: UserId,
    /// 1, and one more for each change.
    pub version: u64,
    /// What is remembered, a sentence.
    pub text: String,
    /// What the text comes to when case, spaces and punctuation do not count; the same key is the same fact.
    pub key: String,
    /// What it is about.
    pub kind: FactKind,
    /// How sure it is, in percent.
    pub confidence: u8,
    /// How it came here.
    pub source: FactSource,
    /// The session it was said in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The run it was said in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// What it means, as numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Embedding>,
    /// The fact that it took the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<FactId>,
    /// The fact that took its place; a fact that has none is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<FactId>,
    /// When it is true no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was learned.
    pub created_at: Timestamp,
    /// When it was last changed or confirmed.
    pub updated_at: Timestamp,
    /// When it was last recalled. Only [`FactStore::recall_facts`] changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_at: Option<Timestamp>,
    /// How often it was recalled. Only [`FactStore::recall_facts`] changes it.
    #[serde(default)]
    pub recalls: u64,
}

impl FactRecord {
    /// Whether nothing took its place.
    pub fn is_current(&self) -> bool {
        self.superseded_by.is_none()
    }

    /// Whether it is true no more at a time.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What a text means, as numbers that only those of the same model compare with.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// The model that made it.
    pub model: Arc<str>,
    /// The numbers; all of a model have as many.
    pub values: Arc<[f32]>,
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({}, {} dimensions)", self.model, self.values.len())
    }
}

/// What a fact is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactKind {
    /// What the user likes, wants or avoids.
    Preference,
    /// Who the user is: name, home, work, family.
    Profile,
    /// What the user works on, and how.
    Project,
    /// What happens at a time.
    Event,
    /// Anything else.
    #[default]
    Other,
}

impl FactKind {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Preference, Self::Profile, Self::Project, Self::Event, Self::Other];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Profile => "profile",
            Self::Project => "project",
            Self::Event => "event",
            Self::Other => "other",
        }
    }
}

/// How a fact came here.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactSource {
    /// Somebody asked for it to be kept.
    #[default]
    Told,
    /// It was found in what somebody said.
    Extracted,
    /// It came with a file.
    Imported,
}

/// A change of the facts of one user.
#[derive(Debug, Clone, PartialEq)]
pub struct FactChange {
    /// The user.
    pub user: UserId,
    /// Facts as they become, each with one version more than it has; version 1 is a new one.
    pub puts: Vec<FactRecord>,
    /// Facts to be removed.
    pub removes: Vec<FactId>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactsWritten {
    /// It is made; so many facts were removed.
    Done {
        /// How many were there to be removed.
        removed: usize,
    },
    /// Nothing was written: another current fact has the key of one that was given.
    Known(FactId),
}

/// Which facts to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactFilter {
    /// Whose.
    pub user: UserId,
    /// Only those about this.
    pub kind: Option<FactKind>,
    /// Whether those that others took the place of are listed as well.
    pub versions: FactVersions,
    /// Only those older than this one.
    pub before: Option<FactId>,
}

impl FactFilter {
    /// The current facts of a user.
    pub fn current(user: UserId) -> Self {
        Self { user, kind: None, versions: FactVersions::Current, before: None }
    }

    /// Whether a fact is to be listed.
    pub fn accepts(&self, fact: &FactRecord) -> bool {
        self.user == fact.user
            && self.kind.is_none_or(|kind| kind == fact.kind)
            && (self.versions == FactVersions::All || fact.is_current())
            && self.before.is_none_or(|id| fact.id < id)
    }
}

/// Which versions of a fact are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FactVersions {
    /// The newest.
    #[default]
    Current,
    /// Those before it as well.
    All,
}

/// A fact that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedFact {
    /// The revision of the user's facts that the change made.
    pub revision: u64,
    /// The fact.
    pub id: FactId,
    /// As it is; none when it was removed.
    pub fact: Option<FactRecord>,
}

impl FactRecord {
    /// Fails when the stored version is not the one before; of a fact that is not there it is 0.
    pub(super) fn follows(&self, version: u64) -> Result<(), StoreError> {
        if version.checked_add(1) == Some(self.version) {
            return Ok(());
        }
        let found = match version {
            0 => "it is gone".to_owned(),
            version => format!("it has version {version}"),
        };
        Err(StoreError::conflict("fact", &self.id, found))
    }
}
