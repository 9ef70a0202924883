//! Whether this machine has room for work in the background.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use livos_core::Clock;
use livos_core::Overloaded;
use livos_core::ResourceGate;
use livos_core::Timestamp;

use crate::vitals;

/// How long figures count as new: a look costs little, and no more than one a second is needed.
const FRESH: Duration = Duration::from_secs(1);
/// When work that waits asks again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// The share of memory that counts as no limit.
const ALL_MEMORY: u64 = 100;

/// From which figures on work in the background waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResourceLimits {
    /// Used memory, in percent; 100 is no limit.
    pub(crate) memory_percent: u64,
    /// Processes that want a processor, for each there is, in the mean of one minute.
    pub(crate) load: Option<u64>,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self { memory_percent: 95, load: None }
    }
}

/// Lets work in the background begin while this machine has memory and processors left.
#[derive(Debug)]
pub(crate) struct Resources {
    limits: ResourceLimits,
    clock: Arc<dyn Clock>,
    looked: Mutex<Option<Looked>>,
}

#[derive(Debug, Clone)]
struct Looked {
    at: Timestamp,
    /// What there is too little of, if there is.
    shortage: Option<String>,
}

impl Resources {
    pub(crate) fn new(limits: ResourceLimits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, looked: Mutex::default() }
    }

    fn shortage(&self) -> Option<String> {
        let now = self.clock.now();
        let Ok(mut looked) = self.looked.lock() else { return None };
        let is_fresh = |looked: &&Looked| looked.at <= now && now.since(looked.at) < FRESH;
        if let Some(known) = looked.as_ref().filter(is_fresh) {
            return known.shortage.clone();
        }
        let shortage = self.limits.shortage();
        *looked = Some(Looked { at: now, shortage: shortage.clone() });
        shortage
    }
}

impl ResourceLimits {
    /// Reads the machine's figures, where there is a limit to compare them with.
    fn shortage(self) -> Option<String> {
        let memory = (self.memory_percent < ALL_MEMORY).then(vitals::used_memory).flatten();
        let load = self.load.and_then(|_| vitals::load_for_each());
        self.judge(memory, load)
    }

    fn judge(self, memory: Option<u64>, load: Option<f64>) -> Option<String> {
        let limit = self.memory_percent;
        if let Some(used) = memory.filter(|used| limit < ALL_MEMORY && *used >= limit) {
            return Some(format!("memory: {used} % are used, and it begins below {limit} %"));
        }
        let limit = f64::from(u32::try_from(self.load?).unwrap_or(u32::MAX));
        let load = load.filter(|load| *load >= limit)?;
        Some(format!(
            "processors: {load:.1} processes want each of them, and it begins below {limit}"
        ))
    }
}

impl ResourceGate for Resources {
    fn admits(&self) -> Result<(), Overloaded> {
        match self.shortage() {
            None => Ok(()),
            Some(reason) => Err(Overloaded { reason, ask_again_after: ASK_AGAIN }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_waits_from_the_limits_on() {
        let limits = ResourceLimits { memory_percent: 90, load: Some(4) };
        assert_eq!(limits.judge(Some(89), Some(3.9)), None);
        let memory = limits.judge(Some(90), Some(3.9)).unwrap();
        assert!(memory.starts_with("memory: 90 % are used"), "{memory}");
        let load = limits.judge(Some(1), Some(4.0)).unwrap();
        assert!(load.starts_with("processors: 4.0 processes"), "{load}");
        assert_eq!(limits.judge(None, None), None, "a machine that tells nothing holds up nothing");
        let none = ResourceLimits { memory_percent: 100, load: None };
        assert_eq!(none.judge(Some(100), Some(99.0)), None);
    }
}
