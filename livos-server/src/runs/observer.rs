//! Sees what the worker's runs do: counts it and shows it.

use std::sync::Arc;

use livos_core::AgentEvent;
use livos_core::EventFeed;
use livos_core::RunObserver;

use crate::metrics::Metrics;

/// Counts what runs do, and passes it on to whoever watches. Neither takes time.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) metrics: Arc<Metrics>,
    pub(super) feed: Arc<dyn EventFeed>,
}

impl RunObserver for Observer {
    fn observe(&self, event: AgentEvent) {
        self.metrics.event(&event);
        self.feed.show(event);
    }
}
