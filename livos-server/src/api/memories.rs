//! Memories: what is known of the owner.

use hyper::StatusCode;
use livos_core::FactFilter;
use livos_core::FactHit;
use livos_core::FactId;
use livos_core::FactImport;
use livos_core::FactKind;
use livos_core::FactQuery;
use livos_core::FactRecord;
use livos_core::FactSource;
use livos_core::FactUpdate;
use livos_core::FactVersions;
use livos_core::Memory;
use livos_core::MemoryError;
use livos_core::MemoryFault;
use livos_core::MemoryReport;
use livos_core::NewFact;
use livos_core::Remembered;
use livos_core::SearchMethod;
use livos_core::Timestamp;
use livos_core::UserId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use super::messages::origin;
use super::page;
use super::page::List;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Query;
use crate::http::Reply;
use crate::openapi::Operation;

/// The media type of JSON Lines.
const MEDIA_TYPE: &str = "application/x-ndjson";
/// How many memories are found unless asked otherwise.
const USUAL_HITS: usize = 5;

/// Something that is remembered.
#[derive(Debug, Serialize, JsonSchema)]
struct Fact {
    /// Its id.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: FactId,
    /// What is remembered.
    text: String,
    /// What it is about.
    kind: FactKind,
    /// How sure it is, in percent.
    confidence: u8,
    /// How it came here.
    source: FactSource,
    /// The session it was said in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// The run it was said in.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// The memory that it took the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<String>,
    /// The memory that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    /// When it is true no more, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was learned, RFC 3339.
    created_at: String,
    /// When it was last changed or confirmed, RFC 3339.
    updated_at: String,
    /// When it was last recalled, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    recalled_at: Option<String>,
    /// How often it was recalled.
    recalls: u64,
}

impl From<FactRecord> for Fact {
    fn from(fact: FactRecord) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: fact.id,
            text: fact.text,
            kind: fact.kind,
            confidence: fact.confidence,
            source: fact.source,
            session_id: fact.session_id.map(|id| id.to_string()),
            run_id: fact.run_id.map(|id| id.to_string()),
            supersedes: fact.supersedes.map(|id| id.to_string()),
            superseded_by: fact.superseded_by.map(|id| id.to_string()),
            expires_at: text(fact.expires_at),
            created_at: fact.created_at.to_string(),
            updated_at: fact.updated_at.to_string(),
            recalled_at: text(fact.recalled_at),
            recalls: fact.recalls,
        }
    }
}

/// A memory to be kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewMemory {
    /// What is to be remembered, up to 2,000 bytes.
    text: String,
    /// What it is about.
    #[serde(default)]
    kind: FactKind,
    /// How sure it is, in percent. Default: 100.
    #[schemars(range(min = 0, max = 100))]
    confidence: Option<u8>,
    /// When it is true no more, RFC 3339.
    expires_at: Option<String>,
    /// The id of the memory that it takes the place of.
    #[schemars(with = "Option<String>", extend("format" = "uuid"))]
    replaces: Option<FactId>,
}

/// What became of a memory that was to be kept.
#[derive(Debug, Serialize, JsonSchema)]
struct Kept {
    /// `added`; `replaced`, when another gave way to it; `known`, when nothing was new about it.
    outcome: &'static str,
    /// As it is known now.
    memory: Fact,
}

/// Changes of a memory. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemoryChange {
    /// What is to be remembered instead.
    text: Option<String>,
    /// What it is about.
    kind: Option<FactKind>,
    /// How sure it is, in percent.
    #[schemars(range(min = 0, max = 100))]
    confidence: Option<u8>,
    /// When it is true no more, RFC 3339; null for never.
    #[serde(default, deserialize_with = "super::change::null_or_given")]
    #[schemars(with = "Option<String>")]
    #[expect(clippy::option_option, reason = "null and nothing differ")]
    expires_at: Option<Option<String>>,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// The memories, the best first.
    items: Vec<Hit>,
    /// How they were looked for.
    method: SearchMethod,
    /// Why not everything was looked at in every way.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A memory that was found.
#[derive(Debug, Serialize, JsonSchema)]
struct Hit {
    /// How well it fits and how new it is, from 0 to 1.
    score: f64,
    /// How alike in meaning it is to what was looked for, a cosine; 0 where that was not told.
    similarity: f32,
    /// How well its words fit, from 0 to 1; 0 where none do.
    wording: f32,
    /// The memory.
    memory: Fact,
}

impl From<FactHit> for Hit {
    fn from(hit: FactHit) -> Self {
        let FactHit { fact, score, similarity, wording } = hit;
        Self { score, similarity, wording, memory: fact.into() }
    }
}

/// The memory, if there is one, and whose it is.
async fn memory(call: &Call) -> Result<(Memory, UserId), Problem> {
    let memory = call.app.engine().await.memory.clone();
    let off = || Problem::new(ProblemKind::Conflict, "memory is off; set memory.enabled");
    Ok((memory.ok_or_else(off)?, origin(call.caller).user))
}

pub(super) async fn list(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    let mut query = call.query();
    let filter = FactFilter {
        kind: kind(&mut query),
        versions: versions(&mut query),
        before: page::cursor(&mut query),
        ..FactFilter::current(user)
    };
    let limit = page::limit(&mut query);
    query.finish()?;
    let page = memory.list(filter, limit).await?;
    let next_cursor = page.items.last().map(|fact| fact.id.to_string()).filter(|_| page.has_more);
    Reply::ok(&List { items: page.items.into_iter().map(Fact::from).collect(), next_cursor })
}

fn kind(query: &mut Query<'_>) -> Option<FactKind> {
    query.one_of("kind", FactKind::ALL.map(|kind| (kind.name(), kind)))
}

fn versions(query: &mut Query<'_>) -> FactVersions {
    match query.text("versions").as_deref() {
        None | Some("current") => FactVersions::Current,
        Some("all") => FactVersions::All,
        Some(_) => {
            query.fault("versions", "must be current or all");
            FactVersions::Current
        }
    }
}

fn describe_kind(operation: Operation) -> Operation {
    let kinds = json!({"type": "string", "enum": FactKind::ALL.map(FactKind::name)});
    operation.query("kind", &kinds, "Only those about this.")
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    let versions = json!({"type": "string", "enum": ["current", "all"], "default": "current"});
    let operation =
        describe_kind(operation.named("list_memories", "List what is remembered, newest first."))
            .query("versions", &versions, "`all`: with those that others took the place of.")
            .problem(ProblemKind::Conflict);
    page::describe_paging(operation).answers::<List<Fact>>(200, "Some of them.")
}

pub(super) async fn add(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    let body: NewMemory = call.json().await?;
    let new = NewFact {
        kind: body.kind,
        confidence: body.confidence.unwrap_or(100),
        expires_at: body.expires_at.as_deref().map(time).transpose()?,
        replaces: body.replaces,
        ..NewFact::told(user, body.text)
    };
    let remembered = memory.add(new).await?;
    let (status, outcome) = match &remembered {
        Remembered::Added(_) => (StatusCode::CREATED, "added"),
        Remembered::Replaced { .. } => (StatusCode::CREATED, "replaced"),
        Remembered::Known(_) => (StatusCode::OK, "known"),
    };
    Reply::json(status, &Kept { outcome, memory: remembered.fact().clone().into() })
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|error| Problem::invalid_field("expires_at", format!("{error}")))
}

pub(super) fn describe_add(operation: Operation) -> Operation {
    operation
        .named("add_memory", "Remember something, once.")
        .body::<NewMemory>()
        .answers::<Kept>(201, "It is kept.")
        .answers::<Kept>(200, "It was known.")
        .problem(ProblemKind::NotFound)
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn search(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    let mut query = call.query();
    let text = query.text("q").unwrap_or_default();
    let kind = kind(&mut query);
    let limit = query.value("limit", "a number from 1 to 50").unwrap_or(USUAL_HITS);
    query.finish()?;
    let asked = FactQuery { kind, limit, ..FactQuery::new(user, text) };
    let found = memory.search(&asked).await.map_err(|error| match error {
        // The parameter has a name of its own.
        MemoryError::Invalid(fault) if fault.field() == "query" => {
            Problem::invalid_field("q", fault.to_string())
        }
        error => error.into(),
    })?;
    let items = found.hits.into_iter().map(Hit::from).collect();
    Reply::ok(&Found { items, method: found.method, note: found.note })
}

pub(super) fn describe_search(operation: Operation) -> Operation {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 50, "default": USUAL_HITS});
    describe_kind(operation.named("search_memories", "Find memories, the best first."))
        .query("q", &json!({"type": "string"}), "What they are to be about, up to 2,000 bytes.")
        .query("limit", &limit, "How many to find at most.")
        .answers::<Found>(200, "What was found, and how.")
        .problem(ProblemKind::Conflict)
}

pub(super) async fn show(call: Call) -> Answer {
    let (id, (memory, user)) = (call.id("memory")?, memory(&call).await?);
    Reply::ok(&Fact::from(memory.get(&user, id).await?))
}

pub(super) fn describe_show(operation: Operation) -> Operation {
    operation
        .named("get_memory", "One memory.")
        .answers::<Fact>(200, "It.")
        .problem(ProblemKind::Conflict)
}

pub(super) async fn change(call: Call) -> Answer {
    let (id, (memory, user)) = (call.id("memory")?, memory(&call).await?);
    let body: MemoryChange = call.json().await?;
    let expires_at = body.expires_at.map(|at| at.as_deref().map(time).transpose()).transpose()?;
    let update =
        FactUpdate { text: body.text, kind: body.kind, confidence: body.confidence, expires_at };
    Reply::ok(&Fact::from(memory.update(&user, id, update).await?))
}

pub(super) fn describe_change(operation: Operation) -> Operation {
    operation
        .named("change_memory", "Change a memory.")
        .body::<MemoryChange>()
        .answers::<Fact>(200, "As it is now.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    let (id, (memory, user)) = (call.id("memory")?, memory(&call).await?);
    memory.forget(&user, id).await?;
    Ok(Reply::no_content())
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("forget_memory", "Forget a memory for good, with its earlier versions.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn report(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    Reply::ok(&memory.report(&user).await?)
}

pub(super) fn describe_report(operation: Operation) -> Operation {
    operation
        .named("report_memories", "How the memory is made up.")
        .answers::<MemoryReport>(200, "Counts by kind, age and use.")
        .problem(ProblemKind::Conflict)
}

pub(super) async fn export(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    let file = memory.export(&user).await?;
    Ok(Reply::bytes(StatusCode::OK, MEDIA_TYPE, file))
}

pub(super) fn describe_export(operation: Operation) -> Operation {
    operation
        .named("export_memories", "All that is remembered as a file: JSON Lines.")
        .answers_as(200, "A line that says of what version, then a memory a line.", MEDIA_TYPE)
        .problem(ProblemKind::Conflict)
}

pub(super) async fn import(call: Call) -> Answer {
    let (memory, user) = memory(&call).await?;
    let file = call.text_with_uploads(MEDIA_TYPE).await?;
    let file = std::str::from_utf8(&file)
        .map_err(|error| Problem::invalid_field("archive", format!("is no UTF-8: {error}")))?;
    Reply::ok(&memory.import(&user, file).await?)
}

pub(super) fn describe_import(operation: Operation) -> Operation {
    operation
        .named("import_memories", "Take over memories that were exported, here or elsewhere.")
        .body_as(MEDIA_TYPE)
        .answers::<FactImport>(200, "How many are new.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

impl From<MemoryFault> for Problem {
    fn from(fault: MemoryFault) -> Self {
        Self::invalid_field(fault.field(), fault.to_string())
    }
}

impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Invalid(fault) => fault.into(),
            MemoryError::Unknown(id) => Self::not_found("memory", id),
            MemoryError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}
