//! Whether the beginning of a text is the beginning of a call or an answer in JSON.

use super::envelope;

/// How many bytes may pass before it must be clear.
const MAX_BYTES: usize = 256;

/// How a call may be wrapped, and what then follows it.
const TAGS: [(&str, &str); 2] =
    [("<tool_call>", "</tool_call>"), ("<function_call>", "</function_call>")];

const FENCE: &str = "```";

/// What a beginning is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// Not clear yet.
    Open,
    /// Ordinary text.
    Text,
    /// JSON from this byte on that may be an envelope, wrapped in something that ends so.
    Json(usize, Option<&'static str>),
    /// The string of `{"answer": "`, which has just begun.
    Answer(Option<&'static str>),
}

/// Looks at a text that begins with one of [`is_trigger`].
pub(super) fn probe(text: &str) -> Probe {
    match look(text).unwrap_or_else(|early| early) {
        Probe::Open if text.len() >= MAX_BYTES => Probe::Text,
        known => known,
    }
}

/// Whether something other than ordinary text may begin with this character.
pub(super) fn is_trigger(c: char) -> bool {
    matches!(c, '{' | '[' | '`' | '<')
}

/// `Err` where it is clear early, or where the text ends before it is clear.
fn look(text: &str) -> Result<Probe, Probe> {
    let (inner, closing) = unwrap(text)?;
    let json = inner.trim_start();
    let start = text.len() - json.len();
    let (object, is_list) = match json.strip_prefix('[') {
        Some(rest) => (rest.trim_start(), true),
        None => (json, false),
    };
    let rest = after(object, '{')?;
    let rest = after(rest.trim_start(), '"')?;
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
    let (key, rest) = rest.split_once(|c| !is_letter(c)).ok_or(Probe::Open)?;
    let quote = object.len() - rest.len() - 1;
    if !object.get(quote..).is_some_and(|it| it.starts_with('"')) || !envelope::may_begin(key) {
        return Err(Probe::Text);
    }
    if key != "answer" || is_list {
        return Ok(Probe::Json(start, closing));
    }
    let value = after(rest.trim_start(), ':')?;
    match after(value.trim_start(), '"') {
        Ok(_) => Ok(Probe::Answer(closing)),
        Err(Probe::Text) => Ok(Probe::Json(start, closing)),
        Err(open) => Err(open),
    }
}

/// The text after its first character, which must be `c`.
fn after(text: &str, c: char) -> Result<&str, Probe> {
    if text.is_empty() {
        return Err(Probe::Open);
    }
    text.strip_prefix(c).ok_or(Probe::Text)
}

/// What is inside a code fence or tag, and what ends that.
fn unwrap(text: &str) -> Result<(&str, Option<&'static str>), Probe> {
    if text.starts_with('`') {
        return Ok((unfenced(text)?, Some(FENCE)));
    }
    for (opening, closing) in TAGS {
        if let Some(rest) = text.strip_prefix(opening) {
            return Ok((rest, Some(closing)));
        }
        if opening.starts_with(text) {
            return Err(Probe::Open);
        }
    }
    Ok((text, None))
}

fn unfenced(text: &str) -> Result<&str, Probe> {
    let Some(rest) = text.strip_prefix(FENCE) else {
        return Err(if FENCE.starts_with(text) { Probe::Open } else { Probe::Text });
    };
    let inner = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
    if inner.is_empty() {
        return Err(Probe::Open);
    }
    if inner.starts_with([' ', '\r', '\n', '{', '[']) { Ok(inner) } else { Err(Probe::Text) }
}
