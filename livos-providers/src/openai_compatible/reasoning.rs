//! Carries reasoning from an answer into the next request unchanged.
//!
//! A [`Thinking`] block remembers in its signature how it came:
//! - the name of the field (`reasoning_content`, `reasoning`), or `thinking`
//!   for a content part (Mistral);
//! - an item of `reasoning_details` (OpenRouter) without its text, as JSON.
//!
//! Items without text of their own (encrypted, or of a kind not known here)
//! become a [`NativeBlock`].

use livos_core::ContentBlock;
use livos_core::NativeBlock;
use livos_core::ProviderId;
use livos_core::Signature;
use livos_core::Thinking;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire::ReasoningDetail;
use super::wire::WireText;
use crate::encoding::push_item;
use crate::encoding::push_json;

/// The plain forms reasoning comes in. Their names are what signatures hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    ReasoningContent,
    Reasoning,
    ContentPart,
}

impl Carrier {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning => "reasoning",
            Self::ContentPart => "thinking",
        }
    }

    /// How a signed block came; none for an item of `reasoning_details`.
    pub(super) fn of(signature: &Signature) -> Option<Self> {
        [Self::ReasoningContent, Self::Reasoning, Self::ContentPart]
            .into_iter()
            .find(|carrier| carrier.name() == signature.value)
    }
}

const TEXT: &str = "reasoning.text";
const SUMMARY: &str = "reasoning.summary";
const ENCRYPTED: &str = "reasoning.encrypted";

/// The items of `reasoning_details` so far.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Detail>);

#[derive(Debug)]
enum Detail {
    Known(KnownDetail),
    /// Of a kind not known here: kept as it is, and whole in one frame as far as we know.
    Unknown(Value),
}

#[derive(Debug, Default, Serialize)]
struct KnownDetail {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip)]
    text: String,
}

/// Whether an item is one of a whole answer, or may be a fragment of one begun before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Whole,
    Streamed,
}

impl Details {
    /// Takes an item or a fragment, and gives its text to `on_text`.
    pub(super) fn take(&mut self, raw: &RawValue, arrival: Arrival, on_text: impl FnOnce(&str)) {
        let Ok(detail) = serde_json::from_str::<ReasoningDetail<'_>>(raw.get()) else {
            return self.keep(raw);
        };
        let kind = match detail.kind.as_ref().map(|kind| &*kind.0) {
            Some(TEXT) => TEXT,
            Some(SUMMARY) => SUMMARY,
            Some(ENCRYPTED) => ENCRYPTED,
            _ => return self.keep(raw),
        };
        if let Some(text) = detail.text.as_ref().or(detail.summary.as_ref()) {
            on_text(&text.0);
        }
        match self.begun(kind, &detail).filter(|_| arrival == Arrival::Streamed) {
            Some(begun) => begun.extend(detail),
            None => {
                let mut new = KnownDetail { kind, index: detail.index, ..KnownDetail::default() };
                new.extend(detail);
                self.0.push(Detail::Known(new));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_text(&self) -> bool {
        self.0.iter().any(|detail| match detail {
            Detail::Known(known) => !known.text.is_empty(),
            Detail::Unknown(_) => false,
        })
    }

    pub(super) fn into_blocks(self, issuer: &ProviderId) -> impl Iterator<Item = ContentBlock> {
        let issuer = issuer.clone();
        self.0.into_iter().map(move |detail| match detail {
            Detail::Known(known) if known.kind == ENCRYPTED => {
                let value = serde_json::to_value(known).unwrap_or_default();
                ContentBlock::Native(NativeBlock { issuer: issuer.clone(), value })
            }
            Detail::Known(known) => {
                let value = serde_json::to_string(&known).unwrap_or_default();
                let signature = Some(Signature { issuer: issuer.clone(), value });
                ContentBlock::Thinking(Thinking { text: known.text, signature })
            }
            Detail::Unknown(value) => {
                ContentBlock::Native(NativeBlock { issuer: issuer.clone(), value })
            }
        })
    }

    fn keep(&mut self, raw: &RawValue) {
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(raw.get()) {
            self.0.push(Detail::Unknown(value));
        }
    }

    /// The item a fragment continues. The index alone does not tell: items of
    /// different kinds, or with different ids, have been seen to share one.
    fn begun(&mut self, kind: &str, fragment: &ReasoningDetail<'_>) -> Option<&mut KnownDetail> {
        let continues = |known: &KnownDetail| {
            let same_id = match (&known.id, &fragment.id) {
                (Some(ours), Some(theirs)) => *ours == theirs.0,
                _ => true,
            };
            known.kind == kind && known.index == fragment.index && same_id
        };
        self.0.iter_mut().rev().find_map(|detail| match detail {
            Detail::Known(known) if continues(known) => Some(known),
            _ => None,
        })
    }
}

impl KnownDetail {
    fn extend(&mut self, fragment: ReasoningDetail<'_>) {
        let owned = |text: WireText<'_>| text.0.into_owned();
        if let Some(text) = fragment.text.or(fragment.summary) {
            self.text.push_str(&text.0);
        }
        if let Some(data) = fragment.data {
            self.data.get_or_insert_default().push_str(&data.0);
        }
        self.signature = fragment.signature.map(owned).or(self.signature.take());
        self.id = fragment.id.map(owned).or(self.id.take());
        self.format = fragment.format.map(owned).or(self.format.take());
    }
}

/// Writes the items of `reasoning_details` among these blocks, comma-separated.
pub(super) fn push_details(blocks: &[ContentBlock], issuer: &str, out: &mut Vec<u8>) {
    for block in blocks {
        match block {
            ContentBlock::Native(native) if native.issuer.as_str() == issuer => {
                push_item(out, |out| push_json(out, &native.value));
            }
            ContentBlock::Thinking(thinking) => {
                let own = thinking.signature.as_ref().filter(|it| it.issuer.as_str() == issuer);
                if let Some(item) = own.and_then(|signature| signature.value.strip_suffix('}')) {
                    push_item(out, |out| push_detail(item, &thinking.text, out));
                }
            }
            _ => {}
        }
    }
}

/// Writes an item: its fields without the closing brace, then its text.
fn push_detail(item: &str, text: &str, out: &mut Vec<u8>) {
    let is_summary = item.contains(SUMMARY);
    out.extend_from_slice(item.as_bytes());
    out.extend_from_slice(if is_summary { b",\"summary\":" } else { b",\"text\":" });
    push_json(out, text);
    out.push(b'}');
}
