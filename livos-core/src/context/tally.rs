//! Tokens of a conversation, each message counted once.

use std::sync::Arc;

use super::ByteBound;
use super::TokenCounter;
use super::message_tokens;
use crate::id::ProviderId;
use crate::message::Message;
use crate::message::Usage;

/// Tokens of each message of a conversation that only grows.
///
/// What a provider says a request took is better knowledge than any count, so
/// the last such word scales the counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenTally {
    counter: Option<Arc<str>>,
    /// The sums of the messages before each place: the first is 0, the last is the sum of all.
    sums: Vec<u64>,
    bound: Bound,
    reported: Option<Reported>,
}

/// What the first messages take at most.
#[derive(Debug, Clone, Copy, Default)]
struct Bound {
    messages: usize,
    tokens: u64,
}

/// What a provider said a conversation took.
#[derive(Debug, Clone)]
struct Reported {
    provider: ProviderId,
    /// How many messages it had, the answer included.
    messages: usize,
    tokens: u64,
}

impl TokenTally {
    /// Counts what is new since the last time; everything, if the counter is another one.
    /// Gives the sums of the messages before each place, and of all: one more than there are messages.
    pub(crate) fn count(
        &mut self,
        counter: &dyn TokenCounter,
        messages: &[Arc<Message>],
    ) -> &[u64] {
        let is_another = self.counter.as_deref() != Some(counter.name());
        if is_another || self.sums.is_empty() || self.sums.len() > messages.len() + 1 {
            self.counter = Some(Arc::from(counter.name()));
            self.sums.clear();
            self.sums.push(0);
        }
        let mut sum = self.sums.last().copied().unwrap_or_default();
        for message in messages.iter().skip(self.sums.len() - 1) {
            sum += message_tokens(counter, message);
            self.sums.push(sum);
        }
        &self.sums
    }

    /// What the messages take at most, whoever counts: most conversations are so far from the end of
    /// the window that nobody has to count them.
    pub(crate) fn at_most(&mut self, messages: &[Arc<Message>]) -> u64 {
        if self.bound.messages > messages.len() {
            self.bound = Bound::default();
        }
        let new = messages.iter().skip(self.bound.messages);
        self.bound.tokens += new.map(|message| message_tokens(&ByteBound, message)).sum::<u64>();
        self.bound.messages = messages.len();
        self.bound.tokens
    }

    /// Takes in what a provider says the first `messages` took, with everything around them.
    pub(crate) fn report(&mut self, provider: &ProviderId, messages: usize, usage: Usage) {
        if usage.prompt_tokens() > 0 {
            let tokens = usage.total_tokens();
            self.reported = Some(Reported { provider: provider.clone(), messages, tokens });
        }
    }

    /// How the counts relate to what `provider`, or whoever answered last, said of them,
    /// given what surrounds the messages.
    pub(crate) fn scale(&self, provider: Option<&ProviderId>, fixed_tokens: u64) -> Scale {
        let is_asked = |it: &&Reported| provider.is_none_or(|asked| *asked == it.provider);
        let Some(reported) = self.reported.as_ref().filter(is_asked) else { return Scale::ONE };
        let counted = self.sums.get(reported.messages).copied().unwrap_or_default();
        Scale::between(reported.tokens, counted + fixed_tokens)
    }
}

/// How counts relate to the truth, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale(u64);

impl Scale {
    /// Counts are taken as they are.
    pub(crate) const ONE: Self = Self(1_000);
    /// The largest that anything a provider says leads to.
    pub(crate) const LARGEST: Self = Self(Self::MOST);
    /// Counts may be this far above the truth; services that say less count only what their cache had not.
    const LEAST: u64 = 200;
    /// And this far below, when a service adds much of its own.
    const MOST: u64 = 2_000;
    /// What is added to the ratio, since the next messages may be of another kind.
    const MARGIN: u64 = 50;

    fn between(told: u64, counted: u64) -> Self {
        let ratio = told.saturating_mul(1_000) / counted.max(1);
        match ratio < Self::LEAST {
            true => Self::ONE,
            false => Self((ratio + Self::MARGIN).min(Self::MOST)),
        }
    }

    /// The truth behind a count, as far as it is known.
    pub(crate) fn apply(self, counted: u64) -> u64 {
        counted.saturating_mul(self.0).div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::EstimatedTokens;

    #[test]
    fn a_message_is_counted_once() {
        let mut messages = vec![Arc::new(Message::user("one two three"))];
        let mut tally = TokenTally::default();
        let first = tally.count(&EstimatedTokens, &messages).to_vec();
        messages.push(Arc::new(Message::assistant("four")));
        let second = tally.count(&EstimatedTokens, &messages).to_vec();
        assert_eq!(second[..2], first[..]);
        assert_eq!(second.len(), 3);
        assert_eq!(tally.count(&EstimatedTokens, &[]), [0], "another conversation");
    }

    #[test]
    fn no_count_is_above_the_bound() {
        let texts =
            ["", "a", "xq", "\u{1}\u{2}", "12345 67", "приве́т 你好 🙂", "qzxkwv", "   \n\t"];
        let mut messages = Vec::new();
        let mut tally = TokenTally::default();
        for text in texts {
            messages.push(Arc::new(Message::user(text)));
            let bound = tally.at_most(&messages);
            let counted = tally.count(&EstimatedTokens, &messages).last().copied().unwrap();
            assert!(counted <= bound, "{text:?}: {counted} of {bound}");
        }
        let first = messages.drain(..1).collect::<Vec<_>>();
        assert!(tally.at_most(&first) < 20, "a shorter conversation is another one");
    }

    #[test]
    fn what_the_provider_said_scales_the_counts() {
        let messages = vec![Arc::new(Message::user("word ".repeat(195)))];
        let mut tally = TokenTally::default();
        let all = *tally.count(&EstimatedTokens, &messages).last().unwrap();
        let provider = ProviderId::from("p");
        assert_eq!(tally.scale(None, 0), Scale::ONE);
        for (told, expected) in [(all / 2, 550), (all / 10, 1_000), (all * 9, 2_000)] {
            tally.report(&provider, 1, Usage { input_tokens: told, ..Usage::default() });
            assert_eq!(tally.scale(Some(&provider), 0), Scale(expected), "{told} of {all}");
            assert_eq!(tally.scale(Some(&"other".into()), 0), Scale::ONE);
        }
    }
}
