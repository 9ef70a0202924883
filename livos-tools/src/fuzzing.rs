//! Entry points for fuzzers. They panic when a promise is broken.

use std::io::Read;
use std::path::Component;
use std::path::Path;

use crate::WorkspaceRoot;
use crate::workspace_root::Precondition;

/// What the file outside the workspace holds.
const SECRET: &[u8] = b"the secret";

/// Uses a path in every way a tool does. `beside` holds the workspace `ws`, which has links
/// out of it, and the file `secret`.
///
/// # Panics
/// When the path leads out of the workspace.
#[expect(clippy::panic, reason = "that is how a fuzzer learns of a broken promise")]
pub fn workspace_path(beside: &Path, path: &str) {
    let Ok(kernel) = WorkspaceRoot::open(beside.join("ws")) else {
        panic!("the workspace is missing");
    };
    let Ok(fallback) = kernel.without_kernel_help() else {
        panic!("the workspace is missing");
    };
    for root in [kernel, fallback] {
        let Ok(place) = root.parse(path) else { continue };
        let is_plain =
            place.as_path().components().all(|part| matches!(part, Component::Normal(_)));
        assert!(is_plain, "'{path}' is no plain path");
        let mut content = Vec::new();
        if let Ok(file) = root.open_file(&place) {
            // A file that cannot be read holds no secret.
            let _ = file.take(1024).read_to_end(&mut content);
        }
        assert!(content != SECRET, "'{path}' was read from outside");
        let _ = root.replace_file(&place, b"written", Precondition::Nothing);
        let secret = std::fs::read(beside.join("secret")).ok();
        assert!(secret.as_deref() == Some(SECRET), "'{path}' was written outside");
    }
}

/// Reads a page as text and as Markdown. The first byte chooses the alphabet.
///
/// # Panics
/// When the text grows beyond all measure.
#[cfg(feature = "web")]
pub fn page(bytes: &[u8]) {
    let (first, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let alphabets = ["utf-8", "iso-8859-1", "shift_jis", "utf-16le", "gbk"];
    let declared = alphabets.get(usize::from(*first) % 6).copied();
    let html = crate::web::decode(bytes, declared);
    let Ok(url) = url::Url::parse("https://example.org/a/b") else { return };
    for style in [crate::web::Style::Article, crate::web::Style::Page] {
        let page = crate::web::to_markdown(&html, &url, style);
        // Tables are padded to the width of their widest cell.
        assert!(page.text.len() <= (html.len() + 64) * (html.len() + 64), "{}", page.text.len());
    }
}

/// Reads a PDF file. What a limit of memory or time would end is not tried here.
#[cfg(feature = "web")]
pub fn pdf(bytes: &[u8]) {
    // Its reader may panic: it runs where that does no harm.
    let _ = std::panic::catch_unwind(|| crate::web::text_of(bytes));
}

/// Unpacks a body. The first byte chooses how it is packed.
///
/// # Panics
/// When more is kept than the limit allows.
#[cfg(feature = "web")]
pub fn packed_body(bytes: &[u8]) {
    const LIMIT: usize = 4096;
    let (packing, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let packing = match packing % 3 {
        0 => crate::outgoing::Packing::None,
        1 => crate::outgoing::Packing::Gzip,
        _ => crate::outgoing::Packing::Deflate,
    };
    let pieces: Vec<&[u8]> = bytes.chunks(7).collect();
    let body = crate::outgoing::decoded(packing, &pieces, LIMIT);
    assert!(body.bytes.len() <= LIMIT, "{} bytes were kept", body.bytes.len());
}

/// Takes the frames of a container's output apart.
///
/// # Panics
/// When more is kept than the limit allows.
#[cfg(feature = "containers")]
pub fn container_frames(bytes: &[u8]) {
    const LIMIT: usize = 512;
    for shape in [crate::containers::Shape::Framed, crate::containers::Shape::Plain] {
        let mut frames = crate::containers::Frames::new(shape, LIMIT);
        if bytes.chunks(5).try_for_each(|piece| frames.push(piece)).is_ok() {
            let (text, _) = frames.finish();
            assert!(text.chars().count() <= LIMIT, "{} characters were kept", text.len());
        }
    }
}
