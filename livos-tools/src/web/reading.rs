//! Where foreign documents are read: on threads of their own, so that one which takes for ever, or
//! makes its reader panic, costs its call and nothing else.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use livos_core::ToolError;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;

/// The stack of a thread that reads: documents are nested as deep as their writers like.
const STACK_BYTES: usize = 16 * 1024 * 1024;
/// How many documents are read at once. One that never ends keeps its place.
const MAX_READERS: usize = 4;

/// Threads that read documents. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    free: Arc<Semaphore>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_READERS)) }
    }
}

impl Readers {
    /// Reads a document, and gives it up after `time`. Its thread is not waited for then: it is no
    /// thread of the runtime, whose shutdown it would hold up.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        time: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ToolError> {
        let too_long = || ToolError::model("the document takes too long to read");
        let waiting = tokio::time::timeout(time, Arc::clone(&self.free).acquire_owned());
        let Ok(Ok(place)) = waiting.await else {
            return Err(ToolError::model("too many documents are being read; try again later"));
        };
        let (sender, receiver) = oneshot::channel();
        let started = std::thread::Builder::new()
            .name("livos-document".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let read = catch_unwind(AssertUnwindSafe(work));
                drop(place);
                // Nobody may be waiting any more.
                let _ = sender.send(read);
            });
        if let Err(error) = started {
            return Err(ToolError::model(format!("the document cannot be read now: {error}")));
        }
        match tokio::time::timeout(time, receiver).await {
            Ok(Ok(Ok(read))) => Ok(read),
            Ok(_) => Err(ToolError::model("the document is damaged in a way that cannot be read")),
            Err(_) => Err(too_long()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_and_a_hang_cost_their_call_alone() {
        let readers = Readers::default();
        let time = Duration::from_millis(50);
        let panicked = readers.read(time * 100, || panic!("a hostile document")).await;
        let panicked: Result<(), _> = panicked;
        assert!(panicked.unwrap_err().to_string().contains("damaged"));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let stuck = readers.read(time, move || wait.recv().is_ok()).await;
        assert!(stuck.unwrap_err().to_string().contains("too long"));
        assert_eq!(readers.read(time * 100, || 7).await.unwrap(), 7);
        drop(release);
    }
}
