//! Servers at an address.

use std::collections::HashMap;
use std::time::Duration;

use http::HeaderName;
use http::HeaderValue;
use livos_core::Secret;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A larger answer is refused.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// How to speak to the service at an address. The `Host` it is sent is the one in the address.
pub(super) async fn transport(
    url: &str,
    headers: &[(String, Secret)],
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    let client = client(url.starts_with("https:")).await?;
    let config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(header_map(headers)?)
        .max_sse_event_size(LARGEST_ANSWER)
        .max_json_response_size(LARGEST_ANSWER);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

async fn client(is_tls: bool) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("livos/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would carry the owner's headers to another host.
        .redirect(reqwest::redirect::Policy::none());
    let made = if is_tls {
        // Reads the certificates of the system from disk.
        tokio::task::spawn_blocking(move || builder.build())
            .await
            .map_err(|error| error.to_string())?
    } else {
        builder.tls_certs_only([]).build()
    };
    made.map_err(|error| format!("no HTTP client can be made: {error}"))
}

fn header_map(headers: &[(String, Secret)]) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let mut map = HashMap::with_capacity(headers.len());
    for (name, value) in headers {
        let wrong = || format!("the header '{name}' has a value that cannot be sent");
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}
