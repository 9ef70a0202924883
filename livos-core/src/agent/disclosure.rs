//! Which tools a model is told about, when all of them would take too much room.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::context::EstimatedTokens;
use crate::context::tool_tokens;
use crate::id::ToolName;
use crate::message::ContentBlock;
use crate::tool::Disclosure;
use crate::tool::ToolSpec;
use crate::tool::names_found;

/// How many tokens the definitions of all tools may take before some are withheld.
pub(super) const DEFAULT_TOOL_BUDGET: u64 = 8_000;

/// The definitions of tools may take this part of a model's window, if that is less. Then even those
/// are withheld that a model is told of in any case, as far as they do not fit: a small model that can
/// search is of more use than one that cannot answer.
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
    room: Room,
    /// What every model is told.
    fixed: Arc<[ToolSpec]>,
    withheld: Withheld,
}

/// What definitions may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// Those of all tools, before any is withheld.
    all: u64,
    /// Those that a model is told of in any case, where its window is smaller than they would like.
    told: Option<u64>,
}

impl Room {
    fn of(budget: u64, window: Option<u64>) -> Self {
        let part = window.map(|window| window / WINDOW_PART).filter(|part| *part < budget);
        Self { all: part.unwrap_or(budget), told: part }
    }
}

/// Tools that a session's searches found.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundTools {
    /// In the order in which they were found first, which stays.
    in_order: Vec<ToolName>,
    /// The same, those found last at the end, and the best of a search after its others.
    latest: Vec<ToolName>,
}

impl FoundTools {
    /// Takes in what a search gave.
    pub(super) fn take_in(&mut self, content: &[ContentBlock]) {
        for text in content.iter().filter_map(ContentBlock::as_text) {
            let names: Vec<ToolName> = names_found(text).map(ToolName::from).collect();
            for name in &names {
                if !self.in_order.contains(name) {
                    self.in_order.push(name.clone());
                }
            }
            self.latest.retain(|known| !names.contains(known));
            self.latest.extend(names.into_iter().rev());
        }
    }
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
        found: &FoundTools,
        window: impl FnOnce() -> Option<u64>,
    ) -> Arc<[ToolSpec]> {
        if all.iter().all(|spec| spec.disclosure == Disclosure::Always) {
            return all;
        }
        let room = Room::of(self.budget, window());
        let sorted = self.sorted(all, room);
        if sorted.withheld == Withheld::Nothing || found.in_order.is_empty() {
            return sorted.fixed;
        }
        let is_told = |name: &ToolName| sorted.fixed.iter().any(|spec| spec.name == *name);
        let named = |name: &ToolName| {
            let spec = sorted.all.iter().find(|spec| spec.name == *name)?;
            (!is_told(name)).then_some(spec)
        };
        let latest = found.latest.iter().rev().filter_map(named);
        let fitting = room.told.map(|room| latest_within(latest, room));
        let fits =
            |spec: &&ToolSpec| fitting.as_ref().is_none_or(|fitting| fitting.contains(&spec.name));
        let found = found.in_order.iter().filter_map(named).filter(fits);
        sorted.fixed.iter().chain(found).cloned().collect()
    }

    fn sorted(&self, all: Arc<[ToolSpec]>, room: Room) -> Sorted {
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

/// Of the tools that were found, the latest first, as many as have room: at least one, or finding it was
/// in vain.
fn latest_within<'a>(
    latest: impl Iterator<Item = &'a ToolSpec>,
    room: u64,
) -> BTreeSet<&'a ToolName> {
    let mut taken = 0;
    let fits = |(place, spec): &(usize, &ToolSpec)| {
        taken += tool_tokens(&EstimatedTokens, spec);
        *place == 0 || taken <= room
    };
    latest.enumerate().take_while(fits).map(|(_, spec)| &spec.name).collect()
}

/// Of the tools that a model is told of in any case, as many as have room, the smallest first.
fn smallest_within(told: &[&ToolSpec], room: u64) -> BTreeSet<ToolName> {
    let cost = |spec: &ToolSpec| tool_tokens(&EstimatedTokens, spec);
    let is_finder = |spec: &&&ToolSpec| spec.disclosure == Disclosure::ToFind;
    let mut left = room.saturating_sub(told.iter().filter(is_finder).map(|spec| cost(spec)).sum());
    let mut by_cost: Vec<(u64, &ToolName)> =
        told.iter().filter(|spec| !is_finder(spec)).map(|spec| (cost(spec), &spec.name)).collect();
    by_cost.sort();
    let fits = |(cost, _): &(u64, &ToolName)| {
        let rest = left.checked_sub(*cost);
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    by_cost.into_iter().take_while(fits).map(|(_, name)| name.clone()).collect()
}

fn sort(all: Arc<[ToolSpec]>, room: Room) -> Sorted {
    let has_finder = all.iter().any(|spec| spec.disclosure == Disclosure::ToFind);
    let plain = all.iter().filter(|spec| spec.disclosure != Disclosure::ToFind);
    let tokens: u64 = plain.clone().map(|spec| tool_tokens(&EstimatedTokens, spec)).sum();
    // What nobody can find is not withheld.
    if tokens <= room.all || !has_finder {
        return Sorted { fixed: plain.cloned().collect(), all, room, withheld: Withheld::Nothing };
    }
    let told: Vec<&ToolSpec> =
        all.iter().filter(|spec| spec.disclosure != Disclosure::WhenFound).collect();
    let fitting = room.told.map(|room| smallest_within(&told, room));
    let is_told = |spec: &&ToolSpec| match (spec.disclosure, &fitting) {
        (Disclosure::WhenFound, _) => false,
        (Disclosure::Always, Some(fitting)) => fitting.contains(&spec.name),
        (Disclosure::Always, None) | (Disclosure::ToFind, _) => true,
    };
    let groups = groups(all.iter().filter(|spec| !is_told(spec)));
    let fixed = all
        .iter()
        .filter(is_told)
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
