//! The words of a text, as they are compared.

/// What the text comes to when case, spaces and punctuation do not count.
pub(super) fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
    {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
    }
    key
}

/// English words that say nothing of what a text is about, in order.
const EMPTY_WORDS: [&str; 77] = [
    "a", "about", "after", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but",
    "by", "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her",
    "his", "how", "i", "if", "in", "into", "is", "it", "its", "may", "me", "my", "no", "of", "on",
    "or", "our", "s", "shall", "she", "should", "so", "some", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "us", "user", "was", "we",
    "were", "what", "when", "where", "which", "who", "will", "with", "would", "you", "your",
];

/// The words to look for, endings taken off, those that say nothing left out.
pub(super) fn terms(text: &str) -> Vec<String> {
    let key = key(text);
    let words =
        key.split(' ').filter(|word| !word.is_empty() && EMPTY_WORDS.binary_search(word).is_err());
    words.map(stem).collect()
}

/// The numbers of a text, and words with digits in them.
pub(super) fn numbers(text: &str) -> Vec<String> {
    let key = key(text);
    let words = key.split(' ').filter(|word| word.contains(|letter: char| letter.is_numeric()));
    words.map(str::to_owned).collect()
}

/// Whether a text says that something is not so.
pub(super) fn denies(text: &str) -> bool {
    // What is left of `don't` is a `t`.
    const DENIALS: [&str; 8] = ["not", "no", "never", "none", "t", "cannot", "without", "stopped"];
    key(text).split(' ').any(|word| DENIALS.contains(&word))
}

/// Takes the commonest English endings off, so that `cats` finds `cat` and `moved` finds `move`.
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() < 4 || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    if let Some(root) = word.strip_suffix("ies").filter(|root| root.len() >= 2) {
        return format!("{root}y");
    }
    let endings = ["ing", "ed", "es", "s", "e"];
    let root = endings.iter().find_map(|ending| {
        word.strip_suffix(ending).filter(|root| root.len() >= 3 && !root.ends_with('s'))
    });
    root.unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_and_punctuation_do_not_count() {
        assert_eq!(key("  Likes\tTEA, (green)! "), "likes tea green");
        assert_eq!(key("Ünïcode 茶"), "ünïcode 茶");
        assert_eq!(key("?!"), "");
    }

    #[test]
    fn empty_words_are_in_order() {
        assert!(EMPTY_WORDS.is_sorted());
    }

    #[test]
    fn forms_of_a_word_meet() {
        for (left, right) in [("cats", "cat"), ("moved", "moves"), ("allergies", "allergy")] {
            assert_eq!(terms(left), terms(right), "{left} {right}");
        }
        assert_eq!(terms("What is the user's glass?"), ["glass"]);
    }
}
