//! Idempotency keys that were used lately.

use std::collections::HashMap;
use std::collections::VecDeque;

use livos_core::SessionId;

use super::Accepted;

/// How many keys are remembered; the oldest is forgotten first.
const MAX_KEYS: usize = 4_096;

/// Which message was accepted under which key.
#[derive(Debug, Default)]
pub(super) struct AcceptedKeys {
    accepted: HashMap<(SessionId, String), Accepted>,
    order: VecDeque<(SessionId, String)>,
}

impl AcceptedKeys {
    pub(super) fn find(&self, session: SessionId, key: &str) -> Option<Accepted> {
        self.accepted.get(&(session, key.to_owned())).copied()
    }

    pub(super) fn remember(&mut self, session: SessionId, key: String, accepted: Accepted) {
        if self.order.len() >= MAX_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.accepted.remove(&oldest);
        }
        let key = (session, key);
        self.order.push_back(key.clone());
        self.accepted.insert(key, accepted);
    }
}
