//! Part of a list.

use serde::Serialize;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Whether more follow the last item.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page of at most `limit` items out of a look-up that fetched one more to learn whether more follow.
    pub fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }

    /// The first items of those that were found, of which there are more if so said or if some are cut.
    pub(crate) fn cut_at(mut items: Vec<T>, limit: usize, has_more: bool) -> Self {
        let has_more = has_more || items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}
