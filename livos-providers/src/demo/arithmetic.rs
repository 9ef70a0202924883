//! Sums such as `12 * (3 + 4)`.

/// How deep parentheses and signs may nest.
const MAX_DEPTH: usize = 64;

/// Whether the text is a sum with something to work out in it.
pub(super) fn is_expression(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || "(-.".contains(c));
    let mut reader = Reader { rest: text, depth: 0, operations: 0 };
    starts && reader.sum().is_some() && reader.is_at_end() && reader.operations > 0
}

/// The value; none where there is no finite one.
pub(super) fn evaluate(text: &str) -> Option<f64> {
    let mut reader = Reader { rest: text, depth: 0, operations: 0 };
    reader.sum().filter(|value| value.is_finite() && reader.is_at_end())
}

/// Up to ten decimals, none where they are zero.
pub(super) fn format(value: f64) -> String {
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    operations: usize,
}

impl Reader<'_> {
    fn is_at_end(&self) -> bool {
        self.rest.trim_start().is_empty()
    }

    fn take(&mut self, symbols: &[char]) -> Option<char> {
        let rest = self.rest.trim_start();
        let symbol = rest.chars().next().filter(|symbol| symbols.contains(symbol))?;
        self.rest = rest.get(symbol.len_utf8()..)?;
        Some(symbol)
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(&['+', '-', '−']) {
            self.operations += 1;
            let right = self.product()?;
            value = if sign == '+' { value + right } else { value - right };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.power()?;
        while let Some(sign) = self.take(&['*', '×', '/', '÷', '%']) {
            self.operations += 1;
            let right = self.power()?;
            value = match sign {
                '*' | '×' => value * right,
                '%' => value % right,
                _ => value / right,
            };
        }
        Some(value)
    }

    fn power(&mut self) -> Option<f64> {
        let base = self.signed()?;
        if self.take(&['^']).is_none() {
            return Some(base);
        }
        self.operations += 1;
        self.deeper(Self::power).map(|exponent| base.powf(exponent))
    }

    fn signed(&mut self) -> Option<f64> {
        if self.take(&['-', '−']).is_some() {
            return self.deeper(Self::signed).map(|value| -value);
        }
        if self.take(&['(']).is_some() {
            let value = self.deeper(Self::sum)?;
            return self.take(&[')']).map(|_| value);
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, rest) = rest.split_at_checked(end)?;
        self.rest = rest;
        number.parse().ok()
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Option<f64>) -> Option<f64> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_worked_out() {
        for (text, expected) in [
            ("12 * 7", "84"),
            ("12*(3 + 4)", "84"),
            ("1 / 4", "0.25"),
            ("-2 ^ 2", "4"),
            ("2 ^ 3 ^ 2", "512"),
            ("0.1 + 0.2", "0.3"),
            ("10 % 4 - 2", "0"),
            ("6 ÷ 3 × 2", "4"),
        ] {
            assert_eq!(evaluate(text).map(format).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_sum_is_none() {
        for text in ["12", "1 +", "(1 + 2", "1 + x", "", "1 2", "2026-11-", "."] {
            assert!(!is_expression(text), "{text}");
        }
        assert_eq!(evaluate("1 / 0"), None);
        let deep = format!("{}1{} + 1", "(".repeat(1_000), ")".repeat(1_000));
        assert_eq!(evaluate(&deep), None);
    }
}
