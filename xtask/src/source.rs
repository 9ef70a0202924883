//! Rust source with comments and literals taken out, so that rules look at code alone.

/// What a line of a source file is made of, once comments and literals are blanked.
///
/// It is no parser: it knows comments, strings, characters and braces, which is
/// what counting lines and finding the ends of functions takes.
#[derive(Debug)]
pub(crate) struct Source {
    code: String,
    literals: Vec<String>,
}

/// A function and how long it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines of its body that hold code.
    pub(crate) length: usize,
    /// Whether it says why it may be long.
    pub(crate) excused: bool,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut blanking = Blanking { rest: text, code: String::new(), literals: Vec::new() };
        while !blanking.rest.is_empty() {
            blanking.step();
        }
        Self { code: blanking.code, literals: blanking.literals }
    }

    /// The source without its inline test modules, `#[cfg(test)] mod tests { .. }`.
    pub(crate) fn without_tests(text: &str) -> Self {
        let whole = Self::new(text);
        let Some((start, end)) = whole.test_module() else { return whole };
        let first_line = whole.line_of(start);
        let last_line = whole.line_of(end);
        let kept: Vec<&str> = text
            .lines()
            .enumerate()
            .filter(|(index, _)| !(first_line..=last_line).contains(&(index + 1)))
            .map(|(_, line)| line)
            .collect();
        Self::without_tests(&kept.join("\n"))
    }

    /// The code: as many lines as the text has, comments and literals blank.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// What the string literals hold, as they are written.
    pub(crate) fn literals(&self) -> &[String] {
        &self.literals
    }

    /// Lines that hold code.
    pub(crate) fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Every function with a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let starts = self.code.match_indices("fn ").filter(|(at, _)| self.is_word_start(*at));
        starts.filter_map(|(at, _)| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function> {
        let signature = self.code.get(at + 3..)?;
        let name: String =
            signature.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            return None; // a function pointer type
        }
        let open = at + 3 + signature.find(['{', ';'])?;
        if self.code.as_bytes().get(open) != Some(&b'{') {
            return None; // declared only
        }
        let body = self.code.get(open + 1..self.closing_brace(open)?)?;
        let length = body.lines().filter(|line| !line.trim().is_empty()).count();
        let line = self.line_of(at);
        Some(Function { name, line, length, excused: self.is_excused(at) })
    }

    /// Whether the attributes between the previous item and the function expect the lint.
    fn is_excused(&self, at: usize) -> bool {
        let before = self.code.get(..at).unwrap_or_default();
        let previous_end = before.rfind(['}', ';', '{']).unwrap_or(0);
        before.get(previous_end..).is_some_and(|text| text.contains("clippy::too_many_lines"))
    }

    fn test_module(&self) -> Option<(usize, usize)> {
        let marker = "#[cfg(test)]";
        self.code.match_indices(marker).find_map(|(at, _)| {
            let rest = self.code.get(at + marker.len()..)?;
            let item_end = rest.find(['{', ';'])?;
            let is_inline_module = rest.get(..item_end)?.contains("mod ")
                && rest.as_bytes().get(item_end) == Some(&b'{');
            let close = self.closing_brace(at + marker.len() + item_end)?;
            is_inline_module.then_some((at, close))
        })
    }

    fn closing_brace(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (offset, byte) in self.code.as_bytes().get(open..)?.iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 1 => return Some(open + offset),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    fn is_word_start(&self, at: usize) -> bool {
        let before = self.code.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    fn line_of(&self, at: usize) -> usize {
        1 + self.code.get(..at).unwrap_or_default().matches('\n').count()
    }
}

struct Blanking<'a> {
    rest: &'a str,
    code: String,
    literals: Vec<String>,
}

impl Blanking<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(end);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment_length(self.rest));
        } else if let Some(hashes) = self.raw_string_hashes() {
            self.raw_string(hashes);
        } else if self.rest.starts_with('"') {
            self.string();
        } else if let Some(length) = character_length(self.rest) {
            self.blank(length);
        } else if let Some(c) = self.rest.chars().next() {
            self.code.push(c);
            self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }

    /// The number of `#` when a raw string begins here; not in the middle of a word.
    fn raw_string_hashes(&self) -> Option<usize> {
        if self.code.ends_with(|c: char| (c.is_alphanumeric() || c == '_') && c != 'b') {
            return None;
        }
        let after_r = self.rest.strip_prefix('r')?;
        let hashes = after_r.chars().take_while(|c| *c == '#').count();
        after_r.get(hashes..)?.starts_with('"').then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) {
        let open = 1 + hashes + 1;
        let terminator = format!("\"{}", "#".repeat(hashes));
        let body = self.rest.get(open..).unwrap_or_default();
        let length = body.find(&terminator).unwrap_or(body.len());
        self.literals.push(body.get(..length).unwrap_or_default().to_owned());
        self.blank_literal(open + length + terminator.len());
    }

    fn string(&mut self) {
        let body = self.rest.get(1..).unwrap_or_default();
        let mut escaped = false;
        let length = body
            .char_indices()
            .find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            })
            .map_or(body.len(), |(at, _)| at);
        self.literals.push(body.get(..length).unwrap_or_default().to_owned());
        self.blank_literal(1 + length + 1);
    }

    /// A literal leaves its quotes, so that a line with nothing else still counts as code.
    fn blank_literal(&mut self, length: usize) {
        self.code.push('"');
        self.blank(length);
        self.code.push('"');
    }

    /// Takes bytes off the rest; of them only the line ends stay.
    fn blank(&mut self, length: usize) {
        let (blanked, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.code.extend(blanked.chars().filter(|c| *c == '\n'));
        self.rest = rest;
    }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a character literal that begins here; none for a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let escape = body.get(2..)?;
        return escape.find('\'').map(|end| 1 + 2 + end + 1);
    }
    let after = body.get(first.len_utf8()..)?;
    after.starts_with('\'').then_some(1 + first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::Function;
    use super::Source;

    #[test]
    fn comments_and_literals_are_no_code() {
        let source = Source::new("let a = \"// {\"; // }\n/* { /* { */\n*/ let b = '{';\n");
        assert_eq!(source.code(), "let a = \"\"; \n\n let b = ;\n");
        assert_eq!(source.literals(), ["// {"]);
        assert_eq!(source.code_lines(), 2);
    }

    #[test]
    fn raw_strings_and_lifetimes_are_told_apart_from_code() {
        let source = Source::new("fn f<'a>(x: &'a str) { g(r#\"\"}\"#, b'\\'', \"\\\"{\") }");
        assert_eq!(source.code(), "fn f<'a>(x: &'a str) { g(\"\", b, \"\") }");
        assert_eq!(source.literals(), ["\"}", "\\\"{"]);
    }

    #[test]
    fn functions_are_measured_by_their_code() {
        let source = Source::new(
            "trait T { fn declared(); }\n#[expect(clippy::too_many_lines, reason = \"x\")]\nfn f() {\n    // why\n\n    g();\n}\nfn h() { if a { b } }\n",
        );
        let function = |name: &str, line, length, excused| Function {
            name: name.to_owned(),
            line,
            length,
            excused,
        };
        assert_eq!(source.functions(), [function("f", 3, 1, true), function("h", 8, 1, false)]);
    }

    #[test]
    fn inline_test_modules_are_left_out_and_declared_ones_are_not() {
        let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod more {\n    fn b() {}\n}\nfn c() {}";
        let names: Vec<String> =
            Source::without_tests(text).functions().into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["a", "c"]);
    }
}
