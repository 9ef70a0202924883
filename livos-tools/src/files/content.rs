//! What kind of content a file holds, by its first bytes and never by its name.

/// What kind of content a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    Text,
    /// A picture models can see, with its MIME type.
    Image(&'static str),
    Pdf,
    Binary,
}

impl ContentKind {
    /// How many bytes of the beginning decide.
    pub(crate) const PROBE: usize = 8 * 1024;

    /// Decides by the beginning of a file.
    pub(crate) fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Image("image/png"),
            [0xff, 0xd8, 0xff, ..] => Self::Image("image/jpeg"),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Image("image/gif"),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                Self::Image("image/webp")
            }
            [b'%', b'P', b'D', b'F', b'-', ..] => Self::Pdf,
            other if other.contains(&0) => Self::Binary,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], ContentKind::Image("image/png")),
            (b"\xff\xd8\xff\xe0", ContentKind::Image("image/jpeg")),
            (b"GIF89a", ContentKind::Image("image/gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", ContentKind::Image("image/webp")),
            (b"RIFF\x10\0\0\0WAVE", ContentKind::Binary),
            (b"%PDF-1.7", ContentKind::Pdf),
            (b"\x7fELF\0", ContentKind::Binary),
            (b"", ContentKind::Text),
            ("plain äöü".as_bytes(), ContentKind::Text),
        ] {
            assert_eq!(ContentKind::of(bytes), kind, "{bytes:?}");
        }
    }
}
