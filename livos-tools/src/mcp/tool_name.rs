//! What a model calls the tools of a server.

use std::fmt::Write;

use livos_core::ToolRegistry;
use sha2::Digest;
use sha2::Sha256;

use super::ServerName;

/// `mcp__SERVER__TOOL`. A name that providers do not accept, or that is too long, is made
/// acceptable and ends in a mark of the original, so that two tools never become one.
pub(super) fn of(server: &ServerName, tool: &str) -> String {
    let plain = format!("mcp__{server}__{tool}");
    let is_fine = !tool.is_empty()
        && plain.len() <= ToolRegistry::MAX_NAME_LENGTH
        && tool.bytes().all(is_accepted);
    if is_fine {
        return plain;
    }
    let mark = mark(tool);
    let room = ToolRegistry::MAX_NAME_LENGTH - mark.len() - 1;
    let mut name: String = format!("mcp__{server}__")
        .chars()
        .chain(tool.chars().map(|letter| match u8::try_from(letter) {
            Ok(byte) if is_accepted(byte) => letter,
            _ => '_',
        }))
        .take(room)
        .collect();
    name.push('_');
    name.push_str(&mark);
    name
}

fn is_accepted(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// 40 bits of the name's hash.
fn mark(tool: &str) -> String {
    let mut mark = String::new();
    for byte in Sha256::digest(tool.as_bytes()).iter().take(5) {
        // Writing to a text does not fail.
        let _ = write!(mark, "{byte:02x}");
    }
    mark
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn server() -> ServerName {
        ServerName::new("everything").unwrap()
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        assert_eq!(of(&server(), "get-sum"), "mcp__everything__get-sum");
    }

    #[test]
    fn others_are_made_acceptable_and_stay_apart() {
        let names: BTreeSet<_> = ["a.b", "a/b", "a b", "a_b", "", "ä", "é", &"x".repeat(90)]
            .map(|tool| of(&server(), tool))
            .into();
        assert_eq!(names.len(), 8);
        assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_providers_accept(tool in ".{0,200}") {
            let name = of(&server(), &tool);
            prop_assert!(name.len() <= ToolRegistry::MAX_NAME_LENGTH);
            prop_assert!(name.bytes().all(is_accepted));
        }
    }
}
