//! What was done, and what was found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::campaign::Campaign;
use crate::campaign::Kills;
use crate::checks::Agents;
use crate::checks::Found;
use crate::checks::Journals;
use crate::checks::Memories;
use crate::checks::Traces;
use crate::checks::unknown_outcomes;
use crate::ledger::Violation;
use crate::options::Options;
use crate::options::StoreKind;

/// How many journals are shown.
const SHOWN: usize = 5;
/// How many characters of an entry are shown.
const LONGEST_ENTRY: usize = 600;

/// What was done, and what was found.
#[derive(Debug)]
pub(crate) struct Report {
    options: Options,
    kills: String,
    starts: usize,
    sessions: usize,
    messages: usize,
    entries: usize,
    runs: usize,
    recoveries: usize,
    model_calls: u64,
    tool_executions: u64,
    repeated_executions: u64,
    unknown_outcomes: usize,
    deliveries: usize,
    delivery_attempts: u64,
    /// How many slots of schedules fired.
    slots: u64,
    found: Found,
    took: Duration,
    violations: Vec<Violation>,
    /// Those of the sessions in which something was violated.
    journals: BTreeMap<String, Vec<Value>>,
}

impl Report {
    pub(crate) fn of(
        campaign: &Campaign,
        kills: &Kills,
        options: Options,
        journals: &Journals,
        traces: &Traces,
        took: Duration,
    ) -> Self {
        let sessions = campaign.ledger.sessions();
        let arrived = campaign.sink.arrived();
        let entries = || journals.values().flatten();
        let of_type = |name: &str| entries().filter(|entry| entry["type"] == name).count();
        let recovered =
            |entry: &&Value| entry["type"] == "run_started" && entry["attempt"].as_u64() > Some(1);
        let violations = campaign.ledger.violations();
        let concerned = violations.iter().filter_map(|violation| violation.session.as_ref());
        let concerned =
            concerned.filter_map(|name| Some((name.clone(), journals.get(name)?.clone())));
        Self {
            options,
            kills: kills.to_string(),
            starts: kills.starts,
            sessions: sessions.len(),
            messages: sessions.iter().map(|known| known.acknowledged.len()).sum(),
            entries: entries().count(),
            runs: of_type("run_finished"),
            recoveries: entries().filter(recovered).count(),
            model_calls: campaign.model.asked(),
            tool_executions: traces.total(),
            repeated_executions: traces.repeated(),
            unknown_outcomes: journals.values().map(|journal| unknown_outcomes(journal)).sum(),
            deliveries: arrived.len(),
            delivery_attempts: arrived.values().map(|arrived| arrived.times).sum(),
            slots: 0,
            found: Found::default(),
            took,
            journals: concerned.collect(),
            violations,
        }
    }

    pub(crate) fn with_slots(self, slots: u64) -> Self {
        Self { slots, ..self }
    }

    pub(crate) fn with_found(self, found: Found) -> Self {
        Self { found, ..self }
    }

    pub(crate) fn has_violations(&self) -> bool {
        !self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.options.store {
            StoreKind::Sqlite => "SQLite",
            StoreKind::Redis => "Redis",
        };
        writeln!(
            f,
            "crash test on {store}, seed {}, {} s",
            self.options.seed,
            self.took.as_secs()
        )?;
        writeln!(f, "  kills                {}", self.kills)?;
        writeln!(f, "  starts               {}", self.starts)?;
        writeln!(f, "  sessions             {}", self.sessions)?;
        writeln!(f, "  messages             {} acknowledged", self.messages)?;
        writeln!(f, "  journal entries      {}", self.entries)?;
        writeln!(
            f,
            "  runs                 {}, taken up again {} times",
            self.runs, self.recoveries
        )?;
        writeln!(f, "  model calls          {}", self.model_calls)?;
        writeln!(
            f,
            "  tool executions      {}, {} of them again, {} calls with unknown outcome",
            self.tool_executions, self.repeated_executions, self.unknown_outcomes
        )?;
        writeln!(
            f,
            "  deliveries           {}, arrived {} times",
            self.deliveries, self.delivery_attempts
        )?;
        writeln!(f, "  slots of schedules   {}, fired", self.slots)?;
        let Agents { waited_for, heard_of_later, abandoned } = self.found.agents;
        writeln!(
            f,
            "  agents               {waited_for} waited for, {heard_of_later} heard of later, \
             {abandoned} whose caller was stopped"
        )?;
        let Memories { looked_through, taken_up_again, facts } = self.found.memories;
        writeln!(
            f,
            "  memories             {facts}, found in {looked_through} runs; looking for them was \
             taken up again {taken_up_again} times"
        )?;
        writeln!(f, "  violations           {}", self.violations.len())?;
        for violation in &self.violations {
            let session = violation.session.as_deref().unwrap_or("-");
            let Violation { what, during, .. } = violation;
            writeln!(f, "violation: {what} (session {session}, seen at {during})")?;
        }
        for (session, journal) in self.journals.iter().take(SHOWN) {
            writeln!(f, "journal of {session}:")?;
            journal.iter().try_for_each(|entry| writeln!(f, "  {}", shortened(entry)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_points: usize = self.at_points.values().sum();
        write!(
            f,
            "{} ({} at random moments, {at_points} at named points:",
            at_points + self.at_random,
            self.at_random
        )?;
        for (point, count) in &self.at_points {
            write!(f, " {} {count}", point.name())?;
        }
        let missed: usize = self.missed.values().sum();
        if missed > 0 {
            write!(f, "; {missed} traps that nothing stepped into")?;
        }
        f.write_str(")")?;
        match self.of_redis {
            0 => Ok(()),
            count => write!(f, ", and Redis {count} times"),
        }
    }
}

fn shortened(entry: &Value) -> String {
    entry.to_string().chars().take(LONGEST_ENTRY).collect()
}
