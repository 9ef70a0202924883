//! Keeps the beginning and the end of what a command prints; the whole goes to a file.

use std::collections::VecDeque;

use super::spill::Spill;
use super::spill::SpillPlace;

/// What was printed so far, in bounded memory.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    place: SpillPlace,
    spill: Option<Spill>,
}

/// What was printed, when all is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Captured {
    /// All of it.
    Whole(Vec<u8>),
    /// Too much to show.
    Parts {
        head: Vec<u8>,
        tail: Vec<u8>,
        /// How many bytes were printed.
        total: u64,
        kept: Kept,
    },
}

/// Where the whole output is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The first `bytes` of it are in this file.
    InFile { path: String, bytes: u64 },
    /// It could not be kept.
    Lost { reason: String },
}

impl Capture {
    /// How much of the beginning is shown. With the tail it stays below the registry's
    /// default output limit, with room for the words around it.
    const HEAD: usize = 10 * 1024;
    /// How much of the end is shown; errors are usually there.
    const TAIL: usize = 18 * 1024;

    pub(super) fn new(place: SpillPlace) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), total: 0, place, spill: None }
    }

    /// Takes what was printed next.
    pub(super) async fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.spill.is_none() && self.total > (Self::HEAD + Self::TAIL) as u64 {
            // Nothing was dropped so far, so the file begins at the beginning.
            let mut spill = self.place.open().await;
            self.tail.make_contiguous();
            spill.write(&self.head).await;
            spill.write(self.tail.as_slices().0).await;
            self.spill = Some(spill);
        }
        if let Some(spill) = &mut self.spill {
            spill.write(bytes).await;
        }
        let room = Self::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        let fresh = rest.get(rest.len().saturating_sub(Self::TAIL)..).unwrap_or_default();
        let excess = (self.tail.len() + fresh.len()).saturating_sub(Self::TAIL);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail.extend(fresh);
    }

    /// What was printed.
    pub(super) async fn finish(self) -> Captured {
        match self.spill {
            None => {
                let mut whole = self.head;
                whole.extend(self.tail);
                Captured::Whole(whole)
            }
            Some(spill) => Captured::Parts {
                head: self.head,
                tail: self.tail.into(),
                total: self.total,
                kept: spill.close().await,
            },
        }
    }
}
