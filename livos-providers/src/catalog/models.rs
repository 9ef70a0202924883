//! The table of known models. List prices of the vendors' standard services, see
//! [`CATALOG_DATE`](super::CATALOG_DATE): platform.claude.com, developers.openai.com,
//! ai.google.dev, api-docs.deepseek.com, console.groq.com and docs.mistral.ai.

use super::Input;
use super::KnownModel;
use super::LongPromptPrice;
use super::Price;
use super::Vendor;

/// A model with a price for prompts of any length.
const fn model(
    vendor: Vendor,
    name: &'static str,
    (context_window, max_output_tokens): (u64, u64),
    abilities: Abilities,
    price: Option<Price>,
) -> KnownModel {
    let Abilities { input, thinking, structured_output } = abilities;
    KnownModel {
        vendor,
        name,
        context_window,
        max_output_tokens,
        input,
        thinking,
        structured_output,
        price,
        long_prompt_price: None,
    }
}

impl KnownModel {
    const fn above(mut self, above_tokens: u64, price: Price) -> Self {
        self.long_prompt_price = Some(LongPromptPrice { above_tokens, price });
        self
    }
}

#[derive(Clone, Copy)]
struct Abilities {
    input: Input,
    thinking: bool,
    structured_output: bool,
}

/// Reasoning and structured output.
const fn full(input: Input) -> Abilities {
    Abilities { input, thinking: true, structured_output: true }
}

/// Structured output, no reasoning.
const fn plain(input: Input) -> Abilities {
    Abilities { input, thinking: false, structured_output: true }
}

/// Reasoning, no structured output.
const fn loose(input: Input) -> Abilities {
    Abilities { input, thinking: true, structured_output: false }
}

/// Neither.
const fn basic(input: Input) -> Abilities {
    Abilities { input, thinking: false, structured_output: false }
}

/// Input, output, cache read and cache write.
const fn price(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Price {
    Price { input, output, cache_read, cache_write }
}

#[rustfmt::skip]
pub(super) const MODELS: &[KnownModel] = &[
    model(Vendor::Anthropic, "claude-fable-5-2", (1_000_000, 128_000), full(Input::Documents), Some(price(10_000_000, 50_000_000, 250_000, 12_500_000))),
    model(Vendor::Anthropic, "claude-fable-5-1", (1_000_000, 128_000), full(Input::Documents), Some(price(10_000_000, 50_000_000, 250_000, 12_500_000))),
    model(Vendor::Anthropic, "claude-fable-5", (1_000_000, 128_000), full(Input::Documents), Some(price(10_000_000, 50_000_000, 1_000_000, 12_500_000))),
    model(Vendor::Anthropic, "claude-opus-5-5", (1_000_000, 128_000), full(Input::Documents), Some(price(4_000_000, 20_000_000, 200_000, 5_000_000))),
    model(Vendor::Anthropic, "claude-sonnet-5-5", (1_000_000, 128_000), full(Input::Documents), Some(price(2_000_000, 10_000_000, 100_000, 2_500_000))),
    model(Vendor::Anthropic, "claude-haiku-5-5", (1_000_000, 128_000), full(Input::Documents), Some(price(100_000, 500_000, 10_000, 125_000)))
        .above(100_000, price(500_000, 2_500_000, 50_000, 625_000)),
    model(Vendor::Anthropic, "claude-opus-5", (1_000_000, 128_000), full(Input::Documents), Some(price(5_000_000, 25_000_000, 500_000, 6_250_000))),
    model(Vendor::Anthropic, "claude-sonnet-5", (1_000_000, 128_000), full(Input::Documents), Some(price(2_000_000, 10_000_000, 200_000, 2_500_000))),
    model(Vendor::Anthropic, "claude-opus-4-8", (1_000_000, 128_000), full(Input::Documents), Some(price(5_000_000, 25_000_000, 500_000, 6_250_000))),
    model(Vendor::Anthropic, "claude-opus-4-7", (1_000_000, 128_000), full(Input::Documents), Some(price(5_000_000, 25_000_000, 500_000, 6_250_000))),
    model(Vendor::Anthropic, "claude-opus-4-6", (1_000_000, 128_000), full(Input::Documents), Some(price(5_000_000, 25_000_000, 500_000, 6_250_000))),
    model(Vendor::Anthropic, "claude-opus-4-5", (200_000, 64_000), full(Input::Documents), Some(price(5_000_000, 25_000_000, 500_000, 6_250_000))),
    model(Vendor::Anthropic, "claude-opus-4-1", (200_000, 32_000), full(Input::Documents), Some(price(15_000_000, 75_000_000, 1_500_000, 18_750_000))),
    model(Vendor::Anthropic, "claude-opus-4", (200_000, 32_000), loose(Input::Documents), Some(price(15_000_000, 75_000_000, 1_500_000, 18_750_000))),
    model(Vendor::Anthropic, "claude-sonnet-4-6", (1_000_000, 64_000), full(Input::Documents), Some(price(3_000_000, 15_000_000, 300_000, 3_750_000))),
    model(Vendor::Anthropic, "claude-sonnet-4-5", (200_000, 64_000), full(Input::Documents), Some(price(3_000_000, 15_000_000, 300_000, 3_750_000))),
    model(Vendor::Anthropic, "claude-sonnet-4", (200_000, 64_000), loose(Input::Documents), Some(price(3_000_000, 15_000_000, 300_000, 3_750_000))),
    model(Vendor::Anthropic, "claude-haiku-4-5", (200_000, 64_000), full(Input::Documents), Some(price(1_000_000, 5_000_000, 100_000, 1_250_000))),
    model(Vendor::Anthropic, "claude-3-5-haiku", (200_000, 8_192), basic(Input::Documents), Some(price(800_000, 4_000_000, 80_000, 1_000_000))),

    model(Vendor::Gemini, "gemini-3.8-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(750_000, 3_750_000, 75_000, 750_000))),
    model(Vendor::Gemini, "gemini-3.7-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(750_000, 3_750_000, 75_000, 750_000))),
    model(Vendor::Gemini, "gemini-3.6-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(1_500_000, 7_500_000, 150_000, 1_500_000))),
    model(Vendor::Gemini, "gemini-3.5-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(1_500_000, 9_000_000, 150_000, 1_500_000))),
    model(Vendor::Gemini, "gemini-3.5-flash-lite", (1_048_576, 65_536), full(Input::Documents), Some(price(300_000, 2_500_000, 30_000, 300_000))),
    model(Vendor::Gemini, "gemini-3.1-pro", (1_048_576, 65_536), full(Input::Documents), Some(price(2_000_000, 12_000_000, 200_000, 2_000_000)))
        .above(200_000, price(4_000_000, 18_000_000, 400_000, 4_000_000)),
    model(Vendor::Gemini, "gemini-3-pro", (1_048_576, 65_536), full(Input::Documents), Some(price(2_000_000, 12_000_000, 200_000, 2_000_000)))
        .above(200_000, price(4_000_000, 18_000_000, 400_000, 4_000_000)),
    model(Vendor::Gemini, "gemini-3.1-flash-lite", (1_048_576, 65_536), full(Input::Documents), Some(price(250_000, 1_500_000, 25_000, 250_000))),
    model(Vendor::Gemini, "gemini-3-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(500_000, 3_000_000, 50_000, 500_000))),
    model(Vendor::Gemini, "gemini-2.5-pro", (1_048_576, 65_536), full(Input::Documents), Some(price(1_250_000, 10_000_000, 125_000, 1_250_000)))
        .above(200_000, price(2_500_000, 15_000_000, 250_000, 2_500_000)),
    model(Vendor::Gemini, "gemini-2.5-flash", (1_048_576, 65_536), full(Input::Documents), Some(price(300_000, 2_500_000, 30_000, 300_000))),
    model(Vendor::Gemini, "gemini-2.5-flash-lite", (1_048_576, 65_536), full(Input::Documents), Some(price(100_000, 400_000, 10_000, 100_000))),

    model(Vendor::OpenAi, "gpt-6.1-sol", (1_050_000, 128_000), full(Input::Documents), Some(price(2_000_000, 10_000_000, 100_000, 2_500_000)))
        .above(272_000, price(4_000_000, 15_000_000, 200_000, 5_000_000)),
    model(Vendor::OpenAi, "gpt-6.1-terra", (1_050_000, 128_000), full(Input::Documents), Some(price(1_000_000, 5_000_000, 50_000, 1_250_000)))
        .above(272_000, price(2_000_000, 7_500_000, 100_000, 2_500_000)),
    model(Vendor::OpenAi, "gpt-6-astra", (1_050_000, 128_000), full(Input::Documents), Some(price(10_000_000, 50_000_000, 1_000_000, 12_500_000)))
        .above(272_000, price(20_000_000, 75_000_000, 2_000_000, 25_000_000)),
    model(Vendor::OpenAi, "gpt-6-sol", (1_050_000, 128_000), full(Input::Documents), Some(price(2_000_000, 10_000_000, 200_000, 2_500_000)))
        .above(272_000, price(4_000_000, 15_000_000, 400_000, 5_000_000)),
    model(Vendor::OpenAi, "gpt-6-luna", (1_050_000, 128_000), full(Input::Documents), Some(price(100_000, 500_000, 10_000, 125_000)))
        .above(272_000, price(200_000, 750_000, 20_000, 250_000)),
    model(Vendor::OpenAi, "gpt-5.6-sol", (1_000_000, 128_000), full(Input::Documents), Some(price(4_000_000, 20_000_000, 400_000, 4_000_000))),
    model(Vendor::OpenAi, "gpt-5.6-terra", (1_000_000, 128_000), full(Input::Documents), Some(price(2_000_000, 12_000_000, 200_000, 2_000_000))),
    model(Vendor::OpenAi, "gpt-5.6-luna", (400_000, 128_000), full(Input::Documents), Some(price(200_000, 1_200_000, 20_000, 200_000))),
    model(Vendor::OpenAi, "gpt-5.5", (1_050_000, 128_000), full(Input::Documents), Some(price(5_000_000, 30_000_000, 500_000, 5_000_000)))
        .above(272_000, price(10_000_000, 45_000_000, 1_000_000, 10_000_000)),
    model(Vendor::OpenAi, "gpt-5.4", (1_050_000, 128_000), full(Input::Documents), Some(price(2_500_000, 15_000_000, 250_000, 2_500_000)))
        .above(272_000, price(5_000_000, 22_500_000, 500_000, 5_000_000)),
    model(Vendor::OpenAi, "gpt-5.4-mini", (400_000, 128_000), full(Input::Documents), Some(price(750_000, 4_500_000, 75_000, 750_000))),
    model(Vendor::OpenAi, "gpt-5.4-nano", (400_000, 128_000), full(Input::Documents), Some(price(200_000, 1_250_000, 20_000, 200_000))),
    model(Vendor::OpenAi, "gpt-5.2", (400_000, 128_000), full(Input::Documents), Some(price(1_750_000, 14_000_000, 175_000, 1_750_000))),
    model(Vendor::OpenAi, "gpt-5.1", (400_000, 128_000), full(Input::Documents), Some(price(1_250_000, 10_000_000, 125_000, 1_250_000))),
    model(Vendor::OpenAi, "gpt-5", (400_000, 128_000), full(Input::Documents), Some(price(1_250_000, 10_000_000, 125_000, 1_250_000))),
    model(Vendor::OpenAi, "gpt-5-mini", (400_000, 128_000), full(Input::Documents), Some(price(250_000, 2_000_000, 25_000, 250_000))),
    model(Vendor::OpenAi, "gpt-5-nano", (400_000, 128_000), full(Input::Documents), Some(price(50_000, 400_000, 5_000, 50_000))),
    model(Vendor::OpenAi, "gpt-4.1", (1_047_576, 32_768), plain(Input::Documents), Some(price(2_000_000, 8_000_000, 500_000, 2_000_000))),
    model(Vendor::OpenAi, "gpt-4.1-mini", (1_047_576, 32_768), plain(Input::Documents), Some(price(400_000, 1_600_000, 100_000, 400_000))),
    model(Vendor::OpenAi, "gpt-4.1-nano", (1_047_576, 32_768), plain(Input::Documents), Some(price(100_000, 400_000, 25_000, 100_000))),
    model(Vendor::OpenAi, "gpt-4o", (128_000, 16_384), plain(Input::Documents), Some(price(2_500_000, 10_000_000, 1_250_000, 2_500_000))),
    model(Vendor::OpenAi, "gpt-4o-mini", (128_000, 16_384), plain(Input::Documents), Some(price(150_000, 600_000, 75_000, 150_000))),
    model(Vendor::OpenAi, "o3", (200_000, 100_000), full(Input::Documents), Some(price(2_000_000, 8_000_000, 500_000, 2_000_000))),
    model(Vendor::OpenAi, "o4-mini", (200_000, 100_000), full(Input::Documents), Some(price(1_100_000, 4_400_000, 275_000, 1_100_000))),

    model(Vendor::DeepSeek, "deepseek-v4-pro", (1_048_576, 393_216), loose(Input::Text), Some(price(435_000, 870_000, 3_625, 435_000))),
    model(Vendor::DeepSeek, "deepseek-v4-flash", (1_048_576, 393_216), loose(Input::Text), Some(price(140_000, 280_000, 2_800, 140_000))),
    model(Vendor::DeepSeek, "deepseek-chat", (1_048_576, 393_216), basic(Input::Text), Some(price(140_000, 280_000, 2_800, 140_000))),
    model(Vendor::DeepSeek, "deepseek-reasoner", (1_048_576, 393_216), loose(Input::Text), Some(price(140_000, 280_000, 2_800, 140_000))),

    model(Vendor::Groq, "openai/gpt-oss-120b", (131_072, 65_536), full(Input::Text), Some(price(150_000, 600_000, 75_000, 150_000))),
    model(Vendor::Groq, "openai/gpt-oss-20b", (131_072, 65_536), full(Input::Text), Some(price(75_000, 300_000, 37_500, 75_000))),
    model(Vendor::Groq, "llama-3.3-70b-versatile", (131_072, 32_768), basic(Input::Text), Some(price(590_000, 790_000, 590_000, 590_000))),
    model(Vendor::Groq, "llama-3.1-8b-instant", (131_072, 131_072), basic(Input::Text), Some(price(50_000, 80_000, 50_000, 50_000))),

    model(Vendor::Mistral, "mistral-large", (262_144, 262_144), plain(Input::Images), None),
    model(Vendor::Mistral, "mistral-medium", (262_144, 262_144), full(Input::Images), Some(price(1_500_000, 7_500_000, 1_500_000, 1_500_000))),
    model(Vendor::Mistral, "mistral-small", (262_144, 262_144), full(Input::Images), Some(price(150_000, 600_000, 150_000, 150_000))),
    model(Vendor::Mistral, "ministral-3b", (131_072, 131_072), plain(Input::Images), Some(price(100_000, 100_000, 100_000, 100_000))),
];
