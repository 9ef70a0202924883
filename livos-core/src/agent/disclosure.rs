//! Which tools a model is told about, when all of them would take too much room.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::context::EstimatedTokens;
use crate::context::tool_tokens;
use crate::id::ToolName;
use crate::tool::Disclosure;
use crate::tool::ToolSpec;

/// How many tokens the definitions of all tools may take before some are withheld.
pub(super) const DEFAULT_TOOL_BUDGET: u64 = 8_000;

/// The definitions of tools may take this part of a model's window, if that is less.
const WINDOW_PART: u64 = 4;

/// Decides which tools a model is told about. Agents whose tools may not be withheld pay nothing.
#[derive(Debug)]
pub(super) struct ToolDisclosure {
    budget: u64,
    sorted: Mutex<Option<Sorted>>,
}

/// The tools of a registry, sorted once until they change.
#[derive(Debug, Clone)]
struct Sorted {
    all: Arc<[ToolSpec]>,
    /// What all may take.
    room: u64,
    /// What every model is told.
    fixed: Arc<[ToolSpec]>,
    withheld: Withheld,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Withheld {
    Nothing,
    WhatIsNotFound,
}

impl ToolDisclosure {
    pub(super) fn within(budget: u64) -> Self {
        Self { budget, sorted: Mutex::default() }
    }

    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    /// What a model with such a window is told about in a session that found these. What was found
    /// comes last, so that as much as possible of the request stays as it was.
    pub(super) fn offered(
        &self,
        all: Arc<[ToolSpec]>,
        found: &[ToolName],
        window: impl FnOnce() -> Option<u64>,
    ) -> Arc<[ToolSpec]> {
        if all.iter().all(|spec| spec.disclosure == Disclosure::Always) {
            return all;
        }
        let room = window().map_or(self.budget, |window| self.budget.min(window / WINDOW_PART));
        let sorted = self.sorted(all, room);
        if sorted.withheld == Withheld::Nothing || found.is_empty() {
            return sorted.fixed;
        }
        let named = |name: &ToolName| {
            let spec = sorted.all.iter().find(|spec| spec.name == *name)?;
            (spec.disclosure == Disclosure::WhenFound).then(|| spec.clone())
        };
        sorted.fixed.iter().cloned().chain(found.iter().filter_map(named)).collect()
    }

    fn sorted(&self, all: Arc<[ToolSpec]>, room: u64) -> Sorted {
        let mut kept = self.sorted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |sorted: &&Sorted| sorted.room == room && Arc::ptr_eq(&sorted.all, &all);
        if let Some(sorted) = kept.as_ref().filter(is_same) {
            return sorted.clone();
        }
        let sorted = sort(all, room);
        *kept = Some(sorted.clone());
        sorted
    }
}

fn sort(all: Arc<[ToolSpec]>, room: u64) -> Sorted {
    let is_of = |disclosure: Disclosure| move |spec: &&ToolSpec| spec.disclosure == disclosure;
    let has_finder = all.iter().any(|spec| spec.disclosure == Disclosure::ToFind);
    let plain = all.iter().filter(|spec| spec.disclosure != Disclosure::ToFind);
    let tokens: u64 = plain.clone().map(|spec| tool_tokens(&EstimatedTokens, spec)).sum();
    // What nobody can find is not withheld.
    if tokens <= room || !has_finder {
        return Sorted { fixed: plain.cloned().collect(), all, room, withheld: Withheld::Nothing };
    }
    let groups = groups(all.iter().filter(is_of(Disclosure::WhenFound)));
    let fixed = all
        .iter()
        .filter(|spec| spec.disclosure != Disclosure::WhenFound)
        .map(|spec| match spec.disclosure {
            Disclosure::ToFind => {
                let description = format!("{}\n\n{groups}", spec.description);
                ToolSpec { description: description.into(), ..spec.clone() }
            }
            _ => spec.clone(),
        })
        .collect();
    Sorted { fixed, all, room, withheld: Withheld::WhatIsNotFound }
}

/// What there is to be found, in a line: `github (20), schedule (3)`. A group is the server of
/// `mcp__server__tool`, and the first word of other names.
fn groups<'a>(specs: impl Iterator<Item = &'a ToolSpec>) -> String {
    const MOST: usize = 50;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in specs {
        let name = spec.name.as_str();
        let server = name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__"));
        let group = server.or_else(|| name.split_once('_')).map_or(name, |(group, _)| group);
        *counts.entry(group).or_default() += 1;
    }
    let mut text = String::from("There are tools of: ");
    for (place, (group, count)) in counts.iter().take(MOST).enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(text, "{comma}{group} ({count})");
    }
    text.push('.');
    text
}
