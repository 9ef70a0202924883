//! What to run, in one of two forms.

use livos_core::ToolError;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

impl CommandLine {
    /// How many bytes a command may have; Linux takes 128 KiB for one argument.
    const MAX_BYTES: usize = 96 * 1024;

    /// Reads the two forms, of which exactly one must be given.
    pub(super) fn parse(
        command: Option<String>,
        argv: Option<Vec<String>>,
    ) -> Result<Self, ToolError> {
        let line = match (command, argv.filter(|argv| !argv.is_empty())) {
            (Some(command), None) if !command.trim().is_empty() => {
                Self { program: "/bin/sh".to_owned(), arguments: vec!["-c".to_owned(), command] }
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
