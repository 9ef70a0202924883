//! This program as the reader of PDF files: started by itself with one argument, held to limits of
//! memory and time, and ended with its call.

use std::process::ExitCode;

use livos_tools::web::PdfProgram;

/// The argument that makes a reader of this program. No flag: nobody is meant to type it.
const ARGUMENT: &str = "--livos-read-pdf";

/// Reads a PDF file, if this process was started for that, and tells how it went.
///
/// Call it first in `main`, before flags are read.
pub fn pdf_program() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let is_reader = arguments.next().is_some_and(|first| first == ARGUMENT);
    (is_reader && arguments.next().is_none()).then(livos_tools::web::pdf_program)
}

/// This program, started again for each file. Only for programs that call [`pdf_program`].
pub(crate) fn own() -> PdfProgram {
    match std::env::current_exe() {
        Ok(path) => PdfProgram::child(path, [ARGUMENT]),
        Err(error) => {
            tracing::warn!(%error, "PDF files are read within this process: its program is not found");
            PdfProgram::in_process()
        }
    }
}
