//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// Pauses that double from one failure to the next.
#[derive(Debug, Clone)]
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// From 50 milliseconds to 2 seconds: a store that does not answer, with work in hand.
    pub(crate) fn short() -> Self {
        Self { next: Duration::from_millis(50), longest: Duration::from_secs(2) }
    }

    /// From 100 milliseconds to 30 seconds: something that fails for no known reason.
    pub(crate) fn long() -> Self {
        Self { next: Duration::from_millis(100), longest: Duration::from_secs(30) }
    }

    /// The pause after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut pauses = Pauses::short();
        let all: Vec<_> = (0..8).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(all, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
