//! What comes closest to a text that is not there.

use std::collections::HashSet;

/// How many lines of a file are compared.
const MAX_LINES: usize = 20_000;
/// How much of a line is compared and shown, in characters.
const MAX_SHOWN: usize = 160;
/// How much two lines must share to be worth a hint, of 1.
const ENOUGH: f64 = 0.5;

/// Where something close to `wanted` is, for the model; advice to read the file otherwise.
pub(super) fn hint(text: &str, wanted: &str) -> String {
    let Some((index, first_wanted)) =
        wanted.lines().enumerate().find(|(_, line)| !line.trim().is_empty())
    else {
        return "It is only white space: add the lines around it.".to_owned();
    };
    let wanted_line = first_wanted.trim();
    let lines = || text.lines().take(MAX_LINES).enumerate();
    if let Some((found, _)) = lines().find(|(_, line)| line.trim() == wanted_line) {
        let place = found + 1;
        return match first_difference(text, wanted, found, index) {
            Some((line, is, should)) => format!(
                "It begins to fit at line {place}, but line {line} is `{}` and not `{}`.",
                visible(is),
                visible(should)
            ),
            None => format!("Line {place} fits but for white space: copy it exactly."),
        };
    }
    let closest = lines()
        .map(|(number, line)| (similarity(line.trim(), wanted_line), number, line))
        .max_by(|(left, ..), (right, ..)| left.total_cmp(right));
    match closest {
        Some((score, number, line)) if score >= ENOUGH => {
            format!("The closest is line {}: `{}`.", number + 1, visible(line))
        }
        _ => "Nothing close to it is there: read the file again.".to_owned(),
    }
}

/// The first line that differs when both are laid side by side from where they fit.
fn first_difference<'a>(
    text: &'a str,
    wanted: &'a str,
    found: usize,
    index: usize,
) -> Option<(usize, &'a str, &'a str)> {
    let start = found.checked_sub(index)?;
    let mut is = text.lines().skip(start);
    for (offset, should) in wanted.lines().enumerate() {
        let line = is.next().unwrap_or("");
        if line != should {
            return Some((start + offset + 1, line, should));
        }
    }
    None
}

/// How many pairs of neighbouring characters two lines share (Dice), of 1.
fn similarity(left: &str, right: &str) -> f64 {
    let (left, right) = (pairs(left), pairs(right));
    let all = left.len() + right.len();
    if all == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 160 pairs each")]
    let shared = (2 * left.intersection(&right).count()) as f64 / all as f64;
    shared
}

fn pairs(line: &str) -> HashSet<(char, char)> {
    line.chars().zip(line.chars().skip(1)).take(MAX_SHOWN).collect()
}

fn visible(line: &str) -> String {
    let mut shown: String = line.chars().take(MAX_SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown.replace('\t', "\\t").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_comes_close() {
        let text = "fn main() {\n\tlet count = 1;\n\tprintln!(\"{count}\");\n}\n";
        for (wanted, expected) in [
            (
                "let count = 1;",
                "It begins to fit at line 2, but line 2 is `\\tlet count = 1;` and not `let count = 1;`.",
            ),
            (
                "fn main() {\n\tlet count = 2;",
                "It begins to fit at line 1, but line 2 is `\\tlet count = 1;` and not `\\tlet count = 2;`.",
            ),
            ("let counter = 1;", "The closest is line 2: `\\tlet count = 1;`."),
            ("import java.util", "Nothing close to it is there: read the file again."),
            ("\n\n", "It is only white space: add the lines around it."),
        ] {
            assert_eq!(hint(text, wanted), expected, "{wanted:?}");
        }
    }
}
