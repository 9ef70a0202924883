//! How well the rules do, on sentences that people labelled.

use super::judge;
use crate::redaction::Redactor;

/// The sentences that the rules were written with.
const TUNED: &str = include_str!("tuned.tsv");
/// Sentences that were written before the rules and that the rules were never changed for.
const HELD_OUT: &str = include_str!("held_out.tsv");

/// How the rules sort labelled sentences.
#[derive(Debug, Default)]
struct Measured {
    kept: usize,
    wrongly_kept: Vec<String>,
    missed: Vec<String>,
    refused: usize,
}

impl Measured {
    fn of(labelled: &str) -> Self {
        let mut measured = Self::default();
        for line in labelled.lines().filter(|line| !line.is_empty()) {
            let (label, sentence) = line.split_once('\t').expect("a label, a tab, a sentence");
            let verdict = judge(sentence, &Redactor::new());
            match (label, verdict) {
                ("keep", Ok(())) => measured.kept += 1,
                ("keep", Err(junk)) => measured.missed.push(format!("{sentence} ({junk:?})")),
                ("junk", Ok(())) => measured.wrongly_kept.push(sentence.to_owned()),
                ("junk", Err(_)) => measured.refused += 1,
                (label, _) => panic!("'{label}' is no label"),
            }
        }
        measured
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred sentences")]
    fn precision_and_recall(&self) -> (f64, f64) {
        let kept = self.kept as f64;
        let precision = kept / (kept + self.wrongly_kept.len() as f64);
        (precision, kept / (kept + self.missed.len() as f64))
    }

    fn print(&self, name: &str) {
        let (precision, recall) = self.precision_and_recall();
        let all = self.kept + self.refused + self.wrongly_kept.len() + self.missed.len();
        println!("{name}: {all} sentences, precision {precision:.3}, recall {recall:.3}");
        println!("  kept, and junk: {:#?}", self.wrongly_kept);
        println!("  refused, and worth it: {:#?}", self.missed);
    }
}

#[test]
fn the_rules_tell_what_stays_true_from_what_passes() {
    let tuned = Measured::of(TUNED);
    tuned.print("tuned");
    let (precision, recall) = tuned.precision_and_recall();
    assert!(precision >= 0.97 && recall >= 0.97, "tuned: {precision:.3}, {recall:.3}");
}

#[test]
fn they_do_so_for_sentences_that_they_were_not_written_with() {
    let held_out = Measured::of(HELD_OUT);
    held_out.print("held out");
    let (precision, recall) = held_out.precision_and_recall();
    assert!(precision >= 0.80 && recall >= 0.75, "held out: {precision:.3}, {recall:.3}");
}
