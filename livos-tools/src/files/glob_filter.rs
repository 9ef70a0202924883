//! Which files a glob means.

use std::path::Path;

use globset::GlobBuilder;
use globset::GlobMatcher;
use livos_core::ToolError;

/// Which files a glob means. Without a slash it is about names, with one about paths
/// relative to where the tool starts.
#[derive(Debug)]
pub(super) struct GlobFilter {
    matcher: GlobMatcher,
    by_name: bool,
}

impl GlobFilter {
    /// How long a glob may be, in bytes.
    const MAX_LENGTH: usize = 1000;

    pub(super) fn parse(glob: &str) -> Result<Self, ToolError> {
        if glob.len() > Self::MAX_LENGTH {
            return Err(ToolError::model("the glob is longer than 1000 bytes: shorten it"));
        }
        let glob = glob.strip_prefix("./").unwrap_or(glob);
        let compiled = GlobBuilder::new(glob)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| ToolError::model(format!("'{glob}' is not a glob: {error}")))?;
        Ok(Self { matcher: compiled.compile_matcher(), by_name: !glob.contains('/') })
    }

    /// Whether it means a file at this path, relative to where the tool starts.
    pub(super) fn matches(&self, path: &Path) -> bool {
        if self.by_name {
            path.file_name().is_some_and(|name| self.matcher.is_match(name))
        } else {
            self.matcher.is_match(path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_it_about_paths() {
        for (glob, path, expected) in [
            ("*.rs", "src/deep/main.rs", true),
            ("*.{rs,md}", "a/README.md", true),
            ("src/*.rs", "src/main.rs", true),
            ("src/*.rs", "src/deep/main.rs", false),
            ("src/**/*.rs", "src/deep/main.rs", true),
            ("./src/*.rs", "src/main.rs", true),
        ] {
            let filter = GlobFilter::parse(glob).unwrap();
            assert_eq!(filter.matches(Path::new(path)), expected, "{glob} {path}");
        }
        assert!(GlobFilter::parse("a[").unwrap_err().to_string().contains("not a glob"));
    }
}
