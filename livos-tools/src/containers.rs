//! `containers` and `containers_manage`: the containers of this machine, over the socket of Docker
//! or Podman.
//!
//! Looking and changing are two tools, so that each has its own effect: whoever may read a log need
//! not be able to run a command. The socket is as strong as the root user; offer the second only
//! where its calls are approved, or where the machine is the agent's own.

mod engine;
mod frames;
mod inspection;
mod look;
mod manage;
mod socket;

use livos_core::RegisterToolError;
use livos_core::ToolError;
use livos_core::ToolRegistry;

pub use self::engine::Engine;
pub use self::engine::EngineError;
pub use self::look::Containers;
pub use self::look::ContainersArgs;
pub use self::manage::ContainersManage;
pub use self::manage::ContainersManageArgs;
pub use self::socket::EngineSocket;
pub use self::socket::InvalidSocket;

#[cfg(feature = "fuzzing")]
pub(crate) use self::frames::Frames;
#[cfg(feature = "fuzzing")]
pub(crate) use self::frames::Shape;

/// Registers `containers`, which looks and changes nothing.
///
/// # Errors
/// When the name is taken.
pub fn register_look(tools: &ToolRegistry, engine: Engine) -> Result<(), RegisterToolError> {
    tools.register(Containers::new(engine))
}

/// Registers `containers_manage`, which starts, stops and restarts containers and runs commands in them.
///
/// # Errors
/// When the name is taken.
pub fn register_manage(tools: &ToolRegistry, engine: Engine) -> Result<(), RegisterToolError> {
    tools.register(ContainersManage::new(engine))
}

impl From<EngineError> for ToolError {
    fn from(error: EngineError) -> Self {
        Self::model(error.to_string())
    }
}

/// Checks the name or id of a container before it becomes part of a path.
fn container_name(text: &str) -> Result<&str, ToolError> {
    let text = text.trim();
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if fits && begins && text.len() <= 255 {
        Ok(text)
    } else {
        Err(ToolError::model(
            "container must be a name or id as the operation list shows it: letters, digits, '_', '.', '-'",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_to_other_paths() {
        for name in ["web-1", "3f4c", "a.b_c"] {
            assert_eq!(container_name(name).unwrap(), name);
        }
        for name in ["", "../images/json", "a/b", "a?b", "-a", ".", "a b", "ä", &"a".repeat(300)] {
            assert!(container_name(name).is_err(), "{name}");
        }
    }
}
