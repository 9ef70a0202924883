//! The table a bench prints: ours beside the loop by hand, their ratio, and the target.

use std::process::ExitCode;

/// Collects rows and prints them.
#[derive(Debug)]
pub struct Report {
    missed: u32,
}

impl Report {
    /// Prints the head of a table.
    pub fn new(title: &str) -> Self {
        println!("\n{title}");
        println!("  {:<44} {:>12} {:>12} {:>8}  {:<8}", "", "ours", "by hand", "ratio", "target");
        Self { missed: 0 }
    }

    /// Prints the head of a table without a loop by hand.
    pub fn absolute(title: &str) -> Self {
        println!("\n{title}");
        Self { missed: 0 }
    }

    /// A ratio that must not be above its target.
    pub fn gate(&mut self, what: &str, ours: f64, by_hand: f64, target: f64) {
        let ratio = ours / by_hand;
        let verdict = self.judge(ratio <= target);
        row(what, ours, by_hand, &format!("<= {target:.2}x {verdict}"));
    }

    /// A ratio to know.
    pub fn show(&mut self, what: &str, ours: f64, by_hand: f64) {
        row(what, ours, by_hand, "");
    }

    /// A pair of times and what their ratio should be. Times do not repeat, so nothing fails for them.
    pub fn aim(&mut self, what: &str, ours: f64, by_hand: f64, most: f64) {
        let verdict = if ours / by_hand <= most { "reached" } else { "not reached" };
        row(what, ours, by_hand, &format!("aim {most:.2}x {verdict}"));
    }

    /// A figure of ours that must not be above its target.
    pub fn limit(&mut self, what: &str, ours: f64, target: f64) {
        let verdict = self.judge(ours <= target);
        println!("  {what:<44} {:>12} {:>12} {:>8}  <= {target} {verdict}", number(ours), "", "");
    }

    /// A figure of ours that must not be below its target.
    pub fn at_least(&mut self, what: &str, ours: f64, target: f64) {
        let verdict = self.judge(ours >= target);
        println!("  {what:<44} {:>12} {:>12} {:>8}  >= {target} {verdict}", number(ours), "", "");
    }

    /// A figure of ours to know.
    pub fn note(&mut self, what: &str, ours: f64) {
        println!("  {what:<44} {:>12}", number(ours));
    }

    /// Failure when a target was missed.
    pub fn finish(self) -> ExitCode {
        if self.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn judge(&mut self, reached: bool) -> &'static str {
        self.missed += u32::from(!reached);
        if reached { "reached" } else { "MISSED" }
    }
}

fn row(what: &str, ours: f64, by_hand: f64, target: &str) {
    let ratio = ours / by_hand;
    let (ours, by_hand) = (number(ours), number(by_hand));
    println!("  {what:<44} {ours:>12} {by_hand:>12} {ratio:>7.2}x  {target}");
}

/// Four digits are all that is worth reading.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{:.2} M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.1} k", value / 1e3)
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// The middle of several measurements.
pub fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// What so many of a hundred measurements are at most.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The least of several measurements: what a figure is when nothing else is going on.
pub fn least(values: Vec<f64>) -> f64 {
    percentile(values, 0)
}
