//! What people see: plain when it is no terminal, and with little colour when it is.

use std::fmt::Display;
use std::io::IsTerminal;
use std::io::Write;

use super::ClientError;

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quiet,
    Good,
    Bad,
    Name,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Quiet => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Name => "\x1b[36m",
        }
    }
}

/// Where a piece of text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output: what was asked for, and nothing else.
    Answers,
    /// Standard error: what is worth knowing beside it.
    Asides,
}

/// Writes to standard output and standard error, as if they were one screen.
#[derive(Debug)]
pub(super) struct Terminal {
    wants_colour: bool,
    /// Where a line has begun and not ended.
    begun: Option<Stream>,
}

impl Terminal {
    pub(super) fn of_process() -> Self {
        Self { wants_colour: std::env::var_os("NO_COLOR").is_none(), begun: None }
    }

    /// Writes text as it is.
    pub(super) fn write(
        &mut self,
        stream: Stream,
        style: Style,
        text: &str,
    ) -> Result<(), ClientError> {
        if text.is_empty() {
            return Ok(());
        }
        self.begun = (!text.ends_with('\n')).then_some(stream);
        let text = printable(text);
        let is_plain = style == Style::Plain || !self.wants_colour || !stream.is_terminal();
        let text = if is_plain { text } else { format!("{}{text}\x1b[0m", style.code()) };
        stream.write(&text).map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => ClientError::ReaderGone,
            _ => ClientError::Terminal(error.to_string()),
        })
    }

    /// Writes a line of its own to standard output.
    pub(super) fn line(&mut self, style: Style, text: impl Display) -> Result<(), ClientError> {
        self.end_line()?;
        self.write(Stream::Answers, style, &text.to_string())?;
        self.end_line()
    }

    /// Writes a line of its own to standard error.
    pub(super) fn aside(&mut self, style: Style, text: impl Display) -> Result<(), ClientError> {
        self.end_line()?;
        self.write(Stream::Asides, style, &text.to_string())?;
        self.end_line()
    }

    /// Ends the line if one has begun.
    pub(super) fn end_line(&mut self) -> Result<(), ClientError> {
        match self.begun {
            Some(stream) => self.write(stream, Style::Plain, "\n"),
            None => Ok(()),
        }
    }
}

impl Stream {
    fn is_terminal(self) -> bool {
        match self {
            Self::Answers => std::io::stdout().is_terminal(),
            Self::Asides => std::io::stderr().is_terminal(),
        }
    }

    fn write(self, text: &str) -> std::io::Result<()> {
        fn all(mut to: impl Write, text: &str) -> std::io::Result<()> {
            to.write_all(text.as_bytes())?;
            to.flush()
        }
        match self {
            Self::Answers => all(std::io::stdout().lock(), text),
            Self::Asides => all(std::io::stderr().lock(), text),
        }
    }
}

/// Leaves out the control characters by which a model's text could rule the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Says on standard error what went wrong.
pub(super) fn error(error: &ClientError) {
    let mut err = std::io::stderr().lock();
    // Where even this cannot be written, nobody is left to tell.
    writeln!(err, "livos: {error}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_cannot_rule_the_terminal() {
        assert_eq!(printable("a\x1b]0;title\x07b\tc\n\r"), "a]0;titleb\tc\n");
    }
}
