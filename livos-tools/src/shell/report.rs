//! Tells the model how a command ended and what it printed.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use livos_core::ToolError;
use livos_core::ToolOutput;
use nix::sys::signal::Signal;

use super::capture::Captured;
use super::capture::Kept;
use super::ending::Background;
use super::ending::Ending;

/// What the model has to know beside how it ended.
#[derive(Debug, Default)]
pub(super) struct Remarks(String);

impl Remarks {
    pub(super) fn new(remarks: impl Iterator<Item = String>, gaps: &[&str]) -> Self {
        let mut text = String::new();
        for remark in remarks {
            text.push_str("; ");
            text.push_str(&remark);
        }
        if !gaps.is_empty() {
            text.push_str("; not enforced here: ");
            text.push_str(&gaps.join(", "));
        }
        Self(text)
    }
}

impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A command that ran is an answer whatever its exit code; one that was ended is a failure.
pub(super) fn write(
    ending: &Ending,
    captured: &Captured,
    took: Duration,
    remarks: &Remarks,
) -> Result<ToolOutput, ToolError> {
    let printed = printed(captured);
    let seconds = took.as_secs_f64();
    let text = match ending {
        Ending::Exited { status, background, .. } => {
            let note = match background {
                Background::None => "",
                Background::Ended => "; processes it left in the background were ended",
            };
            format!("{printed}[{}, {seconds:.1} s{note}{remarks}]", how(*status))
        }
        Ending::TimedOut => {
            return Err(ToolError::model(format!(
                "{printed}[ended after {seconds:.1} s: its time was over. Set timeout_seconds higher, \
                 or do less at once]"
            )));
        }
        Ending::OverLimit(limit) => {
            return Err(ToolError::model(format!(
                "{printed}[ended after {seconds:.1} s: it used {limit}, more than the sandbox lets it. \
                 Do less at once]"
            )));
        }
        Ending::Cancelled => {
            return Err(ToolError::model(format!("{printed}[stopped after {seconds:.1} s]")));
        }
        Ending::Unknown(error) => {
            return Err(ToolError::model(format!("{printed}[its exit is unknown: {error}]")));
        }
    };
    let output = ToolOutput::text(text);
    Ok(match captured {
        Captured::Whole(_) => output,
        Captured::Parts { .. } => output.truncated(),
    })
}

pub(super) fn how(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit code {code}");
    }
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    signal.map_or_else(|| status.to_string(), |signal| format!("killed by {signal}"))
}

/// What was printed, ending with a line end.
pub(super) fn printed(captured: &Captured) -> String {
    let mut text = match captured {
        Captured::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Captured::Parts { head, tail, total, kept } => {
            let left_out = total.saturating_sub((head.len() + tail.len()) as u64);
            let marker = match kept {
                Kept::InFile { path, bytes } if bytes == total => {
                    format!("all {total} bytes are in {path}")
                }
                Kept::InFile { path, bytes } => {
                    format!("the first {bytes} of all {total} bytes are in {path}")
                }
                Kept::Lost { reason } => {
                    format!("of {total} bytes in all; they could not be kept: {reason}")
                }
            };
            format!(
                "{}\n[{left_out} bytes left out here; {marker}]\n{}",
                String::from_utf8_lossy(head).trim_end(),
                String::from_utf8_lossy(tail),
            )
        }
    };
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ending: &Ending, captured: &Captured) -> String {
        match write(ending, captured, Duration::from_millis(1234), &Remarks::default()) {
            Ok(output) => output.content[0].as_text().unwrap().to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    fn exited(raw: i32) -> Ending {
        Ending::Exited {
            status: ExitStatus::from_raw(raw),
            background: Background::None,
            directory: None,
        }
    }

    #[test]
    fn the_end_is_told() {
        let printed = Captured::Whole(b"hello\n".to_vec());
        assert_eq!(text(&exited(0), &printed), "hello\n[exit code 0, 1.2 s]");
        assert_eq!(text(&exited(3 << 8), &printed), "hello\n[exit code 3, 1.2 s]");
        assert_eq!(text(&exited(9), &printed), "hello\n[killed by SIGKILL, 1.2 s]");
        assert!(text(&Ending::TimedOut, &printed).starts_with("error: hello\n[ended after 1.2 s"));
    }

    #[test]
    fn what_is_not_enforced_is_told() {
        let remarks = Remarks::new(
            std::iter::once("now in src".to_owned()),
            &["system calls are not filtered"],
        );
        let printed = Captured::Whole(Vec::new());
        let output = write(&exited(0), &printed, Duration::ZERO, &remarks).unwrap();
        assert_eq!(
            output.content[0].as_text(),
            Some(
                "[exit code 0, 0.0 s; now in src; not enforced here: system calls are not filtered]"
            )
        );
    }

    #[test]
    fn what_is_missing_is_told() {
        let parts = |kept| Captured::Parts {
            head: b"begin\n".to_vec(),
            tail: b"end\n".to_vec(),
            total: 1000,
            kept,
        };
        let path = ".livos/output/7.txt".to_owned();
        assert_eq!(
            text(&exited(0), &parts(Kept::InFile { path: path.clone(), bytes: 1000 })),
            "begin\n[990 bytes left out here; all 1000 bytes are in .livos/output/7.txt]\nend\n[exit code 0, 1.2 s]"
        );
        assert!(
            text(&exited(0), &parts(Kept::InFile { path, bytes: 64 }))
                .contains("the first 64 of all 1000 bytes are in .livos/output/7.txt")
        );
        assert!(
            text(&exited(0), &parts(Kept::Lost { reason: "no space left".to_owned() }))
                .contains("could not be kept: no space left")
        );
    }
}
