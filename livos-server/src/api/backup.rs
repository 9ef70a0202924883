//! A copy of the store, while it is written.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::header;
use hyper::header::HeaderValue;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::home::random_token;
use crate::http::Answer;
use crate::http::Call;
use crate::http::Problem;
use crate::http::ProblemKind;
use crate::http::Response;
use crate::openapi::Operation;

/// How much of the copy is read at a time, in bytes.
const PIECE: usize = 64 * 1024;
/// What a copy is.
const MEDIA_TYPE: &str = "application/vnd.sqlite3";

pub(super) async fn back_up(call: Call) -> Answer {
    let Some(store) = call.app.sqlite.clone() else {
        let detail = "this server keeps its store in no file; there is nothing to copy";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    };
    let copy = Copy::beside(store.location()).map_err(|error| failed(&error))?;
    store.backup(&copy.0).await?;
    let opened = async {
        let file = File::open(&copy.0).await?;
        let length = file.metadata().await?.len();
        io::Result::Ok((file, length))
    };
    let (file, length) = opened.await.map_err(|error| failed(&error))?;
    // The open file can be read until it is sent, though its name is gone.
    drop(copy);
    Ok(send(file, length))
}

pub(super) fn describe_back_up(operation: Operation) -> Operation {
    operation
        .named(
            "back_up",
            "A copy of the store as it is at one moment, taken while the server goes on.",
        )
        .answers_as(200, "An SQLite file; `livos restore` reads it.", MEDIA_TYPE)
        .problem(ProblemKind::Conflict)
        .problem(ProblemKind::StorageFailed)
}

fn failed(error: &io::Error) -> Problem {
    tracing::error!(%error, "the copy of the store cannot be written");
    Problem::new(ProblemKind::StorageFailed, format!("the copy cannot be written: {error}"))
}

/// A file that only the owner may read, and that is gone when nobody needs it.
struct Copy(PathBuf);

impl Copy {
    fn beside(store: &Path) -> io::Result<Self> {
        let mut path = store.as_os_str().to_owned();
        path.push(format!(".backup-{}", random_token()?));
        let path = PathBuf::from(path);
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, file = %self.0.display(), "a copy of the store is left over");
        }
    }
}

fn send(file: File, length: u64) -> Response {
    let pieces = stream::unfold(file, |mut file| async {
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut file).take(PIECE as u64).read_to_end(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Bytes::from(piece), file)),
            Err(error) => {
                // A body shorter than it was said to be is noticed by the one who reads it.
                tracing::error!(%error, "the copy of the store cannot be read");
                None
            }
        }
    });
    let body = StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece))));
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
