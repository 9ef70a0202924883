//! `containers_manage`: starts and stops containers, and runs commands in them.

use std::time::Duration;

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
use super::container_name;
use super::engine::StreamEnd;
use super::frames::Frames;
use super::frames::Shape;
use super::look::with_remark;

/// Starts, stops and restarts containers, and runs commands in them.
#[derive(Debug, Clone)]
pub struct ContainersManage {
    engine: Engine,
}

/// The arguments of `containers_manage`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainersManageArgs {
    /// What to do.
    operation: Operation,
    /// The name or id of the container.
    container: String,
    /// For exec: the program and its arguments, such as `["sh", "-c", "the line"]`.
    command: Option<Vec<String>>,
    /// For exec: where in the container to run it. Default: as its image says.
    directory: Option<String>,
    /// For exec: the user to run it as. Default: as its image says.
    user: Option<String>,
    /// For exec: after how many seconds to stop waiting. Default: 60, maximum: 300.
    /// For stop and restart: how long the container may take to end. Default: 10, maximum: 120.
    timeout_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Operation {
    Start,
    Stop,
    Restart,
    Exec,
}

impl ContainersManage {
    const DEFAULT_EXEC: u64 = 60;
    const MAX_EXEC: u64 = 300;
    const DEFAULT_STOP: u64 = 10;
    const MAX_STOP: u64 = 120;
    /// How many bytes of a command's output are shown.
    const MAX_OUTPUT: usize = 24 * 1024;

    /// Manages the containers of this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    async fn exec(&self, name: &str, args: &ContainersManageArgs) -> Result<ToolOutput, ToolError> {
        let command = args.command.as_deref().unwrap_or_default();
        if command.first().is_none_or(String::is_empty) {
            return Err(ToolError::model("exec needs command, such as [\"ls\", \"-l\"]"));
        }
        let mut body = json!({"AttachStdout": true, "AttachStderr": true, "Cmd": command});
        if let Value::Object(fields) = &mut body {
            let optional = [("WorkingDir", &args.directory), ("User", &args.user)];
            for (name, value) in optional {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), value.as_str().into());
                }
            }
        }
        let path = format!("/containers/{name}/exec");
        let made = self.engine.post(&path, Some(body), Engine::TIME).await?;
        let id = made.as_ref().and_then(|made| made.get("Id")).and_then(Value::as_str);
        let Some(id) = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric())) else {
            return Err(ToolError::model(
                "the container engine did not say how it names the command",
            ));
        };
        let seconds = args.timeout_seconds.unwrap_or(Self::DEFAULT_EXEC).clamp(1, Self::MAX_EXEC);
        let mut frames = Frames::new(Shape::Framed, Self::MAX_OUTPUT);
        let end = self
            .engine
            .stream(
                Method::POST,
                &format!("/exec/{id}/start"),
                Some(json!({"Detach": false, "Tty": false})),
                &mut frames,
                Duration::from_secs(seconds),
            )
            .await?;
        let (text, dropped) = frames.finish();
        let ending = match end {
            StreamEnd::Whole => {
                let ended: Value = self.engine.get(&format!("/exec/{id}/json")).await?;
                match ended.get("ExitCode").and_then(Value::as_i64) {
                    Some(code) => format!("[exit code {code}]"),
                    None => "[the command may still be running]".to_owned(),
                }
            }
            // The engine has no way to end it.
            StreamEnd::TimeOver => {
                format!(
                    "[after {seconds} seconds it was not waited for any longer; it is still running]"
                )
            }
        };
        let output = ToolOutput::text(text).untrusted(&format!("output of a command in {name}"));
        Ok(if dropped > 0 {
            with_remark(output, &format!("[{dropped} bytes before this are not shown] {ending}"))
        } else {
            let mut output = output;
            output.content.push(livos_core::ContentBlock::text(format!("\n{ending}")));
            output
        })
    }

    async fn change(
        &self,
        name: &str,
        verb: &str,
        args: &ContainersManageArgs,
    ) -> Result<ToolOutput, ToolError> {
        let seconds = args.timeout_seconds.unwrap_or(Self::DEFAULT_STOP).min(Self::MAX_STOP);
        let path = match verb {
            "start" => format!("/containers/{name}/start"),
            _ => format!("/containers/{name}/{verb}?t={seconds}"),
        };
        let time = Engine::TIME + Duration::from_secs(seconds);
        self.engine.post(&path, None, time).await?;
        let container: Value = self.engine.get(&format!("/containers/{name}/json")).await?;
        let state = container.pointer("/State/Status").and_then(Value::as_str).unwrap_or("unknown");
        Ok(ToolOutput::text(format!("{verb}: done; {name} is now {state}")))
    }
}

impl Tool for ContainersManage {
    type Args = ContainersManageArgs;

    fn name(&self) -> &str {
        "containers_manage"
    }

    fn description(&self) -> &str {
        include_str!("manage.md")
    }

    fn effect(&self) -> Effect {
        Effect::Destructive
    }

    async fn call(
        &self,
        args: ContainersManageArgs,
        _: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let name = container_name(&args.container)?;
        match args.operation {
            Operation::Start => self.change(name, "start", &args).await,
            Operation::Stop => self.change(name, "stop", &args).await,
            Operation::Restart => self.change(name, "restart", &args).await,
            Operation::Exec => self.exec(name, &args).await,
        }
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        // The tool keeps its own deadlines, so that what a command said so far is not lost.
        spec.with_timeout(Duration::from_secs(Self::MAX_EXEC + 60))
            .with_disclosure(Disclosure::WhenFound)
    }
}
