//! Token counts and cost of an answer.

use livos_core::MicroUsd;
use livos_core::ModelName;
use livos_core::Usage;

use super::answer::Asked;
use super::dialect::CostReport;
use super::wire::WireUsage;

/// Our counts of a service's counts.
///
/// On this wire `prompt_tokens` includes what came from the cache, and
/// `completion_tokens` includes reasoning; a few services leave reasoning out
/// of the latter, which their total betrays.
pub(super) fn usage(wire: &WireUsage) -> Usage {
    let prompt = wire.prompt_tokens.unwrap_or(0);
    let completion = wire.completion_tokens.unwrap_or(0);
    let details = wire.prompt_tokens_details.unwrap_or_default();
    let told = details.cached_tokens.filter(|cached| *cached > 0);
    let cache_read_tokens =
        told.or(wire.prompt_cache_hit_tokens).or(wire.cached_tokens).unwrap_or(0).min(prompt);
    let uncached = prompt - cache_read_tokens;
    let cache_write_tokens = details.cache_write_tokens.unwrap_or(0).min(uncached);
    let reasoning_tokens =
        wire.completion_tokens_details.and_then(|it| it.reasoning_tokens).unwrap_or(0);
    let left_out = wire.total_tokens.is_some_and(|total| {
        reasoning_tokens > 0
            && total == prompt.saturating_add(completion).saturating_add(reasoning_tokens)
    });
    Usage {
        input_tokens: uncached - cache_write_tokens,
        output_tokens: if left_out {
            completion.saturating_add(reasoning_tokens)
        } else {
            completion
        },
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
    }
}

/// What an answer cost, as the service says or by the catalogue.
pub(super) fn cost(asked: &Asked, model: Option<&ModelName>, wire: &WireUsage) -> Option<MicroUsd> {
    if asked.dialect.cost == CostReport::UsageCost
        && let Some(micro_usd) = wire.cost.and_then(micro_usd)
    {
        return Some(micro_usd);
    }
    let dialect = asked.dialect;
    let other = model.filter(|model| **model != asked.model);
    let known = other.and_then(|model| dialect.known(model.as_str()));
    known.or_else(|| dialect.known(asked.model.as_str()))?.cost(usage(wire))
}

/// Dollars in millionths. Nothing for what is no price.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before, and a fraction of a millionth is rounded away"
)]
fn micro_usd(dollars: f64) -> Option<MicroUsd> {
    let micros = (dollars * 1e6).round();
    (micros.is_finite() && (0.0..1e15).contains(&micros)).then_some(MicroUsd(micros as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Usage {
        usage(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn cached_tokens_are_taken_out_of_the_prompt_wherever_they_are_told() {
        for cached in [
            r#""prompt_tokens_details":{"cached_tokens":60}"#,
            r#""prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":60"#,
            r#""prompt_tokens_details":null,"cached_tokens":60"#,
        ] {
            let usage = read(&format!(r#"{{"prompt_tokens":100,"completion_tokens":7,{cached}}}"#));
            assert_eq!((usage.input_tokens, usage.cache_read_tokens), (40, 60), "{cached}");
            assert_eq!(usage.total_tokens(), 107);
        }
    }

    #[test]
    fn reasoning_left_out_of_the_completion_is_added() {
        let inside = read(
            r#"{"prompt_tokens":1,"completion_tokens":9,"total_tokens":10,"completion_tokens_details":{"reasoning_tokens":5}}"#,
        );
        let outside = read(
            r#"{"prompt_tokens":1,"completion_tokens":4,"total_tokens":10,"completion_tokens_details":{"reasoning_tokens":5}}"#,
        );
        assert_eq!(inside, outside);
    }

    #[test]
    fn counts_that_contradict_each_other_never_underflow() {
        let usage = read(
            r#"{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9},"total_tokens":18446744073709551615}"#,
        );
        assert_eq!((usage.input_tokens, usage.cache_read_tokens), (0, 3));
    }

    #[test]
    fn dollars_are_rounded_and_nonsense_is_no_price() {
        assert_eq!(micro_usd(0.000_252_4), Some(MicroUsd(252)));
        assert_eq!(micro_usd(-1.0), None);
        assert_eq!(micro_usd(f64::NAN), None);
    }
}
