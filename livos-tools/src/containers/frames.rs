//! The stream in which an engine sends both outputs of a container: frames of eight bytes of head
//! (which output, three zero bytes, the length) and the bytes themselves.

/// Takes frames apart as they come in, and keeps the end of what was said.
#[derive(Debug)]
pub(crate) struct Frames {
    shape: Shape,
    head: Vec<u8>,
    /// How many bytes of the present frame are still to come.
    left: usize,
    kept: Kept,
}

/// Whether the bytes come in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Both outputs, in frames.
    Framed,
    /// The one output of a terminal, as it is.
    Plain,
}

/// The end of a text of any length.
#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    dropped: usize,
}

/// Bytes that are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what the engine sends is not the stream that was expected")]
pub(crate) struct NotFramed;

const HEAD: usize = 8;

impl Frames {
    /// Keeps at most the last `limit` bytes.
    pub(crate) fn new(shape: Shape, limit: usize) -> Self {
        let kept = Kept { bytes: Vec::new(), limit, dropped: 0 };
        Self { shape, head: Vec::with_capacity(HEAD), left: 0, kept }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotFramed> {
        if self.shape == Shape::Plain {
            self.kept.push(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            if self.left == 0 {
                let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(head);
                bytes = rest;
                if let [stream, 0, 0, 0, a, b, c, d] = *self.head.as_slice() {
                    if stream > 2 {
                        return Err(NotFramed);
                    }
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.head.clear();
                } else if self.head.len() == HEAD {
                    return Err(NotFramed);
                }
                continue;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(self.left));
            self.kept.push(part);
            self.left -= part.len();
            bytes = rest;
        }
        Ok(())
    }

    /// What was said, and how many bytes of its beginning are missing.
    pub(crate) fn finish(self) -> (String, usize) {
        let Kept { bytes, dropped, limit } = self.kept;
        let surplus = bytes.len().saturating_sub(limit);
        let shown = bytes.get(surplus..).unwrap_or_default();
        (String::from_utf8_lossy(shown).into_owned(), dropped + surplus)
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Moved only now and then, so that each byte is moved once on average.
        if self.bytes.len() > self.limit * 2 {
            let surplus = self.bytes.len() - self.limit;
            self.bytes.drain(..surplus);
            self.dropped += surplus;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(text);
        frame
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(Frames::new(Shape::Framed, 9).push(b"plain text here"), Err(NotFramed));
        assert_eq!(Frames::new(Shape::Framed, 9).push(&[3, 0, 0, 0, 0, 0, 0, 1]), Err(NotFramed));
        let mut plain = Frames::new(Shape::Plain, 5);
        plain.push(b"plain text").unwrap();
        assert_eq!(plain.finish(), (" text".to_owned(), 5));
    }

    #[test]
    fn a_stream_that_ends_in_a_frame_keeps_what_came() {
        let mut frames = Frames::new(Shape::Framed, 100);
        frames.push(&frame(1, b"whole\n")).unwrap();
        frames.push(frame(2, b"cut here").get(..12).unwrap()).unwrap();
        assert_eq!(frames.finish(), ("whole\ncut ".to_owned(), 0));
    }

    proptest! {
        #[test]
        fn frames_in_any_pieces_are_the_text(
            texts in proptest::collection::vec("[a-z\n]{0,30}", 0..10),
            size in 1..40_usize,
            limit in 1..100_usize,
        ) {
            let stream: Vec<u8> = texts.iter().flat_map(|text| frame(1, text.as_bytes())).collect();
            let mut frames = Frames::new(Shape::Framed, limit);
            for piece in stream.chunks(size) {
                frames.push(piece).unwrap();
            }
            let whole = texts.concat();
            let (shown, dropped) = frames.finish();
            prop_assert_eq!(dropped, whole.len().saturating_sub(limit));
            prop_assert_eq!(&shown, &whole[dropped..]);
        }

        #[test]
        fn foreign_bytes_stay_within_the_limit(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            for shape in [Shape::Framed, Shape::Plain] {
                let mut frames = Frames::new(shape, 50);
                let _ = frames.push(&bytes);
                prop_assert!(frames.finish().0.chars().count() <= 50);
            }
        }
    }
}
