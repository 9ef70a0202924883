//! The sealed secrets, write-only: their names are told, their values never.

use hyper::StatusCode;
use livos_core::Secret;
use livos_core::SecretName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::page::List;
use crate::app::App;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Causes;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Reply;
use crate::openapi::Operation;
use crate::secrets::SealedSecret;
use crate::secrets::SecretsError;

/// A secret that is kept sealed. Its value is not told.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// What it is called.
    name: String,
    /// When its value was last set, RFC 3339.
    changed_at: String,
    /// The key it is sealed with, by name.
    key_id: String,
    /// Whether the server's environment has a variable of this name, which is used instead where a
    /// provider takes its key.
    shadowed: bool,
}

/// The value of a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    /// 8 bytes to 16 KiB of text; white space around it is dropped.
    #[schemars(with = "String", length(min = 8, max = 16_384))]
    value: Secret,
}

/// What a rotation did.
#[derive(Debug, Serialize, JsonSchema)]
struct Rotated {
    /// The new key, by name.
    key_id: String,
    /// How many secrets are sealed with it now.
    secrets: usize,
}

impl Listed {
    fn new(secret: SealedSecret, app: &App) -> Self {
        Self {
            shadowed: app.environment_names.contains(secret.name.as_str()),
            name: secret.name.into(),
            changed_at: secret.changed_at.to_string(),
            key_id: secret.key_id,
        }
    }
}

pub(super) async fn list(call: Call) -> Answer {
    let secrets = call.app.secrets.list().await?;
    let items = secrets.into_iter().map(|secret| Listed::new(secret, &call.app));
    Reply::ok(&List::whole(items.collect()))
}

pub(super) fn describe_list(operation: Operation) -> Operation {
    operation
        .named("list_secrets", "The sealed secrets by name; values are never told.")
        .answers::<List<Listed>>(200, "All of them, in the order of their names.")
}

pub(super) async fn set(call: Call) -> Answer {
    let app = std::sync::Arc::clone(&call.app);
    let name = name(&call)?;
    let new: NewValue = call.json().await?;
    app.secrets.set(name.clone(), &new.value).await?;
    tracing::info!(secret = %name, "a secret was set");
    Ok(Reply::no_content())
}

pub(super) fn describe_set(operation: Operation) -> Operation {
    operation
        .named("set_secret", "Seal a secret, in the place of the one that has the name.")
        .body::<NewValue>()
        .answers_as(204, "It is sealed.", "")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn remove(call: Call) -> Answer {
    let name = name(&call)?;
    call.app.secrets.remove(&name).await?;
    tracing::info!(secret = %name, "a secret was removed");
    Ok(Reply::no_content())
}

pub(super) fn describe_remove(operation: Operation) -> Operation {
    operation
        .named("remove_secret", "Take a secret away.")
        .answers_as(204, "It is gone.", "")
        .problem(ProblemKind::InvalidInput)
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

pub(super) async fn rotate(call: Call) -> Answer {
    let (key_id, secrets) = call.app.secrets.rotate().await?;
    tracing::info!(key_id, secrets, "the key of the secrets was changed");
    Reply::json(StatusCode::OK, &Rotated { key_id, secrets })
}

pub(super) fn describe_rotate(operation: Operation) -> Operation {
    operation
        .named("rotate_secret_key", "Make a new sealing key and seal every secret with it.")
        .answers::<Rotated>(200, "The old key is gone.")
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

fn name(call: &Call) -> Result<SecretName, Problem> {
    let parsed = call.segment("name").parse::<SecretName>();
    parsed.map_err(|error| Problem::invalid_field("name", error.to_string()))
}

impl From<SecretsError> for Problem {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Store(error) => error.into(),
            SecretsError::Unknown { name } => Self::not_found("secret", name),
            error @ (SecretsError::TooShort { .. } | SecretsError::TooLong { .. }) => {
                Self::invalid_field("value", error.to_string())
            }
            error @ SecretsError::KeyFile { .. } => {
                tracing::error!(error = %Causes(&error), "the key file cannot be used");
                Self::new(ProblemKind::StorageFailed, Causes(&error).to_string())
            }
            error @ (SecretsError::KeyMissing { .. }
            | SecretsError::WrongKey { .. }
            | SecretsError::BrokenKey { .. }
            | SecretsError::Damaged { .. }
            | SecretsError::TooMany { .. }
            | SecretsError::Contended) => Self::new(ProblemKind::Conflict, error.to_string()),
            error => Self::internal(&error),
        }
    }
}
