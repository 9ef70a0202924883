//! A provider's failure as this server's own.

use livos_core::ProviderError;

use crate::http::Problem;
use crate::http::ProblemKind;

/// What the client is told. A provider's refusal of our key is our fault, not the client's.
pub(super) fn problem(error: &ProviderError) -> Problem {
    let kind = match error {
        ProviderError::RateLimited(_) => ProblemKind::TooManyRequests,
        ProviderError::Overloaded(_) | ProviderError::Unavailable(_) => ProblemKind::Unavailable,
        ProviderError::UnknownModel(_) => ProblemKind::NotFound,
        ProviderError::InvalidRequest(_)
        | ProviderError::ContextTooLong(_)
        | ProviderError::ContentRefused(_) => ProblemKind::InvalidInput,
        _ => ProblemKind::ProviderFailed,
    };
    let problem = Problem::new(kind, error.to_string());
    match error.retry_after() {
        Some(pause) => problem.with_retry_after(pause),
        None => problem,
    }
}
