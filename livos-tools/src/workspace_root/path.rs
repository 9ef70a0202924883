//! A place beneath a workspace, by name: no `..`, nothing absolute.

use std::ffi::OsStr;
use std::fmt;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use super::WorkspaceError;

/// A place beneath a workspace, by name. Links on the way are the kernel's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkspacePath(PathBuf);

impl WorkspacePath {
    /// The longest path and the longest name Linux knows (limits.h), in bytes.
    const MAX_PATH: usize = 4095;
    const MAX_NAME: usize = 255;
    /// How much of a refused path is repeated.
    const MAX_SHOWN: usize = 200;

    /// The workspace itself.
    pub(crate) fn root() -> Self {
        Self(PathBuf::new())
    }

    /// Reads a path as a model wrote it. `..` takes back the name before it.
    pub(super) fn parse<'a>(
        text: &str,
        roots: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self, WorkspaceError> {
        let invalid = |reason| WorkspaceError::InvalidPath { path: shortened(text), reason };
        if text.contains('\0') {
            return Err(invalid("it contains a NUL character"));
        }
        if text.len() > Self::MAX_PATH {
            return Err(invalid("it is longer than 4095 bytes"));
        }
        let path = Path::new(text);
        let beneath = roots.into_iter().find_map(|root| path.strip_prefix(root).ok());
        let mut names = PathBuf::new();
        for component in beneath.unwrap_or(path).components() {
            match component {
                Component::Normal(name) if name.len() > Self::MAX_NAME => {
                    return Err(invalid("a name in it is longer than 255 bytes"));
                }
                Component::Normal(name) => names.push(name),
                Component::CurDir => {}
                Component::ParentDir if names.pop() => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(WorkspaceError::Outside { path: shortened(text) });
                }
            }
        }
        Ok(Self(names))
    }

    /// Relative to the workspace; empty for the workspace itself.
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// The last name; none for the workspace itself.
    pub(crate) fn file_name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// The directory it is in; the workspace is its own.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0.parent().map(Path::to_path_buf).unwrap_or_default())
    }

    /// Each directory on the way, from the top, and the place itself at the end.
    pub(crate) fn ancestors_from_top(&self) -> impl Iterator<Item = Self> {
        self.0.components().scan(PathBuf::new(), |place, name| {
            place.push(name);
            Some(Self(place.clone()))
        })
    }
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() {
            return f.write_str(".");
        }
        f.write_str(&printable(&self.0))
    }
}

/// A path as one line of text: bytes that are no UTF-8 and control characters are escaped,
/// so that a file name cannot pass for another line of a listing.
pub(crate) fn printable(path: impl AsRef<Path>) -> String {
    let mut text = String::new();
    for chunk in path.as_ref().as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

fn shortened(text: &str) -> String {
    let mut shown = printable(text);
    if shown.len() > WorkspacePath::MAX_SHOWN {
        shown.truncate(shown.floor_char_boundary(WorkspacePath::MAX_SHOWN));
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        WorkspacePath::parse(text, [Path::new("/ws")])
            .map(|path| path.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_models_write() {
        for (text, path) in [
            ("src/main.rs", "src/main.rs"),
            ("./src//main.rs", "src/main.rs"),
            ("/ws/src", "src"),
            ("/ws", "."),
            ("", "."),
            (".", "."),
            ("a/../b", "b"),
            ("a/b/../../c/", "c"),
            ("/ws/a/../b", "b"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_outside() {
        for text in ["..", "a/../../b", "/etc/passwd", "/wsx/a", "/ws/../etc", "/", "/ws/.."] {
            assert!(parse(text).unwrap_err().contains("outside the workspace"), "{text}");
        }
    }

    #[test]
    fn refuses_what_no_file_system_has() {
        assert!(parse("a\0b").unwrap_err().contains("NUL"));
        assert!(parse(&"n".repeat(256)).unwrap_err().contains("255"));
        assert!(parse(&"n/".repeat(3000)).unwrap_err().contains("4095"));
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let name = OsStr::from_bytes(b"a\nb\xff\x1b[31m");
        assert_eq!(printable(Path::new(name)), "a\\nb\\xff\\u{1b}[31m");
    }
}
