//! The window that a refusal names.

/// What stands right before the number of a window, in the words of vendors.
const BEFORE: &[&str] = &[
    "maximum context length is ", // OpenAI, vLLM, OpenRouter, DeepSeek
    "maximum number of tokens allowed (", // Gemini
    "available context size (",   // llama.cpp
    "context window of ",
    "context limit of ",
    "context length of only ", // LM Studio
    "context limit: ", // Anthropic, for prompt and answer: "… exceed context limit: 1 + 2 > 3"
    " > ",             // Anthropic: "prompt is too long: 208310 tokens > 200000 maximum"
];

/// The smallest window that is believed; smaller numbers mean something else.
const LEAST: u64 = 256;

/// The window that a message names, in tokens.
pub(super) fn told(message: &str) -> Option<u64> {
    let lower = message.to_ascii_lowercase();
    let numbers = BEFORE.iter().filter_map(|words| {
        let (_, rest) = lower.split_once(words)?;
        // A sum stands before the limit it is above.
        let rest = match rest.split_once(" > ") {
            Some((sum, limit)) if sum.bytes().all(|it| b"0123456789 +".contains(&it)) => limit,
            _ => rest,
        };
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != ',').unwrap_or(rest.len());
        rest.get(..end)?.replace(',', "").parse().ok()
    });
    numbers.into_iter().find(|window| *window >= LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vendors_say() {
        for (message, window) in [
            (
                "This model's maximum context length is 128000 tokens. However, your messages \
                 resulted in 130512 tokens.",
                Some(128_000),
            ),
            ("prompt is too long: 208310 tokens > 200000 maximum", Some(200_000)),
            (
                "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, \
                 decrease input length",
                Some(200_000),
            ),
            (
                "The input token count (1048577) exceeds the maximum number of tokens allowed (1,048,576).",
                Some(1_048_576),
            ),
            (
                "request (5120 tokens) exceeds the available context size (4096 tokens), try increasing it",
                Some(4_096),
            ),
            ("Please reduce the length of the messages.", None),
            ("7 > 3", None),
        ] {
            assert_eq!(told(message), window, "{message}");
        }
    }
}
