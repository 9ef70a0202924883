//! OpenAI's vocabularies as `build.rs` packs them.

use std::io;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::DeflateDecoder;
use tiktoken_rs::CoreBPE;
use tiktoken_rs::O200K_BASE_PAT_STR;
use tiktoken_rs::Rank;

/// How `cl100k_base` cuts a text into pieces.
const CL100K_BASE_PATTERN: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+",
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
);

/// The vocabulary of GPT-4o and all that followed, read when it is first needed.
pub(super) static O200K_BASE: LazyLock<Option<CoreBPE>> = LazyLock::new(|| {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/o200k_base.bin"));
    read("o200k_base", packed, O200K_BASE_PAT_STR)
});

/// The vocabulary of GPT-4 and GPT-3.5.
pub(super) static CL100K_BASE: LazyLock<Option<CoreBPE>> = LazyLock::new(|| {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_base.bin"));
    read("cl100k_base", packed, CL100K_BASE_PATTERN)
});

fn read(name: &str, packed: &[u8], pattern: &str) -> Option<CoreBPE> {
    let tokens = unpack(packed).map_err(|error| error.to_string());
    let vocabulary = tokens.and_then(|tokens| {
        let special_tokens = [].into_iter().collect();
        CoreBPE::new(tokens, special_tokens, pattern).map_err(|error| error.to_string())
    });
    vocabulary.inspect_err(|error| tracing::error!(name, error, "a vocabulary cannot be read")).ok()
}

fn unpack<Map: FromIterator<(Vec<u8>, Rank)>>(packed: &[u8]) -> io::Result<Map> {
    let mut tokens = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut tokens)?;
    let mut rest = tokens.as_slice();
    let entries = std::iter::from_fn(|| {
        let (length, following) = rest.split_first()?;
        let (token, following) = following.split_at_checked(usize::from(*length))?;
        rest = following;
        Some(token.to_vec())
    });
    Ok(entries.zip(0..).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_the_whole_vocabulary() {
        let text = "Fußgänger's  naïve\r\n\n\t12345 xkcd 你好 🙂 fn main() { }   ";
        for (packed, whole) in [
            (&O200K_BASE, tiktoken_rs::o200k_base_singleton()),
            (&CL100K_BASE, tiktoken_rs::cl100k_base_singleton()),
        ] {
            let packed = packed.as_ref().unwrap();
            assert_eq!(packed.encode_ordinary(text), whole.encode_ordinary(text));
        }
    }
}
