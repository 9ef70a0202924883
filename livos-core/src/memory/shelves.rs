//! The shelves of the users who searched last.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;

use super::shelf::Shelf;
use crate::id::UserId;
use crate::store::FactStore;
use crate::store::StoreError;

/// How many users' shelves are kept.
const KEPT: usize = 32;
/// How many changes are read at a time.
const CHUNK: usize = 1000;

/// The shelf of one user.
#[derive(Debug)]
pub(super) struct UserShelf {
    shelf: RwLock<Shelf>,
    /// Who holds it brings the shelf up to date.
    refresh: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Shelves {
    model: Option<Arc<str>>,
    /// Those who searched last come last.
    known: Mutex<Vec<(UserId, Arc<UserShelf>)>>,
}

impl Shelves {
    pub(super) fn new(model: Option<Arc<str>>) -> Self {
        Self { model, known: Mutex::default() }
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
            shelf.write(|shelf| shelf.apply(changes));
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
            }),
        };
        known.push((user.clone(), Arc::clone(&found)));
        if known.len() > KEPT {
            known.remove(0);
        }
        found
    }
}

impl UserShelf {
    pub(super) fn read<T>(&self, look: impl FnOnce(&Shelf) -> T) -> T {
        look(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Shelf) -> T) -> T {
        change(&mut self.shelf.write().unwrap_or_else(PoisonError::into_inner))
    }
}
