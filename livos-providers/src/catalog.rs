//! What is known about models: windows, abilities, prices, and which to take for a tier.
//!
//! The table is a convenience, not a gate: a model that is not in it works, it
//! only has no price and its vendor's usual abilities.

pub(crate) mod embeddings;
mod models;

use std::sync::LazyLock;

use livos_core::Capabilities;
use livos_core::MicroUsd;
use livos_core::ToolSupport;
use livos_core::Usage;

/// When the table was last compared with the vendors' price pages (ISO 8601).
pub const CATALOG_DATE: &str = "2026-11-22";

/// Whose models they are, by the vendor's own service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Vendor {
    /// Anthropic.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// OpenAI.
    OpenAi,
    /// DeepSeek.
    DeepSeek,
    /// Groq.
    Groq,
    /// Mistral.
    Mistral,
}

/// Which model to take when people name a quality instead of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Quick and cheap.
    Fast,
    /// For everyday work.
    Balanced,
    /// As good as the vendor has for a price that a long run can bear.
    Best,
}

impl Tier {
    /// All tiers, from cheap to dear.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Best];

    /// The name in `LIVOS_MODEL` and in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Best => "best",
        }
    }

    /// The tier of a name or of one of its aliases: `flash` and `haiku`, `sonnet`, `opus`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "fast" | "flash" | "haiku" => Some(Self::Fast),
            "balanced" | "sonnet" => Some(Self::Balanced),
            "best" | "opus" => Some(Self::Best),
            _ => None,
        }
    }
}

/// Prices in millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// Prompt tokens that are not cached.
    pub input: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// Prompt tokens read from the cache.
    pub cache_read: u64,
    /// Prompt tokens written to the cache for its shortest life.
    pub cache_write: u64,
}

impl Price {
    /// What a call cost, rounded to the nearest millionth of a dollar.
    pub fn of(&self, usage: Usage) -> MicroUsd {
        const MILLION: u64 = 1_000_000;
        let sum = usage
            .input_tokens
            .saturating_mul(self.input)
            .saturating_add(usage.output_tokens.saturating_mul(self.output))
            .saturating_add(usage.cache_read_tokens.saturating_mul(self.cache_read))
            .saturating_add(usage.cache_write_tokens.saturating_mul(self.cache_write));
        MicroUsd(sum.saturating_add(MILLION / 2) / MILLION)
    }
}

/// A higher price for calls with long prompts; it then holds for the whole call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongPromptPrice {
    /// Prompts of more tokens than this pay it.
    pub above_tokens: u64,
    /// The price.
    pub price: Price,
}

/// What is known about one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownModel {
    /// Whose model it is.
    pub vendor: Vendor,
    /// Its name; dated and `-latest` variants of it count as the same model.
    pub name: &'static str,
    /// How many tokens of prompt and answer fit.
    pub context_window: u64,
    /// How many tokens an answer may have.
    pub max_output_tokens: u64,
    /// What it takes in beside text.
    pub input: Input,
    /// Whether it can be asked to reason first.
    pub thinking: bool,
    /// Whether it can be held to a JSON Schema.
    pub structured_output: bool,
    /// The list price of the vendor's standard service, where it is known.
    pub price: Option<Price>,
    /// What long prompts cost instead.
    pub long_prompt_price: Option<LongPromptPrice>,
}

/// What a model takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Text alone.
    Text,
    /// Text and images.
    Images,
    /// Text, images and documents.
    Documents,
}

impl KnownModel {
    /// What a call cost; none where the price is not known.
    pub fn cost(&self, usage: Usage) -> Option<MicroUsd> {
        let long = self.long_prompt_price.filter(|long| usage.prompt_tokens() > long.above_tokens);
        let price = long.map(|long| long.price).or(self.price)?;
        Some(price.of(usage))
    }

    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.tools = ToolSupport::Native;
        capabilities.structured_output = self.structured_output;
        capabilities.images = self.input != Input::Text;
        capabilities.documents = self.input == Input::Documents;
        capabilities.thinking = self.thinking;
        capabilities.context_window = Some(self.context_window);
        capabilities.max_output_tokens = Some(self.max_output_tokens);
        capabilities
    }

    /// Whether `name` is this model under its own, a dated or a moving name.
    fn is_called(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name) else { return false };
        let Some(variant) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
        let is_date =
            variant.len() >= 3 && variant.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_date || ["latest", "preview", "exp"].iter().any(|word| variant.starts_with(word))
    }
}

/// All models in the table.
pub fn known_models() -> &'static [KnownModel] {
    models::MODELS
}

/// What is known about a model of a vendor; none for models that the table does not have.
///
/// ```
/// use livos_core::{MicroUsd, Usage};
/// use livos_providers::{Vendor, find_model};
///
/// let model = find_model(Vendor::Anthropic, "claude-sonnet-4-5-20250929").ok_or("unknown")?;
/// let usage = Usage { input_tokens: 1_000, output_tokens: 100, ..Usage::default() };
/// assert_eq!(model.cost(usage), Some(MicroUsd(4_500)));
/// # Ok::<(), &str>(())
/// ```
pub fn find_model(vendor: Vendor, name: &str) -> Option<&'static KnownModel> {
    // The names that a name begins with stand before it, and the longest of them last.
    let place = BY_NAME.partition_point(|model| (model.vendor, model.name) <= (vendor, name));
    let before = BY_NAME.get(..place).unwrap_or_default().iter().rev();
    let mut alike = before.take_while(|model| {
        model.vendor == vendor && model.name.as_bytes().first() == name.as_bytes().first()
    });
    alike.find(|model| model.is_called(name)).copied()
}

/// The table by vendor and name: it is looked into with every request.
static BY_NAME: LazyLock<Vec<&'static KnownModel>> = LazyLock::new(|| {
    let mut models: Vec<&KnownModel> = models::MODELS.iter().collect();
    models.sort_unstable_by_key(|model| (model.vendor, model.name));
    models
});

/// The model of a tier, where the vendor has models that deserve the name.
pub fn tier_model(vendor: Vendor, tier: Tier) -> &'static str {
    let (fast, balanced, best) = match vendor {
        Vendor::Anthropic => ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"),
        Vendor::Gemini => ("gemini-3.5-flash-lite", "gemini-3.8-flash", "gemini-3.1-pro-preview"),
        Vendor::OpenAi => ("gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"),
        Vendor::DeepSeek => ("deepseek-v4-flash", "deepseek-v4-flash", "deepseek-v4-pro"),
        Vendor::Groq => ("openai/gpt-oss-20b", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        Vendor::Mistral => {
            ("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest")
        }
    };
    match tier {
        Tier::Fast => fast,
        Tier::Balanced => balanced,
        Tier::Best => best,
    }
}

/// What a model can do: as the table says, or `usual` for models that are not in it.
pub(crate) fn capabilities(vendor: Vendor, name: &str, usual: Capabilities) -> Capabilities {
    find_model(vendor, name).map_or(usual, KnownModel::capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_and_moving_names_are_the_same_model_and_others_are_not() {
        let name = |vendor, name| find_model(vendor, name).map(|model| model.name);
        assert_eq!(name(Vendor::Anthropic, "claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        assert_eq!(name(Vendor::Anthropic, "claude-opus-5-5"), Some("claude-opus-5-5"));
        assert_eq!(name(Vendor::Anthropic, "claude-opus-5-9"), None);
        assert_eq!(name(Vendor::OpenAi, "gpt-4o-mini-2024-07-18"), Some("gpt-4o-mini"));
        assert_eq!(name(Vendor::OpenAi, "gpt-4o-audio-preview"), None);
        assert_eq!(
            name(Vendor::Gemini, "gemini-2.5-flash-preview-09-2025"),
            Some("gemini-2.5-flash")
        );
        assert_eq!(name(Vendor::Mistral, "mistral-small-latest"), Some("mistral-small"));
    }

    #[test]
    fn each_kind_of_token_has_its_price_and_long_prompts_theirs() {
        let model = find_model(Vendor::Anthropic, "claude-haiku-5-5").unwrap();
        let usage = Usage {
            input_tokens: 10_000,
            output_tokens: 1_000,
            cache_read_tokens: 50_000,
            cache_write_tokens: 20_000,
            reasoning_tokens: 500,
        };
        assert_eq!(model.cost(usage), Some(MicroUsd(1_000 + 500 + 500 + 2_500)));
        let long = Usage { input_tokens: 100_001, ..Usage::default() };
        assert_eq!(model.cost(long), Some(MicroUsd(50_001)));
        assert_eq!(find_model(Vendor::Anthropic, "claude-unknown"), None);
    }

    #[test]
    fn every_tier_names_a_known_model() {
        use Vendor::{Anthropic, DeepSeek, Gemini, Groq, Mistral, OpenAi};
        for vendor in [Anthropic, Gemini, OpenAi, DeepSeek, Groq, Mistral] {
            for tier in Tier::ALL {
                let name = tier_model(vendor, tier);
                assert!(find_model(vendor, name).is_some(), "{vendor:?} {name}");
                assert_eq!(Tier::parse(tier.name()), Some(tier));
            }
        }
    }

    #[test]
    fn no_model_is_listed_twice_and_every_price_is_plausible() {
        for (index, model) in known_models().iter().enumerate() {
            let twin = known_models().iter().skip(index + 1);
            assert!(
                twin.clone().all(|other| (other.vendor, other.name) != (model.vendor, model.name))
            );
            if let Some(price) = model.price {
                assert!(
                    price.cache_read <= price.input && price.input <= price.output,
                    "{model:?}"
                );
            }
        }
    }
}
