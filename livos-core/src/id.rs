//! Newtypes for every identifier, so that no two kinds of id can be confused.
//!
//! Sessions and runs carry UUIDv7 (sortable by creation); names given by
//! others (providers, models, tools, tool calls) are cheap-to-clone strings.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

/// Text that is not an id of the kind it was parsed as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {kind}: expected a UUID such as 0197a3c8-7e4f-7d20-9f51-3f1f0e6f7b10")]
pub struct ParseIdError {
    kind: &'static str,
    text: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every id this process made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id with exactly these 128 bits, for stores and deterministic tests.
            pub fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The 128 bits of this id.
            pub fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| ParseIdError { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

uuid_id!(
    /// One ordered conversation with one owner; the unit of serialisation.
    SessionId,
    "session id"
);
uuid_id!(
    /// One trigger's work in a session.
    RunId,
    "run id"
);
uuid_id!(
    /// One reply owed to somebody. Sinks derive a platform's idempotency key from it.
    DeliveryId,
    "delivery id"
);
uuid_id!(
    /// One schedule. With a slot it names a firing, and is the source of that run's idempotency key.
    ScheduleId,
    "schedule id"
);

uuid_id!(
    /// One fact that is remembered.
    FactId,
    "fact id"
);
uuid_id!(
    /// One question to a person: whether a call may be made, or what to answer.
    ApprovalId,
    "approval id"
);
uuid_id!(
    /// One rule that a person made about tool calls.
    RuleId,
    "rule id"
);
uuid_id!(
    /// One entry of the audit.
    AuditId,
    "audit id"
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the name as it is.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_id!(
    /// A service that answers: `anthropic`, `gemini`, `openai`, `ollama`, `demo`…
    ProviderId
);
name_id!(
    /// The id a provider (or the loop, where the provider gives none) put on one tool call.
    ToolCallId
);
name_id!(
    /// The name a model calls a tool by.
    ToolName
);
name_id!(
    /// A process that drives runs and delivers replies; unique among those that share a store.
    WorkerId
);
name_id!(
    /// A named agent: small letters, digits and `-`.
    AgentName
);
name_id!(
    /// Who a run acts for. One user is one identity in every channel.
    UserId
);
name_id!(
    /// What answers: a vendor's model name, `provider/model`, or a tier (`fast`, `balanced`, `best`).
    ///
    /// A [`ProviderManager`](crate::ProviderManager) resolves the last two; a
    /// single provider is given its own model name.
    ModelName
);

impl ModelName {
    /// Splits `provider/model`. A name without a slash belongs to no provider.
    ///
    /// ```
    /// use livos_core::ModelName;
    ///
    /// let name = ModelName::from("openrouter/meta/llama-4");
    /// assert_eq!(name.provider_and_model(), Some(("openrouter", "meta/llama-4")));
    /// ```
    pub fn provider_and_model(&self) -> Option<(&str, &str)> {
        self.0.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
    }
}

impl SessionId {
    /// The session that a tool call started: the same however often the call is made.
    pub(crate) fn derived(run: RunId, call: &ToolCallId) -> Self {
        Self(Uuid::new_v5(&run.0, call.as_str().as_bytes()))
    }

    /// The session of those runs that look through what was said in a session.
    pub(crate) fn of_memory(session: SessionId) -> Self {
        Self(Uuid::new_v5(&session.0, b"memory"))
    }
}

impl ToolCallId {
    const GENERATED: &str = "livos_";

    /// An id for a call whose wire gave it none: `livos_` and 32 hexadecimal digits, later than every one made before.
    pub fn generate() -> Self {
        Self::from(format!("{}{}", Self::GENERATED, Uuid::now_v7().simple()))
    }

    /// Whether the id is one of ours, which means nothing to a service that gives ids itself.
    pub fn is_generated(&self) -> bool {
        self.as_str().starts_with(Self::GENERATED)
    }
}

impl UserId {
    /// The owner of the installation.
    pub fn owner() -> Self {
        Self::from("owner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        let id = RunId::generate();
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
    }

    #[test]
    fn later_ids_sort_later() {
        let first = SessionId::generate();
        assert!(first < SessionId::generate());
    }

    #[test]
    fn generated_call_ids_are_told_from_given_ones() {
        let id = ToolCallId::generate();
        assert!(id.is_generated() && id != ToolCallId::generate());
        assert!(!ToolCallId::from("toolu_01").is_generated());
    }

    #[test]
    fn an_error_names_what_was_expected() {
        let error = "7".parse::<SessionId>().unwrap_err();
        assert!(error.to_string().starts_with("'7' is not a session id"));
    }
}
