//! Entry points for fuzzers. They panic when a promise is broken.

use std::io::Read;
use std::path::Component;
use std::path::Path;

use crate::WorkspaceRoot;
use crate::workspace_root::Precondition;

/// What the file outside the workspace holds.
const SECRET: &[u8] = b"the secret";

/// Uses a path in every way a tool does. `beside` holds the workspace `ws`, which has links
/// out of it, and the file `secret`.
///
/// # Panics
/// When the path leads out of the workspace.
#[expect(clippy::panic, reason = "that is how a fuzzer learns of a broken promise")]
pub fn workspace_path(beside: &Path, path: &str) {
    let Ok(kernel) = WorkspaceRoot::open(beside.join("ws")) else {
        panic!("the workspace is missing");
    };
    let Ok(fallback) = kernel.without_kernel_help() else {
        panic!("the workspace is missing");
    };
    for root in [kernel, fallback] {
        let Ok(place) = root.parse(path) else { continue };
        let is_plain =
            place.as_path().components().all(|part| matches!(part, Component::Normal(_)));
        assert!(is_plain, "'{path}' is no plain path");
        let mut content = Vec::new();
        if let Ok(file) = root.open_file(&place) {
            // A file that cannot be read holds no secret.
            let _ = file.take(1024).read_to_end(&mut content);
        }
        assert!(content != SECRET, "'{path}' was read from outside");
        let _ = root.replace_file(&place, b"written", Precondition::Nothing);
        let secret = std::fs::read(beside.join("secret")).ok();
        assert!(secret.as_deref() == Some(SECRET), "'{path}' was written outside");
    }
}

/// Reads what an MCP server or the file of servers may say.
///
/// # Panics
/// When a tool would get a name that providers do not take.
#[cfg(feature = "mcp")]
pub fn mcp(data: &[u8]) {
    crate::mcp::read_foreign(data);
}
