//! XChaCha20-Poly1305: one value, sealed for one name.

use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::aead::Payload;
use livos_core::Secret;
use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hex::hex;

/// What the first byte of a sealed value says.
const VERSION: u8 = 1;
/// The bytes of a nonce, which is random: 192 bits never meet again.
const NONCE: usize = 24;
/// The bytes of a key.
pub(super) const KEY: usize = 32;
/// What sealed values are for. Bound to them, so that none can stand for something else.
const PURPOSE: &[u8] = b"livos sealed secret";
/// Told apart from everything else that is hashed with the key.
const ID_PURPOSE: &[u8] = b"livos sealing key id v1";

/// A value that cannot be opened: changed, cut, sealed with another key, or for another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSealedHere;

/// A key that seals. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub(super) struct SealingKey(Zeroizing<[u8; KEY]>);

impl SealingKey {
    pub(super) fn generate() -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new([0_u8; KEY]);
        getrandom::fill(&mut *bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    /// Reads 64 hexadecimal digits.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * KEY {
            return None;
        }
        let mut bytes = Zeroizing::new([0_u8; KEY]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
        }
        Some(Self(bytes))
    }

    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    /// What names the key without telling anything about it.
    pub(super) fn id(&self) -> String {
        let digest = Sha256::new().chain_update(ID_PURPOSE).chain_update(*self.0).finalize();
        hex(digest.get(..8).unwrap_or_default())
    }

    /// Version, nonce, and the value with its code.
    pub(super) fn seal(&self, name: &str, secret: &Secret) -> std::io::Result<Vec<u8>> {
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &bound_to(name) };
        let sealed = self
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| std::io::Error::other("the value is too long to be sealed"))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Result<Secret, NotSealedHere> {
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(NotSealedHere) };
        let Some((nonce, value)) = rest.split_at_checked(NONCE) else { return Err(NotSealedHere) };
        let payload = Payload { msg: value, aad: &bound_to(name) };
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), payload);
        let opened = Zeroizing::new(opened.map_err(|_| NotSealedHere)?);
        let text = std::str::from_utf8(&opened).map_err(|_| NotSealedHere)?;
        Ok(Secret::new(text))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.id())
    }
}

/// What a sealed value is bound to: its version, its purpose and its name.
fn bound_to(name: &str) -> Vec<u8> {
    [&[VERSION], PURPOSE, &[0], name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_under_its_name_only(
            secret in "\\PC{1,60}",
            name in "[A-Z]{1,9}",
            other in "[A-Z]{1,9}",
        ) {
            let key = SealingKey::generate().unwrap();
            let secret = Secret::new(secret);
            let sealed = key.seal(&name, &secret).unwrap();
            let opened = key.open(&name, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), secret.expose());
            prop_assert_eq!(key.open(&other, &sealed).is_ok(), other == name);
            prop_assert!(SealingKey::generate().unwrap().open(&name, &sealed).is_err());
            prop_assert_ne!(key.seal(&name, &secret).unwrap(), sealed, "a nonce is used once");
        }

        #[test]
        fn a_changed_or_cut_value_does_not_open(place in 0_usize..1_000, bit in 0_u8..8, cut in 0_usize..1_000) {
            let key = SealingKey::generate().unwrap();
            let sealed = key.seal("A", &Secret::new("swordfish99")).unwrap();
            let mut changed = sealed.clone();
            changed[place % sealed.len()] ^= 1 << bit;
            prop_assert_eq!(key.open("A", &changed).err(), Some(NotSealedHere));
            prop_assert_eq!(key.open("A", &sealed[..cut % sealed.len()]).err(), Some(NotSealedHere));
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(SealingKey::generate().unwrap().open("A", &bytes).is_err());
        }
    }

    #[test]
    fn a_key_survives_its_file_and_shows_its_id_only() {
        let key = SealingKey::generate().unwrap();
        let again = SealingKey::from_hex(&key.to_hex()).unwrap();
        assert_eq!(again.id(), key.id());
        assert!(!format!("{key:?}").contains(&key.to_hex()[..16]));
        for broken in ["", "00", &"g".repeat(64), &"0".repeat(65)] {
            assert!(SealingKey::from_hex(broken).is_none(), "{broken}");
        }
    }
}
