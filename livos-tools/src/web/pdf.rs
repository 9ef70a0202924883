//! The text of PDF files.
//!
//! A PDF can unpack to any size and send its reader in circles. Within this process that costs a
//! thread and memory; a program of its own can be held to limits and ended, which is what a server
//! should choose.

use std::fmt::Write as _;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use livos_core::ToolError;
use nix::sys::resource::Resource;
use nix::sys::resource::setrlimit;
use pdf_extract::Document;
use pdf_extract::PlainTextOutput;
use pdf_extract::output_doc_page;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::reading::Readers;

/// How long a file may take.
const TIME: Duration = Duration::from_secs(20);
/// How much memory the program may take, in bytes.
const PROGRAM_MEMORY: u64 = 768 * 1024 * 1024;
/// How much text is taken from a file, in bytes.
const MAX_TEXT: usize = 8 * 1024 * 1024;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// How the program ends when the file cannot be read.
const UNREADABLE: u8 = 3;

/// Who reads PDF files.
///
/// ```no_run
/// use livos_tools::web::PdfProgram;
///
/// # fn main() -> std::io::Result<()> {
/// // This very program, which calls `livos_tools::web::pdf_program` when it is started like that.
/// let reader = PdfProgram::child(std::env::current_exe()?, ["--read-pdf"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct PdfProgram {
    /// None for a thread of this process.
    program: Option<(PathBuf, Vec<String>)>,
}

impl PdfProgram {
    /// A thread of this process: no limit on memory, and a file that never ends keeps it.
    pub fn in_process() -> Self {
        Self::default()
    }

    /// A program that does what [`pdf_program`] does.
    pub fn child<A: Into<String>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: Some((program.into(), arguments)) }
    }

    /// The text of a file, page by page.
    pub(super) async fn read(&self, pdf: Bytes, readers: &Readers) -> Result<String, ToolError> {
        let Some((program, arguments)) = &self.program else {
            return readers
                .read(TIME, move || text_of(&pdf))
                .await?
                .map_err(|problem| unreadable(&problem));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error| ToolError::model(format!("the reader of PDF files fails: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            let feed = async {
                if let Some(mut stdin) = stdin {
                    // A reader that found the file broken does not read it to its end.
                    let _ = stdin.write_all(&pdf).await;
                }
            };
            let ((), text, problem) =
                tokio::join!(feed, limited(stdout, MAX_TEXT), limited(stderr, 4096));
            Ok::<_, std::io::Error>((text, problem, child.wait().await?))
        };
        let (text, problem, status) = match tokio::time::timeout(TIME, talk).await {
            Ok(told) => told.map_err(failed)?,
            // Dropped, it is killed.
            Err(_) => return Err(ToolError::model("the PDF file takes too long to read")),
        };
        match status.code() {
            Some(0) => Ok(text),
            Some(code) if code == i32::from(UNREADABLE) => Err(unreadable(&problem)),
            _ => Err(ToolError::model(
                "the PDF file needs more memory or time than it may take, or is damaged",
            )),
        }
    }
}

fn unreadable(problem: &str) -> ToolError {
    ToolError::model(format!("the PDF file cannot be read: {}", problem.trim()))
}

async fn limited(pipe: Option<impl tokio::io::AsyncRead + Unpin>, limit: usize) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let mut pipe = pipe.take(limit as u64);
        // What came before a pipe broke is still worth showing.
        let _ = pipe.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a program does that reads PDF files for [`PdfProgram::child`]: it takes limits on itself,
/// reads a file from its standard input and writes the text to its standard output.
pub fn pdf_program() -> ExitCode {
    let memory = setrlimit(Resource::RLIMIT_AS, PROGRAM_MEMORY, PROGRAM_MEMORY);
    let time = setrlimit(Resource::RLIMIT_CPU, TIME.as_secs(), TIME.as_secs());
    let core = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let said = |problem: String| {
        // There is nobody else to tell.
        let _ = std::io::stderr().write_all(problem.as_bytes());
        ExitCode::from(UNREADABLE)
    };
    if let Err(error) = memory.and(time).and(core) {
        return said(format!("the limits cannot be set: {error}"));
    }
    let mut pdf = Vec::new();
    if let Err(error) = std::io::stdin().take(MAX_FILE).read_to_end(&mut pdf) {
        return said(error.to_string());
    }
    // A deep stack for what is nested; a panic is a file that cannot be read.
    let reader = std::thread::Builder::new().stack_size(32 * 1024 * 1024);
    let read = reader.spawn(move || text_of(&pdf)).map(std::thread::JoinHandle::join);
    match read {
        Ok(Ok(Ok(text))) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Ok(Ok(Err(problem))) => said(problem),
        Ok(Err(_)) => said("it is damaged".to_owned()),
        Err(error) => said(error.to_string()),
    }
}

/// The text of a file, each page under its number.
pub(crate) fn text_of(pdf: &[u8]) -> Result<String, String> {
    let mut document = Document::load_mem(pdf).map_err(|error| error.to_string())?;
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err("it is locked with a password".to_owned());
    }
    let pages = document.get_pages();
    let mut text = String::new();
    let mut has_words = false;
    for number in pages.keys() {
        let mut page = String::new();
        let read = output_doc_page(&document, &mut PlainTextOutput::new(&mut page), *number);
        let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
        let words = lines.join("\n");
        has_words |= !words.trim().is_empty();
        let rest = if read.is_err() { "\n[the rest of this page cannot be read]" } else { "" };
        let _ = write!(text, "[page {number}]\n\n{}{rest}\n\n", words.trim());
        if text.len() > MAX_TEXT {
            break;
        }
    }
    if !has_words {
        return Err(format!("its {} pages hold no text; they may be pictures", pages.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as small as they come, with its text on one page.
    fn pdf(text: &str) -> Vec<u8> {
        let content = format!("BT /F1 24 Tf 72 720 Td ({text}) Tj ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
                .to_owned(),
        ];
        let mut file = "%PDF-1.4\n".to_owned();
        let mut places = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            places.push(file.len());
            let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", at + 1);
        }
        let table = file.len();
        let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        for place in places {
            let _ = writeln!(file, "{place:010} 00000 n ");
        }
        let _ = write!(
            file,
            "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
            objects.len() + 1
        );
        file.into_bytes()
    }

    #[test]
    fn text_comes_with_the_number_of_its_page() {
        assert_eq!(text_of(&pdf("Hello tide")).unwrap(), "[page 1]\n\nHello tide\n\n");
        assert!(text_of(&pdf("")).unwrap_err().contains("hold no text"));
        assert!(text_of(b"%PDF-1.7 and nothing else").is_err());
    }

    #[tokio::test]
    async fn damaged_files_are_errors_and_never_more() {
        let good = pdf("Hello tide");
        let reader = PdfProgram::in_process();
        let readers = Readers::default();
        for at in (0..good.len()).step_by(7) {
            for byte in [b'0', b'9', b'<', 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                // Any answer will do, as long as there is one.
                let _ = reader.read(bad.into(), &readers).await;
            }
            let cut = good.get(..at).unwrap().to_vec();
            let _ = reader.read(cut.into(), &readers).await;
        }
        let read = reader.read(good.into(), &readers).await;
        assert!(read.unwrap().contains("Hello tide"));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_an_error() {
        let readers = Readers::default();
        for (program, arguments, problem) in [
            ("/no/such/program", vec![], "fails"),
            ("/bin/sh", vec!["-c", "cat >/dev/null; echo locked >&2; exit 3"], "locked"),
            ("/bin/sh", vec!["-c", "exit 1"], "damaged"),
            ("/bin/sh", vec!["-c", "kill -9 $$"], "memory or time"),
        ] {
            let program = PdfProgram::child(program, arguments);
            let error = program.read(vec![0; 200_000].into(), &readers).await.unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
        let program = PdfProgram::child("/bin/sh", ["-c", "cat"]);
        let pdf = vec![b'a'; 200_000];
        assert_eq!(program.read(pdf.into(), &readers).await.unwrap().len(), 200_000);
    }
}
