//! The environment variables that the programs read, as they are documented.

use std::collections::BTreeSet;

/// Where each of them is named.
pub(crate) const EXAMPLE: &str = ".env.example";

/// The names in lines such as `NAME=value`, commented out or not.
pub(crate) fn documented_variables(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| {
        let name = line.trim_start_matches('#').trim_start().split_once('=')?.0;
        (!name.is_empty() && is_variable_name(name)).then(|| name.to_owned())
    });
    names.collect()
}

/// Whether it is written as the names of variables are.
pub(crate) fn is_variable_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
