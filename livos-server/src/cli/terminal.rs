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

/// Writes to standard output.
#[derive(Debug)]
pub(super) struct Terminal {
    has_colour: bool,
    at_line_start: bool,
}

impl Terminal {
    pub(super) fn stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none();
        let has_colour = wanted && std::io::stdout().is_terminal();
        Self { has_colour, at_line_start: true }
    }

    /// Writes text as it is.
    pub(super) fn write(&mut self, style: Style, text: &str) -> Result<(), ClientError> {
        if text.is_empty() {
            return Ok(());
        }
        self.at_line_start = text.ends_with('\n');
        let text = printable(text);
        let mut out = std::io::stdout().lock();
        let written = match self.has_colour && style != Style::Plain {
            true => write!(out, "{}{text}\x1b[0m", style.code()),
            false => out.write_all(text.as_bytes()),
        };
        written.and_then(|()| out.flush()).map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => ClientError::ReaderGone,
            _ => ClientError::Terminal(error.to_string()),
        })
    }

    /// Writes a line of its own.
    pub(super) fn line(&mut self, style: Style, text: impl Display) -> Result<(), ClientError> {
        self.end_line()?;
        self.write(style, &text.to_string())?;
        self.write(Style::Plain, "\n")
    }

    /// Ends the line if one has begun.
    pub(super) fn end_line(&mut self) -> Result<(), ClientError> {
        match self.at_line_start {
            true => Ok(()),
            false => self.write(Style::Plain, "\n"),
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
