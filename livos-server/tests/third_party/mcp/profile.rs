//! A server with the tools whose names the conformance suite calls.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use livos_core::ContentBlock;
use livos_core::DynamicTool;
use livos_core::Effect;
use livos_core::Image;
use livos_core::MediaSource;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use livos_tools::mcp::HostCheck;
use livos_tools::mcp::McpService;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;

/// The smallest picture there is.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

struct Named {
    name: &'static str,
    schema: Value,
}

#[async_trait]
impl DynamicTool for Named {
    fn spec(&self) -> ToolSpec {
        let description = format!("What the suite calls {}.", self.name);
        ToolSpec::new(self.name, description, self.schema.clone(), Effect::ReadOnly)
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        match self.name {
            "test_image_content" => {
                let source = MediaSource::Base64(DOT.to_owned());
                let mut output = ToolOutput::default();
                let image = Image { media_type: "image/png".to_owned(), source };
                output.content.push(ContentBlock::Image(image));
                Ok(output)
            }
            "test_error_handling" => {
                Err(ToolError::model("This tool intentionally returns an error for testing"))
            }
            "test_tool_with_progress" => {
                for done in ["0 of 100", "50 of 100", "100 of 100"] {
                    context.report_progress(done);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok("done".into())
            }
            _ => Ok("This is a simple text response for testing.".into()),
        }
    }
}

/// Serves the profile until the test ends.
pub(super) async fn serve() -> SocketAddr {
    let tools = ToolRegistry::new();
    let plain = json!({"type": "object", "properties": {}});
    let full = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"type": "object", "properties":
            {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "additionalProperties": false,
    });
    for name in
        ["test_simple_text", "test_image_content", "test_error_handling", "test_tool_with_progress"]
    {
        tools.register_dynamic(Named { name, schema: plain.clone() }).unwrap();
    }
    tools.register_dynamic(Named { name: "json_schema_2020_12_tool", schema: full }).unwrap();
    let service = McpService::new("livos-profile", "1").tools(tools);
    let service = TowerToHyperService::new(service.into_http(HostCheck::Loopback));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(serving);
        }
    });
    address
}
