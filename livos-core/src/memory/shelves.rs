//! The shelves of the users who searched last.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::shelf::Shelf;
use crate::id::UserId;
use crate::store::FactStore;
use crate::store::StoreError;

/// How many users' shelves are kept.
const KEPT: usize = 32;
/// How much memory all shelves may take together, in bytes; the one that is used is kept whatever it takes.
const MOST_BYTES: usize = 512 << 20;
/// How many changes are read at a time.
const CHUNK: usize = 1000;
/// From this many changes on, taking them in is no work for a thread that serves others.
const MANY: usize = 50;

/// The shelf of one user.
#[derive(Debug)]
pub(super) struct UserShelf {
    shelf: RwLock<Shelf>,
    /// Who holds it brings the shelf up to date.
    refresh: tokio::sync::Mutex<()>,
    /// How much memory it took when it was last changed.
    bytes: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct Shelves {
    model: Option<Arc<str>>,
    most_bytes: usize,
    /// Those who searched last come last.
    known: Mutex<Vec<(UserId, Arc<UserShelf>)>>,
}

impl Shelves {
    pub(super) fn new(model: Option<Arc<str>>) -> Self {
        Self { model, most_bytes: MOST_BYTES, known: Mutex::default() }
    }

    /// A user's shelf, which has seen everything that was there when it was asked for.
    pub(super) async fn fresh(
        &self,
        store: &dyn FactStore,
        user: &UserId,
    ) -> Result<Arc<UserShelf>, StoreError> {
        let shelf = self.of(user);
        let turn = shelf.refresh.lock().await;
        loop {
            let (after, is_worn) = shelf.read(|shelf| (shelf.revision(), shelf.is_worn()));
            if is_worn {
                shelf.write(|shelf| *shelf = Shelf::empty(self.model.clone()));
                continue;
            }
            let changes = store.fact_changes(user, after, CHUNK).await?;
            if changes.is_empty() {
                break;
            }
            if changes.len() < MANY {
                shelf.write(|shelf| shelf.apply(changes));
            } else {
                let shelf = Arc::clone(&shelf);
                aside(move || shelf.write(|shelf| shelf.apply(changes))).await?;
            }
        }
        drop(turn);
        Ok(shelf)
    }

    fn of(&self, user: &UserId) -> Arc<UserShelf> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|(name, _)| name == user);
        let found = match place.map(|place| known.remove(place)) {
            Some((_, shelf)) => shelf,
            None => Arc::new(UserShelf {
                shelf: RwLock::new(Shelf::empty(self.model.clone())),
                refresh: tokio::sync::Mutex::default(),
                bytes: AtomicUsize::default(),
            }),
        };
        known.push((user.clone(), Arc::clone(&found)));
        let mut bytes: usize = known.iter().map(|(_, shelf)| shelf.bytes()).sum();
        while known.len() > 1 && (known.len() > KEPT || bytes > self.most_bytes) {
            bytes -= known.remove(0).1.bytes();
        }
        found
    }
}

impl UserShelf {
    pub(super) fn read<T>(&self, look: impl FnOnce(&Shelf) -> T) -> T {
        look(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes ready for embeddings of this size, if those there are of another.
    pub(super) fn fit(&self, dimensions: usize) {
        if ![0, dimensions].contains(&self.read(Shelf::dimensions)) {
            self.write(|shelf| shelf.start_over(dimensions));
        }
    }

    fn write<T>(&self, change: impl FnOnce(&mut Shelf) -> T) -> T {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut shelf);
        self.bytes.store(shelf.bytes(), Ordering::Relaxed);
        changed
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Does work that takes milliseconds where it holds nobody up.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let broken = match tokio::task::spawn_blocking(work).await {
        Ok(done) => return Ok(done),
        Err(broken) => broken,
    };
    match broken.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(StoreError::unavailable("the program stops")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_searched_last_is_kept_within_what_all_may_take() {
        let shelves = Shelves { most_bytes: 100, ..Shelves::new(None) };
        let user = |name: &str| UserId::from(name);
        shelves.of(&user("ann")).bytes.store(60, Ordering::Relaxed);
        shelves.of(&user("bob")).bytes.store(30, Ordering::Relaxed);
        shelves.of(&user("ann"));
        let big = shelves.of(&user("carol"));
        big.bytes.store(200, Ordering::Relaxed);
        assert!(Arc::ptr_eq(&big, &shelves.of(&user("carol"))));
        let names = shelves.known.lock().unwrap();
        assert_eq!(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["carol"]);
    }
}
