//! `containers`: which there are, what they are, what they say.

use hyper::Method;
use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::Engine;
use super::EngineError;
use super::container_name;
use super::engine::StreamEnd;
use super::frames::Frames;
use super::frames::Shape;
use super::inspection;

/// Looks at containers and changes nothing.
#[derive(Debug, Clone)]
pub struct Containers {
    engine: Engine,
}

/// The arguments of `containers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainersArgs {
    /// What to look at.
    operation: Operation,
    /// For inspect and logs: the name or id of a container.
    container: Option<String>,
    /// For list: whether to name those that do not run, too. Default: true.
    all: Option<bool>,
    /// For logs: how many lines of the end. Default: 100, maximum: 2000.
    tail: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Operation {
    List,
    Inspect,
    Logs,
}

impl Containers {
    const MAX_LISTED: usize = 200;
    const DEFAULT_TAIL: u32 = 100;
    const MAX_TAIL: u32 = 2_000;
    /// How many bytes of a log are shown.
    const MAX_LOG: usize = 24 * 1024;

    /// Looks at the containers of this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    async fn list(&self, all: bool) -> Result<ToolOutput, ToolError> {
        let found: Vec<Value> = self.engine.get(&format!("/containers/json?all={all}")).await?;
        let listed: Vec<Value> = found.iter().take(Self::MAX_LISTED).map(summary).collect();
        let left_out = found.len() - listed.len();
        let mut told = json!({"containers": listed});
        if let (Value::Object(fields), true) = (&mut told, left_out > 0) {
            fields.insert("left_out".to_owned(), left_out.into());
        }
        ToolOutput::json(&told)
    }

    async fn logs(&self, name: &str, tail: u32) -> Result<ToolOutput, ToolError> {
        let shape = shape_of(&self.engine, name).await?;
        let mut frames = Frames::new(shape, Self::MAX_LOG);
        let path = format!("/containers/{name}/logs?stdout=true&stderr=true&tail={tail}");
        let end = self.engine.stream(Method::GET, &path, None, &mut frames, Engine::TIME).await?;
        let (text, dropped) = frames.finish();
        if text.is_empty() && end == StreamEnd::Whole {
            return Ok(ToolOutput::text("[the container has said nothing]"));
        }
        let output = ToolOutput::text(text).untrusted(&format!("log of the container {name}"));
        Ok(match dropped {
            0 => output,
            _ => with_remark(output, &format!("[{dropped} bytes before this are not shown]")),
        })
    }
}

/// An output with a line behind it that is ours.
pub(super) fn with_remark(mut output: ToolOutput, remark: &str) -> ToolOutput {
    output.content.push(livos_core::ContentBlock::text(format!("\n{remark}")));
    output.truncated()
}

/// Whether the engine sends the output of a container in frames: not that of a terminal.
async fn shape_of(engine: &Engine, name: &str) -> Result<Shape, EngineError> {
    let container: Value = engine.get(&format!("/containers/{name}/json")).await?;
    let has_terminal = container.pointer("/Config/Tty").and_then(Value::as_bool);
    Ok(if has_terminal == Some(true) { Shape::Plain } else { Shape::Framed })
}

fn summary(container: &Value) -> Value {
    let at = |name: &str| container.get(name).cloned().unwrap_or(Value::Null);
    let id: String = at("Id").as_str().unwrap_or_default().chars().take(12).collect();
    let names = container.get("Names").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> =
        names.filter_map(Value::as_str).map(|name| name.trim_start_matches('/')).collect();
    let ports = container.get("Ports").and_then(Value::as_array).into_iter().flatten();
    let ports: Vec<String> = ports.map(port).collect();
    json!({
        "id": id,
        "names": names,
        "image": at("Image"),
        "state": at("State"),
        "status": at("Status"),
        "ports": ports,
    })
}

/// A port as `docker ps` shows it: `127.0.0.1:8080->80/tcp`.
fn port(port: &Value) -> String {
    let number = |name: &str| port.get(name).and_then(Value::as_u64);
    let text = |name: &str| port.get(name).and_then(Value::as_str).unwrap_or_default();
    let inside = format!("{}/{}", number("PrivatePort").unwrap_or_default(), text("Type"));
    match number("PublicPort") {
        Some(outside) => format!("{}:{outside}->{inside}", text("IP")),
        None => inside,
    }
}

impl Tool for Containers {
    type Args = ContainersArgs;

    fn name(&self) -> &str {
        "containers"
    }

    fn description(&self) -> &str {
        include_str!("look.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: ContainersArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        if args.operation == Operation::List {
            return self.list(args.all.unwrap_or(true)).await;
        }
        let Some(name) = args.container.as_deref() else {
            return Err(ToolError::model("inspect and logs need container"));
        };
        let name = container_name(name)?;
        match args.operation {
            Operation::Logs => {
                let tail = args.tail.unwrap_or(Self::DEFAULT_TAIL).clamp(1, Self::MAX_TAIL);
                self.logs(name, tail).await
            }
            Operation::Inspect | Operation::List => {
                let container: Value = self.engine.get(&format!("/containers/{name}/json")).await?;
                ToolOutput::json(&inspection::of_container(&container))
            }
        }
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
