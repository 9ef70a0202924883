//! Reads a model's text: calls and answers in JSON, prose, and mixtures of them.
//!
//! The text is read as it arrives. What is surely text for people is given at
//! once; what may be a call is held back until it is clear. One machine serves
//! whole and streamed answers, so that both always mean the same.

mod answer_string;
mod envelope;
mod json;
mod probe;

use std::sync::Arc;

use self::answer_string::AnswerString;
use self::answer_string::Decoded;
use self::json::Scan;
use self::probe::Probe;
use self::probe::is_trigger;
use self::probe::probe;
use crate::message::ToolCall;
use crate::tool::ToolSpec;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct AnswerReader {
    tools: Arc<[ToolSpec]>,
    mode: Mode,
    /// White space that shows only if text follows it.
    gap: String,
    text: String,
    calls: Vec<ToolCall>,
    /// How many bytes of `text` and how many calls were given already.
    given: (usize, usize),
}

/// What is being read.
#[derive(Debug)]
enum Mode {
    Prose,
    /// Something that may be the beginning of JSON for us.
    Probing(String),
    /// JSON that may be for us, from a byte of the text held back.
    Held {
        text: String,
        start: usize,
        scan: Scan,
        closing: Option<&'static str>,
    },
    /// The string of an answer.
    Answer {
        string: AnswerString,
        closing: Option<&'static str>,
    },
    /// What follows that string in its object.
    AfterAnswer {
        text: String,
        scan: Scan,
        closing: Option<&'static str>,
    },
    /// What follows an envelope: the end of what it was wrapped in, or more text.
    AfterEnvelope {
        text: String,
        closing: Option<&'static str>,
    },
}

/// A whole answer.
#[derive(Debug, PartialEq)]
pub(super) struct ReadAnswer {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    /// Whether the text ended inside its last call.
    pub(super) ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    CutInCall,
}

/// What has become clear since it was last asked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct News {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
}

impl AnswerReader {
    pub(super) fn new(tools: Arc<[ToolSpec]>) -> Self {
        Self {
            tools,
            mode: Mode::Prose,
            gap: String::new(),
            text: String::new(),
            calls: Vec::new(),
            given: (0, 0),
        }
    }

    /// Takes more of the text.
    pub(super) fn feed(&mut self, more: &str) {
        for c in more.chars() {
            self.step(c);
        }
    }

    /// What has become clear since the last time.
    pub(super) fn news(&mut self) -> News {
        let (text, calls) = self.given;
        self.given = (self.text.len(), self.calls.len());
        News {
            text: self.text.get(text..).unwrap_or_default().to_owned(),
            calls: self.calls.get(calls..).unwrap_or_default().to_vec(),
        }
    }

    /// How many characters of text were given.
    pub(super) fn shown_chars(&self) -> u64 {
        let shown = self.text.get(..self.given.0).unwrap_or_default().chars().count();
        u64::try_from(shown).unwrap_or(u64::MAX)
    }

    /// Decides what is still open, since nothing more will come. [`Self::news`] tells what that brought.
    pub(super) fn end(&mut self) -> Ending {
        match std::mem::replace(&mut self.mode, Mode::Prose) {
            Mode::Probing(text) => self.show(&text),
            Mode::Held { text, start, scan, .. } => {
                let json = text.get(start..).unwrap_or_default();
                let missing = scan.missing_brackets();
                let calls = envelope::read_cut(json, missing.as_deref(), &self.tools);
                let is_cut = calls.iter().any(is_malformed);
                self.calls.extend(calls);
                return if is_cut { Ending::CutInCall } else { Ending::Whole };
            }
            Mode::Answer { string, .. } => string.finish(&mut self.text),
            Mode::Prose | Mode::AfterAnswer { .. } | Mode::AfterEnvelope { .. } => {}
        }
        Ending::Whole
    }

    /// The whole answer, after [`Self::end`].
    pub(super) fn into_answer(self, ending: Ending) -> ReadAnswer {
        ReadAnswer { text: self.text, calls: self.calls, ending }
    }

    fn step(&mut self, c: char) {
        match std::mem::replace(&mut self.mode, Mode::Prose) {
            Mode::Prose => self.prose(c),
            Mode::Probing(mut text) => {
                text.push(c);
                self.probing(text);
            }
            Mode::Held { mut text, start, mut scan, closing } => {
                text.push(c);
                if scan.step(c) {
                    self.held_is_whole(&text, start, closing);
                } else {
                    self.mode = Mode::Held { text, start, scan, closing };
                }
            }
            Mode::Answer { mut string, closing } => match string.step(c, &mut self.text) {
                Decoded::More => self.mode = Mode::Answer { string, closing },
                Decoded::End(rest) => {
                    self.mode = Mode::AfterAnswer {
                        text: String::new(),
                        scan: Scan::inside_object(),
                        closing,
                    };
                    self.feed(&rest);
                }
            },
            Mode::AfterAnswer { mut text, mut scan, closing } => {
                text.push(c);
                if scan.step(c) {
                    self.answer_is_whole(&text, closing);
                } else {
                    self.mode = Mode::AfterAnswer { text, scan, closing };
                }
            }
            Mode::AfterEnvelope { mut text, closing } => {
                text.push(c);
                self.after_envelope(text, closing);
            }
        }
    }

    fn prose(&mut self, c: char) {
        if is_trigger(c) {
            self.mode = Mode::Probing(c.to_string());
        } else if c.is_whitespace() {
            self.gap.push(c);
        } else {
            self.show_char(c);
        }
    }

    fn probing(&mut self, text: String) {
        match probe(&text) {
            Probe::Open => self.mode = Mode::Probing(text),
            Probe::Text => {
                let mut rest = text.chars();
                if let Some(first) = rest.next() {
                    self.show_char(first);
                }
                self.feed(rest.as_str());
            }
            Probe::Json(start, closing) => {
                let mut scan = Scan::default();
                for c in text.get(start..).unwrap_or_default().chars() {
                    scan.step(c);
                }
                self.mode = Mode::Held { text, start, scan, closing };
            }
            Probe::Answer(closing) => {
                self.open_paragraph();
                self.mode = Mode::Answer { string: AnswerString::default(), closing };
            }
        }
    }

    fn held_is_whole(&mut self, text: &str, start: usize, closing: Option<&'static str>) {
        let json = text.get(start..).unwrap_or_default();
        match envelope::read(json, &self.tools) {
            Ok(Some(envelope)) => {
                if let Some(answer) = envelope.text {
                    self.open_paragraph();
                    self.text.push_str(&answer);
                }
                self.calls.extend(envelope.calls);
                self.gap.clear();
                self.mode = Mode::AfterEnvelope { text: String::new(), closing };
            }
            Err(_) if envelope::looks_like_call(json) => {
                self.calls.push(envelope::unreadable(json));
                self.gap.clear();
                self.mode = Mode::AfterEnvelope { text: String::new(), closing };
            }
            Ok(None) | Err(_) => self.show(text),
        }
    }

    /// An answer's object may name a tool, too.
    fn answer_is_whole(&mut self, rest: &str, closing: Option<&'static str>) {
        if let Ok(Some(envelope)) = envelope::read(&format!("{{\"answer\":\"\"{rest}"), &self.tools)
        {
            self.calls.extend(envelope.calls);
        }
        self.mode = Mode::AfterEnvelope { text: String::new(), closing };
    }

    fn after_envelope(&mut self, text: String, closing: Option<&'static str>) {
        let seen = text.trim_start();
        match closing {
            _ if seen.is_empty() => self.mode = Mode::AfterEnvelope { text, closing },
            Some(closing) if seen == closing => {
                self.mode = Mode::AfterEnvelope { text: String::new(), closing: None };
            }
            Some(closing) if closing.starts_with(seen) => {
                self.mode = Mode::AfterEnvelope { text, closing: Some(closing) };
            }
            _ => self.feed(&text),
        }
    }

    fn show(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap.push(c);
            } else {
                self.show_char(c);
            }
        }
    }

    fn show_char(&mut self, c: char) {
        if self.text.is_empty() {
            self.gap.clear();
        }
        self.text.push_str(&self.gap);
        self.gap.clear();
        self.text.push(c);
    }

    /// Sets an answer off from prose before it.
    fn open_paragraph(&mut self) {
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.gap.clear();
    }
}

fn is_malformed(call: &ToolCall) -> bool {
    matches!(call.input, crate::message::ToolInput::Malformed(_))
}

/// Reads a whole text.
#[cfg(any(test, feature = "testing"))]
pub(super) fn read_whole(text: &str, tools: Arc<[ToolSpec]>) -> ReadAnswer {
    let mut reader = AnswerReader::new(tools);
    reader.feed(text);
    let ending = reader.end();
    reader.into_answer(ending)
}

#[cfg(test)]
mod tests;
