//! The web: `web_fetch` reads pages, `web_search` finds them, `http_request` talks to services.
//!
//! All three go through a [`GuardedClient`], and label what comes
//! back as written by strangers.

mod charset;
mod fetch;
mod html;
mod kind;
mod links;
mod paging;
mod pdf;
mod reading;
mod request;
mod search;

use livos_core::RegisterToolError;
use livos_core::ToolError;
use livos_core::ToolRegistry;

pub use self::fetch::WebFetch;
pub use self::fetch::WebFetchArgs;
pub use self::pdf::PdfProgram;
pub use self::pdf::pdf_program;
pub use self::request::HttpRequest;
pub use self::request::HttpRequestArgs;
pub use self::search::Age;
pub use self::search::Brave;
pub use self::search::Found;
pub use self::search::InvalidSearchSettings;
pub use self::search::SearXng;
pub use self::search::SearchBackend;
pub use self::search::SearchError;
pub use self::search::SearchQuery;
pub use self::search::Tavily;
pub use self::search::WebSearch;
pub use self::search::WebSearchArgs;

#[cfg(feature = "fuzzing")]
pub(crate) use self::charset::decode;
#[cfg(feature = "fuzzing")]
pub(crate) use self::html::Style;
#[cfg(feature = "fuzzing")]
pub(crate) use self::html::to_markdown;
#[cfg(feature = "fuzzing")]
pub(crate) use self::pdf::text_of;

use crate::outgoing::ClientError;
use crate::outgoing::GuardedClient;
use crate::outgoing::WebAddressError;

/// Registers `web_fetch`, which reads PDF files by `pdf`.
///
/// # Errors
/// When the name is taken.
pub fn register_fetch(
    tools: &ToolRegistry,
    client: GuardedClient,
    pdf: PdfProgram,
) -> Result<(), RegisterToolError> {
    tools.register(WebFetch::new(client).with_pdf_program(pdf))
}

/// Registers `http_request`.
///
/// Its effect is [`Destructive`](livos_core::Effect::Destructive): register it only where calls are
/// approved, or where what the agent may read may also be sent away.
///
/// # Errors
/// When the name is taken.
pub fn register_request(
    tools: &ToolRegistry,
    client: GuardedClient,
) -> Result<(), RegisterToolError> {
    tools.register(HttpRequest::new(client))
}

/// Registers `web_search` with a back-end.
///
/// # Errors
/// When the name is taken.
pub fn register_search(
    tools: &ToolRegistry,
    backend: impl SearchBackend,
) -> Result<(), RegisterToolError> {
    tools.register(WebSearch::new(backend))
}

impl From<WebAddressError> for ToolError {
    fn from(error: WebAddressError) -> Self {
        match error {
            WebAddressError::NotAllowed(refused) => Self::model(refused.to_string()),
            other => Self::model(format!("url {other}")),
        }
    }
}

impl From<ClientError> for ToolError {
    fn from(error: ClientError) -> Self {
        Self::model(error.to_string())
    }
}
