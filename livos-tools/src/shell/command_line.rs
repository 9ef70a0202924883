//! What to run, in one of two forms.

use std::fmt;

use livos_core::ToolError;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

impl CommandLine {
    const SHELL: &str = "/bin/sh";
    /// How many bytes a command may have; Linux takes 128 KiB for one argument.
    const MAX_BYTES: usize = 96 * 1024;

    /// Reads the two forms, of which exactly one must be given.
    pub(super) fn parse(
        command: Option<String>,
        argv: Option<Vec<String>>,
    ) -> Result<Self, ToolError> {
        let line = match (command, argv.filter(|argv| !argv.is_empty())) {
            (Some(command), None) if !command.trim().is_empty() => {
                Self { program: Self::SHELL.to_owned(), arguments: vec!["-c".to_owned(), command] }
            }
            (None, Some(argv)) => {
                let mut words = argv.into_iter();
                Self { program: words.next().unwrap_or_default(), arguments: words.collect() }
            }
            (Some(_), Some(_)) => {
                return Err(ToolError::model("give either command or argv, not both"));
            }
            _ => return Err(ToolError::model("give command (a line for sh -c) or argv")),
        };
        line.checked()
    }

    /// Whether it is a line for a shell, which can change its directory.
    pub(super) fn is_shell_line(&self) -> bool {
        self.program == Self::SHELL
    }

    /// The same, leaving word in the file that `variable` names of the directory it ends in.
    pub(super) fn leaving_note(self, variable: &str) -> Self {
        let note = format!("trap '{{ pwd -P >|\"${variable}\"; }} 2>/dev/null' EXIT; ");
        // On the same line, so that the line numbers of errors stay right.
        let arguments = self
            .arguments
            .into_iter()
            .enumerate()
            .map(|(place, word)| if place == 1 { format!("{note}{word}") } else { word })
            .collect();
        Self { program: self.program, arguments }
    }

    fn checked(self) -> Result<Self, ToolError> {
        let words = || std::iter::once(&self.program).chain(&self.arguments);
        if self.program.is_empty() {
            return Err(ToolError::model("the program, the first of argv, is empty"));
        }
        if words().any(|word| word.contains('\0')) {
            return Err(ToolError::model("a command cannot contain a NUL character"));
        }
        if words().map(String::len).sum::<usize>() > Self::MAX_BYTES {
            return Err(ToolError::model(
                "the command is longer than 96 KiB: put it in a file with file_write and run that",
            ));
        }
        Ok(self)
    }
}

impl fmt::Display for CommandLine {
    /// As a list of processes shows it: the beginning, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 120;
        let words = match &*self.arguments {
            [_, command] if self.is_shell_line() => command.clone(),
            arguments => format!("{} {}", self.program, arguments.join(" ")),
        };
        let words = crate::workspace_root::printable(words.trim());
        let shown: String = words.chars().take(MAX_SHOWN).collect();
        let more = if shown.len() < words.len() { "…" } else { "" };
        write!(f, "{shown}{more}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command: Option<&str>, argv: Option<&[&str]>) -> Result<CommandLine, ToolError> {
        let argv = argv.map(|argv| argv.iter().map(ToString::to_string).collect());
        CommandLine::parse(command.map(str::to_owned), argv)
    }

    #[test]
    fn one_form_is_run() {
        let line = parse(Some("echo $HOME"), None).unwrap();
        assert_eq!((line.program.as_str(), line.arguments.len()), ("/bin/sh", 2));
        let line = parse(None, Some(&["echo", "$HOME"])).unwrap();
        assert_eq!((line.program.as_str(), &*line.arguments), ("echo", &["$HOME".to_owned()][..]));
        assert!(parse(Some("true"), Some(&[])).is_ok(), "an empty list is no second form");
    }

    #[test]
    fn anything_else_is_refused() {
        for (command, argv) in [
            (None, None),
            (Some(" "), None),
            (Some("true"), Some(&["true"][..])),
            (None, Some(&[""][..])),
            (Some("a\0b"), None),
        ] {
            assert!(parse(command, argv).is_err(), "{command:?} {argv:?}");
        }
        assert!(parse(Some(&"x".repeat(100_000)), None).is_err());
    }
}
