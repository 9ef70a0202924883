//! Tool-call ids and tool names as a service accepts them.
//!
//! History may come from another provider, whose ids and names have another
//! shape. They are replaced by a digest, always the same one, so that a call
//! and its result still match and what was sent once is sent the same again.

use std::borrow::Cow;

use livos_core::ProviderId;
use livos_core::Signature;
use livos_core::ToolCall;

use super::dialect::Dialect;
use super::dialect::ToolCallIds;

/// The value of a signature that marks an id as the service's own.
const OWN_ID: &str = "id";

/// The longest name of a function; OpenAI's limit, taken over by the others.
const MAX_NAME_BYTES: usize = 64;

/// Marks a call whose id the service gave itself though it is not of the shape it is known to
/// accept: what a service says of itself counts more than what is known of it.
pub(super) fn keep(dialect: &Dialect) -> Signature {
    Signature { issuer: ProviderId::from(dialect.name), value: OWN_ID.to_owned() }
}

/// Whether an id is of an accepted shape.
pub(super) fn fits(rule: ToolCallIds, id: &str) -> bool {
    match rule {
        ToolCallIds::UpTo(bytes) => !id.is_empty() && id.len() <= bytes,
        ToolCallIds::Alphanumeric(bytes) => {
            id.len() == bytes && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
    }
}

/// The id of a call as the service accepts it.
pub(super) fn wire_id<'a>(dialect: &Dialect, call: &'a ToolCall) -> Cow<'a, str> {
    let id = call.call_id.as_str();
    let is_own = call.signature.as_ref().is_some_and(|it| it.issuer.as_str() == dialect.name);
    if is_own || fits(dialect.tool_call_ids, id) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(match dialect.tool_call_ids {
        ToolCallIds::UpTo(_) => format!("call_{}", digest(id, 16)),
        ToolCallIds::Alphanumeric(length) => digest(id, length),
    })
}

/// A function's name of the characters that every service accepts.
pub(super) fn wire_name(name: &str) -> Cow<'_, str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_allowed) {
        return Cow::Borrowed(name);
    }
    let allowed = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' });
    let name: String = allowed.take(MAX_NAME_BYTES).collect();
    Cow::Owned(if name.is_empty() { String::from("unnamed") } else { name })
}

/// This many letters and digits made of a text. FNV-1a: no secret is kept, and
/// the standard library's hash may change between releases.
fn digest(text: &str, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let mut digest = String::with_capacity(length);
    while digest.len() < length {
        let place = usize::try_from(hash % 62).unwrap_or_default();
        digest.push(char::from(ALPHABET.get(place).copied().unwrap_or(b'0')));
        hash /= 62;
    }
    digest
}

#[cfg(test)]
mod tests {
    use livos_core::ToolInput;

    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall::new(id, "t", ToolInput::parse(""))
    }

    #[test]
    fn foreign_ids_get_nine_letters_or_digits_and_always_the_same() {
        let foreign = call("toolu_01ABCdef-ghi");
        let id = wire_id(&Dialect::MISTRAL, &foreign);
        assert_eq!((id.len(), id.bytes().all(|byte| byte.is_ascii_alphanumeric())), (9, true));
        assert_eq!(id, "q09PQilbH", "ids in history must outlive a new release");
        assert_ne!(id, wire_id(&Dialect::MISTRAL, &call("toolu_01ABCdef-ghj")));
    }

    #[test]
    fn fitting_ids_and_the_services_own_stay() {
        assert_eq!(wire_id(&Dialect::MISTRAL, &call("D681PevKs")), "D681PevKs");
        let mut own = call("an-id-of-the-services-own");
        own.signature = Some(keep(&Dialect::MISTRAL));
        assert_eq!(wire_id(&Dialect::MISTRAL, &own), "an-id-of-the-services-own");
        assert_ne!(wire_id(&Dialect::GROQ, &call(&"x".repeat(41))).len(), 41);
    }

    #[test]
    fn names_that_no_service_takes_are_changed() {
        assert_eq!(wire_name("file_read"), "file_read");
        assert_eq!(wire_name("files.read it"), "files_read_it");
        assert_eq!(wire_name(""), "unnamed");
        assert_eq!(wire_name(&"é".repeat(80)).len(), 64);
    }
}
