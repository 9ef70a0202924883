//! What the mock answers, as it stands in its URL.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What the mock answers. Its text form is a path segment: `rounds-20.deltas-5.wait-0.pace-0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Script {
    /// How often a tool is asked for before the final text.
    pub rounds: u32,
    /// The pieces of the final text, where the answer is streamed.
    pub deltas: u32,
    /// The pause before each answer, in whole milliseconds.
    pub wait: Duration,
    /// The pause before each piece of a streamed text, in whole milliseconds. Zero sends them
    /// as fast as the socket takes them.
    pub pace: Duration,
}

/// A path segment that is not a [`Script`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseScriptError(String);

impl fmt::Display for ParseScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no script such as rounds-2.deltas-5.wait-0.pace-0", self.0)
    }
}

impl std::error::Error for ParseScriptError {}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, deltas, wait, pace } = self;
        let (wait, pace) = (wait.as_millis(), pace.as_millis());
        write!(f, "rounds-{rounds}.deltas-{deltas}.wait-{wait}.pace-{pace}")
    }
}

impl FromStr for Script {
    type Err = ParseScriptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut script = Self::default();
        for part in text.split('.') {
            let error = || ParseScriptError(text.to_owned());
            let (name, number) = part.split_once('-').ok_or_else(error)?;
            let number: u32 = number.parse().map_err(|_| error())?;
            match name {
                "rounds" => script.rounds = number,
                "deltas" => script.deltas = number,
                "wait" => script.wait = Duration::from_millis(number.into()),
                "pace" => script.pace = Duration::from_millis(number.into()),
                _ => return Err(error()),
            }
        }
        Ok(script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_back_what_it_prints() {
        let script = Script {
            rounds: 20,
            deltas: 5,
            wait: Duration::from_millis(20),
            pace: Duration::from_millis(1),
        };
        assert_eq!(script.to_string().parse(), Ok(script));
        assert!("rounds-x".parse::<Script>().is_err());
    }
}
