//! The variables of a command: an allow-list, so that no secret of this process is among them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::WorkspaceRoot;

/// Taken over from this process; they say where programs are and how people read here.
const INHERITED: [&str; 6] = ["PATH", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME"];

/// Where programs are when this process does not know.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Programs shall print plain text and neither page nor ask.
const FIXED: [(&str, &str); 7] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("SHELL", "/bin/sh"),
];

/// All variables a command gets; what is granted wins.
pub(super) fn of_command(
    root: &WorkspaceRoot,
    granted: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let mut variables = BTreeMap::from([
        ("PATH".into(), DEFAULT_PATH.into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("HOME".into(), root.path().into()),
    ]);
    variables.extend(FIXED.map(|(name, value)| (name.into(), value.into())));
    variables.extend(
        INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))),
    );
    variables.extend(granted.clone());
    variables
}
