//! Logs. Every line passes the redactor before it leaves.

use std::io;
use std::io::Write;

use livos_core::Redactor;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::LogFormat;
use crate::config::LogSettings;

/// Writes logs to standard error. A program that has a subscriber already keeps it.
pub(crate) fn start(settings: &LogSettings, redactor: Redactor) {
    // The filter was read once already, when it was checked.
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs =
        fmt().with_env_filter(filter).with_writer(move || Redacting { redactor: redactor.clone() });
    let started = match settings.format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logs go where they went before");
    }
}

/// Lets panics be told by the log, which has no secrets, and not by the usual hook, which prints what it gets.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("of unknown kind");
        tracing::error!(place, panic = text, "a panic");
    }));
}

/// Writes lines without secrets to standard error.
struct Redacting {
    redactor: Redactor,
}

impl Write for Redacting {
    /// Takes a whole line at a time, as the formatter gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        match std::str::from_utf8(line) {
            Ok(text) => stderr.write_all(self.redactor.clean(text).as_bytes())?,
            Err(_) => {
                let text = String::from_utf8_lossy(line);
                stderr.write_all(self.redactor.clean(&text).as_bytes())?;
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
