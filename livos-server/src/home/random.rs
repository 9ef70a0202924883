//! Unguessable text.

use std::io;

use crate::hex::hex;

/// 256 bits from the operating system as 64 hexadecimal digits.
pub(crate) fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(&bytes))
}
