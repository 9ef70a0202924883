//! Notices a run that goes round in circles.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use serde::Deserialize;
use serde::Serialize;

use crate::event::ToolStatus;
use crate::id::ToolName;
use crate::message::ContentBlock;
use crate::message::ToolInput;

/// How often the same call may fail in the same way.
const SAME_FAILURE_LIMIT: u32 = 3;
/// How often the same call may bring the same result. Higher: waiting for something to change is legitimate.
const SAME_RESULT_LIMIT: u32 = 6;
/// How many calls of one tool may be refused in a row because their arguments do not fit.
const REFUSED_LIMIT: u32 = 3;

/// Counts calls that brought nothing new.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Repetition {
    seen: Vec<Seen>,
    refused: Option<(ToolName, u32)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    fingerprint: u64,
    count: u32,
}

impl Repetition {
    /// Takes a finished call into account, and says why the run should end if it goes in circles.
    pub(super) fn finished(
        &mut self,
        name: &ToolName,
        input: &ToolInput,
        status: ToolStatus,
        content: &[ContentBlock],
    ) -> Option<String> {
        self.refused = None;
        let mut hasher = DefaultHasher::new();
        (name, input.to_json(), status).hash(&mut hasher);
        for text in content.iter().filter_map(ContentBlock::as_text) {
            text.hash(&mut hasher);
        }
        let fingerprint = hasher.finish();
        let count = match self.seen.iter_mut().find(|seen| seen.fingerprint == fingerprint) {
            Some(seen) => {
                seen.count += 1;
                seen.count
            }
            None => {
                self.seen.push(Seen { fingerprint, count: 1 });
                1
            }
        };
        let (limit, what) = match status {
            ToolStatus::Ok => (SAME_RESULT_LIMIT, "brought the same result"),
            _ => (SAME_FAILURE_LIMIT, "failed in the same way"),
        };
        (count >= limit).then(|| format!("the same call of `{name}` {what} {count} times"))
    }

    /// Takes a call into account whose arguments did not fit, or whose tool does not exist.
    pub(super) fn refused(&mut self, name: &ToolName) -> Option<String> {
        let count = match &self.refused {
            Some((last, count)) if last == name => count + 1,
            _ => 1,
        };
        self.refused = Some((name.clone(), count));
        (count >= REFUSED_LIMIT)
            .then(|| format!("{count} calls of `{name}` in a row could not be made"))
    }
}
