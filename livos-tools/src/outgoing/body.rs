//! What a server sends, unpacked as it comes and cut at a limit.

use std::io;
use std::io::Write;

use flate2::write::DeflateDecoder;
use flate2::write::MultiGzDecoder;
use flate2::write::ZlibDecoder;

/// The beginning of what a server sent, up to a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Body {
    /// The unpacked bytes.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub end: BodyEnd,
}

/// Why a body ended where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyEnd {
    /// That is all of it.
    Whole,
    /// There is more, above the limit.
    AtLimit,
    /// The connection broke, stalled, or what came could not be unpacked.
    Broken,
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Deflate,
}

impl Packing {
    /// Reads `Content-Encoding`. None when we cannot unpack it.
    pub(super) fn of(header: &str) -> Option<Self> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::None),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// Unpacks a body piece by piece and keeps no more than its limit, however much is packed in it.
pub(super) struct BodyReader {
    unpacker: Unpacker,
}

enum Unpacker {
    Plain(Kept),
    Gzip(MultiGzDecoder<Kept>),
    /// Deflate is sent with and without the zlib frame: the first byte tells.
    Undecided(Kept),
    Zlib(ZlibDecoder<Kept>),
    Deflate(DeflateDecoder<Kept>),
}

/// Bytes up to a limit; writing more fails.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.bytes.extend_from_slice(taken);
        if taken.len() < bytes.len() {
            self.is_full = true;
        }
        if taken.is_empty() && !bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BodyReader {
    pub(super) fn new(packing: Packing, limit: usize) -> Self {
        let kept = Kept { bytes: Vec::new(), limit, is_full: false };
        let unpacker = match packing {
            Packing::None => Unpacker::Plain(kept),
            Packing::Gzip => Unpacker::Gzip(MultiGzDecoder::new(kept)),
            Packing::Deflate => Unpacker::Undecided(kept),
        };
        Self { unpacker }
    }

    /// Takes a piece. The reason to read no further, if there is one.
    pub(super) fn push(mut self, piece: &[u8]) -> Result<Self, Body> {
        if let (Unpacker::Undecided(_), Some(first)) = (&self.unpacker, piece.first()) {
            let kept = self.unpacker.into_kept();
            let has_frame = first & 0x0f == 8;
            self.unpacker = match has_frame {
                true => Unpacker::Zlib(ZlibDecoder::new(kept)),
                false => Unpacker::Deflate(DeflateDecoder::new(kept)),
            };
        }
        let written = match &mut self.unpacker {
            Unpacker::Plain(kept) | Unpacker::Undecided(kept) => kept.write_all(piece),
            Unpacker::Gzip(decoder) => decoder.write_all(piece),
            Unpacker::Zlib(decoder) => decoder.write_all(piece),
            Unpacker::Deflate(decoder) => decoder.write_all(piece),
        };
        match written {
            Ok(()) if !self.unpacker.kept().is_full => Ok(self),
            _ => Err(self.finish(BodyEnd::Broken)),
        }
    }

    /// What was read; `end` says why no more comes.
    pub(super) fn finish(mut self, end: BodyEnd) -> Body {
        let unpacked = match &mut self.unpacker {
            Unpacker::Plain(_) | Unpacker::Undecided(_) => Ok(()),
            Unpacker::Gzip(decoder) => decoder.try_finish(),
            Unpacker::Zlib(decoder) => decoder.try_finish(),
            Unpacker::Deflate(decoder) => decoder.try_finish(),
        };
        let kept = self.unpacker.into_kept();
        let end = match (kept.is_full, unpacked) {
            (true, _) => BodyEnd::AtLimit,
            (false, Err(_)) => BodyEnd::Broken,
            (false, Ok(())) => end,
        };
        Body { bytes: kept.bytes, end }
    }
}

impl Unpacker {
    fn kept(&self) -> &Kept {
        match self {
            Self::Plain(kept) | Self::Undecided(kept) => kept,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Deflate(decoder) => decoder.get_ref(),
        }
    }

    /// What was kept; the decoder has been finished, or is given up.
    fn into_kept(mut self) -> Kept {
        let kept = match &mut self {
            Self::Plain(kept) | Self::Undecided(kept) => kept,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        };
        let empty = Kept { bytes: Vec::new(), limit: kept.limit, is_full: kept.is_full };
        std::mem::replace(kept, empty)
    }
}

/// Unpacks pieces that are all there.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn decoded(packing: Packing, pieces: &[&[u8]], limit: usize) -> Body {
    let mut reader = BodyReader::new(packing, limit);
    for piece in pieces {
        reader = match reader.push(piece) {
            Ok(reader) => reader,
            Err(body) => return body,
        };
    }
    reader.finish(BodyEnd::Whole)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use flate2::write::GzEncoder;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
        assert!(bomb.len() < 70_000);
        let body = decoded(Packing::Gzip, &[&bomb], 1000);
        assert_eq!((body.bytes.len(), body.end), (1000, BodyEnd::AtLimit));
    }

    #[test]
    fn what_is_cut_or_damaged_says_so() {
        let packed = gzip(&[b'a'; 5000]);
        let half = packed.get(..packed.len() / 2).unwrap();
        assert_eq!(decoded(Packing::Gzip, &[half], 10_000).end, BodyEnd::Broken);
        assert_eq!(decoded(Packing::Gzip, &[b"no gzip at all"], 100).end, BodyEnd::Broken);
        assert_eq!(decoded(Packing::Deflate, &[b"\xffx"], 100).end, BodyEnd::Broken);
        assert_eq!(decoded(Packing::None, &[b"abc", b"def"], 5).bytes, b"abcde");
        assert_eq!(decoded(Packing::None, &[b"abc"], 3).end, BodyEnd::Whole);
    }

    #[test]
    fn unknown_packings_are_known_as_such() {
        assert_eq!(Packing::of(" GZIP "), Some(Packing::Gzip));
        assert_eq!(Packing::of("br"), None);
        assert_eq!(Packing::of("gzip, gzip"), None);
    }

    proptest! {
        #[test]
        fn packed_text_comes_back_in_any_pieces(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            size in 1..300_usize,
        ) {
            for (packing, packed) in [
                (Packing::None, bytes.clone()),
                (Packing::Gzip, gzip(&bytes)),
                (Packing::Deflate, zlib(&bytes)),
            ] {
                let pieces: Vec<&[u8]> = packed.chunks(size).collect();
                let body = decoded(packing, &pieces, 2000);
                prop_assert_eq!((&body.bytes, body.end), (&bytes, BodyEnd::Whole), "{:?}", packing);
            }
            // Without a frame: a first byte that looks like one is read as one.
            let raw = deflate(&bytes);
            if raw.first().is_some_and(|first| first & 0x0f != 8) {
                let body = decoded(Packing::Deflate, &[&raw], 2000);
                prop_assert_eq!((&body.bytes, body.end), (&bytes, BodyEnd::Whole));
            }
        }

        #[test]
        fn foreign_bytes_stay_within_the_limit(
            bytes in proptest::collection::vec(any::<u8>(), 0..500),
            limit in 0..100_usize,
        ) {
            for packing in [Packing::None, Packing::Gzip, Packing::Deflate] {
                prop_assert!(decoded(packing, &[&bytes], limit).bytes.len() <= limit);
            }
        }
    }
}
