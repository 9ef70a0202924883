//! Tools for models that have no tool calls: as JSON in text.

use std::sync::Arc;

use async_trait::async_trait;

use crate::id::ProviderId;
use crate::provider::AIProvider;
use crate::provider::ChatRequest;
use crate::provider::ChatStream;
use crate::provider::ProviderError;

/// A provider with tools as JSON in text around one without tool calls.
#[derive(Debug)]
pub struct TextTools {
    inner: Arc<dyn AIProvider>,
}

impl TextTools {
    /// Wraps a provider.
    pub fn new(inner: Arc<dyn AIProvider>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl AIProvider for TextTools {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        self.inner.chat_stream(request).await
    }
}
