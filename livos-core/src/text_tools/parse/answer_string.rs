//! The string of an answer, decoded while it arrives.

/// Decodes a JSON string whose opening quote has passed.
///
/// Tolerant where nothing is at stake but how the text looks: raw line breaks,
/// unknown escapes, and quotes that the model forgot to escape.
#[derive(Debug, Default)]
pub(super) struct AnswerString {
    state: State,
    /// A quote that may be the end, with what followed it.
    quote: String,
    high_surrogate: Option<u32>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    Unicode(String),
    Quote,
}

/// What a character meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The string goes on.
    More,
    /// It ended before these characters.
    End(String),
}

impl AnswerString {
    /// Takes the next character; its text goes to `out`.
    pub(super) fn step(&mut self, c: char, out: &mut String) -> Decoded {
        match std::mem::take(&mut self.state) {
            State::Text => self.text(c, out),
            State::Escape => self.escape(c, out),
            State::Unicode(digits) => self.unicode(digits, c, out),
            State::Quote => return self.after_quote(c, out),
        }
        Decoded::More
    }

    /// What is left when nothing more comes. A quote at the end was the closing one.
    pub(super) fn finish(mut self, out: &mut String) {
        self.lone_surrogate(out);
    }

    fn text(&mut self, c: char, out: &mut String) {
        match c {
            '\\' => self.state = State::Escape,
            '"' => {
                self.lone_surrogate(out);
                self.quote.push(c);
                self.state = State::Quote;
            }
            c => {
                self.lone_surrogate(out);
                out.push(c);
            }
        }
    }

    fn escape(&mut self, c: char, out: &mut String) {
        if c == 'u' {
            self.state = State::Unicode(String::new());
            return;
        }
        self.lone_surrogate(out);
        match c {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            '"' | '\\' | '/' => out.push(c),
            unknown => {
                out.push('\\');
                out.push(unknown);
            }
        }
    }

    fn unicode(&mut self, mut digits: String, c: char, out: &mut String) {
        if !c.is_ascii_hexdigit() {
            self.lone_surrogate(out);
            out.push_str("\\u");
            out.push_str(&digits);
            self.text(c, out);
            return;
        }
        digits.push(c);
        if digits.len() < 4 {
            self.state = State::Unicode(digits);
            return;
        }
        let unit = u32::from_str_radix(&digits, 16).unwrap_or(0xFFFD);
        match (self.high_surrogate.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                out.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
            }
            (before, unit) => {
                out.extend(before.map(|_| '\u{FFFD}'));
                match unit {
                    0xD800..=0xDBFF => self.high_surrogate = Some(unit),
                    unit => out.push(char::from_u32(unit).unwrap_or('\u{FFFD}')),
                }
            }
        }
    }

    /// A quote ends the string when the object goes on behind it: `}` or `, "`.
    fn after_quote(&mut self, c: char, out: &mut String) -> Decoded {
        let has_comma = self.quote.ends_with(',') || self.quote.trim_end().ends_with(',');
        match c {
            c if c.is_whitespace() => self.quote.push(c),
            ',' if !has_comma => self.quote.push(c),
            '}' if !has_comma => return self.end(c),
            '"' | '}' if has_comma => return self.end(c),
            c => {
                out.push_str(&std::mem::take(&mut self.quote));
                self.text(c, out);
                return Decoded::More;
            }
        }
        self.state = State::Quote;
        Decoded::More
    }

    fn end(&mut self, c: char) -> Decoded {
        let mut rest = std::mem::take(&mut self.quote);
        rest.push(c);
        rest.remove(0);
        Decoded::End(rest)
    }

    fn lone_surrogate(&mut self, out: &mut String) {
        out.extend(self.high_surrogate.take().map(|_| '\u{FFFD}'));
    }
}
