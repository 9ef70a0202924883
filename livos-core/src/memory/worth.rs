//! Whether a sentence is worth remembering, by rules.
//!
//! The same rules look at what a user said, before a model is asked anything about it, and at what a model
//! found in it. They know English well and a few other languages a little; a statement in a language that they
//! do not know counts as worth it if it seems to be about the speaker. How well they do is measured on labelled
//! sentences beside this file.

mod phrases;

use self::phrases as say;
use super::secrecy::has_secret;
use super::words::key;
use crate::redaction::Redactor;

/// Fewer words say nothing that stays true.
const FEWEST_WORDS: usize = 3;
/// Fewer characters do not in writing without spaces.
const FEWEST_IDEOGRAPHS: usize = 6;
/// Of a text's characters, code has at least this part as symbols: one in so many.
const SYMBOL_PART: usize = 8;

/// Why a sentence is not worth remembering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Junk {
    /// Too short to say anything.
    Fragment,
    /// It asks.
    Question,
    /// It has a secret in it.
    Secret,
    /// It is code, a log or a path.
    Code,
    /// It wants something done now.
    Request,
    /// It is true for a short time.
    Passing,
    /// It is about what is said or shown right now.
    Deictic,
    /// It is about the assistant.
    AboutAssistant,
    /// It is not about the user.
    NotAboutUser,
    /// It says nothing in particular.
    Unremarkable,
}

/// Whether a sentence is worth remembering; else why not.
pub(crate) fn judge(text: &str, secrets: &Redactor) -> Result<(), Junk> {
    if has_secret(text, secrets) || text.contains("[secret ") || text.contains("[redacted]") {
        return Err(Junk::Secret);
    }
    let words = Words::of(text);
    if words.is_fragment(text) {
        return Err(Junk::Fragment);
    }
    if is_question(text, &words) {
        return Err(Junk::Question);
    }
    if is_code(text) {
        return Err(Junk::Code);
    }
    // Who asks for it knows why.
    if let Some(wanted) = words.after(say::REMEMBER) {
        return match wanted.is_task() {
            true => Err(Junk::Request),
            false => Ok(()),
        };
    }
    if words.begins(say::STANDING) || words.has(say::STANDING_INSIDE) {
        return Ok(());
    }
    if words.begins(say::OF_ASSISTANT) {
        return Err(Junk::AboutAssistant);
    }
    let lasts = words.has(say::LASTING);
    if words.begins(say::REQUESTS) || words.has(say::REPORTED_REQUESTS) || words.wants_answer() {
        return Err(Junk::Request);
    }
    if !lasts && words.has(say::NEEDS) {
        return Err(Junk::Request);
    }
    if words.ends(say::POINTING) || words.has(say::POINTING_INSIDE) || words.begins(say::OF_TALK) {
        return Err(Junk::Deictic);
    }
    if !lasts && (words.has(say::PASSING) || words.begins(say::MOODS)) {
        return Err(Junk::Passing);
    }
    if !words.is_about_user(text) {
        return Err(Junk::NotAboutUser);
    }
    match lasts || words.has(say::TELLING) || words.tells() || words.is_foreign() {
        true => Ok(()),
        false => Err(Junk::Unremarkable),
    }
}

/// A text as its words, in small letters, each between two spaces.
struct Words(String);

impl Words {
    fn of(text: &str) -> Self {
        Self(format!(" {} ", key(text)))
    }

    fn count(&self) -> usize {
        self.0.split_whitespace().count()
    }

    fn is_fragment(&self, text: &str) -> bool {
        if text.chars().any(is_ideograph) {
            return text.chars().filter(|letter| letter.is_alphanumeric()).count()
                < FEWEST_IDEOGRAPHS;
        }
        self.count() < FEWEST_WORDS
    }

    /// Whether one of these phrases is in it.
    fn has(&self, phrases: &'static str) -> bool {
        each(phrases).any(|phrase| self.find(phrase).is_some())
    }

    fn begins(&self, phrases: &'static str) -> bool {
        let own = self.without_politeness();
        each(phrases).any(|phrase| {
            own.strip_prefix(phrase).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    }

    fn ends(&self, phrases: &'static str) -> bool {
        let own = self.0.trim();
        each(phrases).any(|phrase| {
            own.strip_suffix(phrase).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '))
        })
    }

    /// What follows one of these at the beginning.
    fn after(&self, phrases: &'static str) -> Option<Self> {
        let own = self.without_politeness();
        let rest = each(phrases).find_map(|phrase| own.strip_prefix(phrase))?;
        rest.starts_with(' ').then(|| Self(format!("{} ", rest.trim_end())))
    }

    fn find(&self, phrase: &str) -> Option<usize> {
        let mut from = 0;
        while let Some(found) = self.0.get(from..)?.find(phrase) {
            let (start, end) = (from + found, from + found + phrase.len());
            let before = self.0.get(..start).is_some_and(|before| before.ends_with(' '));
            let after = self.0.get(end..).is_some_and(|after| after.starts_with(' '));
            if before && after {
                return Some(start);
            }
            from = end;
        }
        None
    }

    fn without_politeness(&self) -> &str {
        let mut own = self.0.trim();
        while let Some(rest) = each(say::POLITE).find_map(|word| own.strip_prefix(word)) {
            if !rest.starts_with(' ') {
                break;
            }
            own = rest.trim_start();
        }
        own
    }

    /// `remember to call Tom`: something to be done, and not known.
    fn is_task(&self) -> bool {
        self.0.trim_start().starts_with("to ") || self.count() < FEWEST_WORDS
    }

    /// `the user wants to know …`, but not `the user wants to learn the cello`.
    fn wants_answer(&self) -> bool {
        each(say::WISHES).any(|wish| {
            let Some(start) = self.find(wish) else { return false };
            let rest = self.0.get(start + wish.len()..).unwrap_or_default();
            match rest.strip_prefix(" to ") {
                Some(verb) => !each(say::GOALS).any(|goal| verb.split(' ').next() == Some(goal)),
                None => true,
            }
        })
    }

    /// `I bake …`, `my shoe size is …`, `the user bakes …`: a statement, in the present.
    fn tells(&self) -> bool {
        let own = self.without_politeness();
        let second = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
        if own.starts_with("i m ") {
            return true;
        }
        if let Some(rest) = own.strip_prefix("i ").or_else(|| own.strip_prefix("we ")) {
            let verb = second(rest);
            let is_short = verb.len() < 2 || ["ve", "ll", "re"].contains(&verb.as_str());
            return !is_short
                && !verb.ends_with("ed")
                && !each(say::OF_PAST).any(|past| past == verb);
        }
        if let Some(rest) = own.strip_prefix("the user ").or_else(|| own.strip_prefix("user ")) {
            return second(rest).ends_with('s');
        }
        (own.starts_with("my ") || own.starts_with("our "))
            && [" is ", " are ", " lives ", " speaks ", " runs ", " works ", " stays "]
                .iter()
                .any(|verb| own.contains(verb))
    }

    fn is_about_user(&self, text: &str) -> bool {
        self.has(say::OF_USER)
            || self.is_foreign()
            || each(say::OF_USER_UNSPACED).any(|mark| text.contains(mark))
    }

    /// Whether the speaker speaks of themselves in another language than English.
    fn is_foreign(&self) -> bool {
        (self.has(say::FOREIGN_OF_USER)
            && !self.has(say::FOREIGN_REQUESTS)
            && !self.has(say::FOREIGN_PASSING))
            || each(say::OF_USER_UNSPACED).any(|mark| self.0.contains(mark))
    }
}

/// The phrases of a list.
fn each(phrases: &'static str) -> impl Iterator<Item = &'static str> {
    phrases.split(", ")
}

fn is_question(text: &str, words: &Words) -> bool {
    let end = text.trim_end_matches(|letter: char| {
        letter.is_whitespace() || ['"', '\'', ')', '!', '.', '…'].contains(&letter)
    });
    end.ends_with(['?', '？', '؟']) || words.begins(say::QUESTIONS)
}

fn is_code(text: &str) -> bool {
    let visible = text.chars().filter(|letter| !letter.is_whitespace()).count();
    let symbols = text.chars().filter(|letter| say::SYMBOLS.contains(*letter)).count();
    symbols * SYMBOL_PART > visible
        || text.trim_end().ends_with([';', '{', '}'])
        || say::COMMANDS.iter().any(|start| text.trim_start().starts_with(start))
        || say::LOGS.iter().any(|mark| text.contains(mark))
}

/// Whether a letter is of a writing that puts no spaces between words.
pub(super) fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{0e00}'..='\u{0e7f}')
}

#[cfg(test)]
mod tests;
