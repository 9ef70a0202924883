//! Whether what a model found was said.

use std::collections::BTreeSet;

use crate::memory::words::denies;
use crate::memory::words::terms;
use crate::memory::worth::is_ideograph;

/// So much of a fact's words must be among what was said, in percent.
const LEAST_SAID: usize = 60;
/// Words, without their endings, that reports put beside any fact.
const OF_REPORTS: [&str; 3] = ["user", "nam", "call"];
/// Words, without their endings, that facts about different things share.
const OF_ANY_FACT: [&str; 9] =
    ["user", "lik", "lov", "prefer", "want", "use", "own", "enjoy", "hat"];

/// Whether a fact is made of what was said: most of its words are, all its numbers, and it denies only what
/// was denied.
pub(super) fn is_said(fact: &str, said: &str) -> bool {
    let heard = marks(said);
    let found: BTreeSet<String> =
        marks(fact).into_iter().filter(|word| !OF_REPORTS.contains(&word.as_str())).collect();
    let known = found.iter().filter(|word| heard.contains(*word)).count();
    let numbers_are_said = found
        .iter()
        .filter(|word| word.bytes().any(|byte| byte.is_ascii_digit()))
        .all(|word| heard.contains(word));
    !found.is_empty()
        && numbers_are_said
        && known * 100 >= found.len() * LEAST_SAID
        && is_said_so(fact, &found, said)
}

/// Whether the clause that has most of the fact's words denies as the fact does.
fn is_said_so(fact: &str, found: &BTreeSet<String>, said: &str) -> bool {
    let clauses = said
        .split([',', ';', '.', '!', '\n'])
        .map(|clause| (marks(clause).intersection(found).count(), denies(clause) == denies(fact)));
    clauses.max().is_some_and(|(_, agrees)| agrees)
}

/// Whether two facts are about the same thing, so that one can take the other's place.
pub(super) fn share_a_subject(one: &str, other: &str) -> bool {
    let one = marks(one);
    marks(other)
        .into_iter()
        .any(|word| !OF_ANY_FACT.contains(&word.as_str()) && one.contains(&word))
}

/// Whether a fact says nothing that a known one does not say.
pub(super) fn says_again(fact: &str, known: &str) -> bool {
    let own = marks(fact);
    !own.is_empty() && denies(fact) == denies(known) && own.is_subset(&marks(known))
}

/// The words of a text that say something; of writing without spaces, its characters.
fn marks(text: &str) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    for term in terms(text) {
        if term.chars().any(is_ideograph) {
            marks.extend(term.chars().map(String::from));
        } else {
            marks.insert(term);
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_is_no_fact() {
        let said = "I drink my coffee black, and I moved to Porto in 2021.";
        for fact in [
            "The user drinks coffee black.",
            "The user moved to Porto in 2021.",
            "The user likes black coffee.",
        ] {
            assert!(is_said(fact, said), "{fact}");
        }
        for fact in [
            "The user drinks coffee with milk and sugar.",
            "The user moved to Porto in 2012.",
            "The user is a doctor.",
            "The user does not drink coffee black.",
            "The user.",
        ] {
            assert!(!is_said(fact, said), "{fact}");
        }
        assert!(!is_said("The user eats pork.", "I don't eat pork, and I like tea."));
        assert!(is_said("The user likes tea.", "I don't eat pork, and I like tea."));
        assert!(!is_said("The user likes tea.", "I hate tea."));
        assert!(is_said("用户住在上海", "我住在上海，是老师"));
    }

    #[test]
    fn only_what_is_about_the_same_thing_takes_a_place() {
        assert!(share_a_subject(
            "The user drinks coffee black.",
            "The user drinks coffee with milk."
        ));
        assert!(!share_a_subject("The user likes tea.", "The user likes cats."));
    }
}
