//! `system_info`: how the machine is doing, by direct figures and no command.

mod metrics;

use livos_core::Disclosure;
use livos_core::Effect;
use livos_core::RegisterToolError;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::ToolSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use self::metrics::Disk;
pub use self::metrics::Interface;
pub use self::metrics::Load;
pub use self::metrics::Memory;
pub use self::metrics::MetricsError;
pub use self::metrics::Process;
pub use self::metrics::SystemMetrics;

/// Registers `system_info`.
///
/// # Errors
/// When the name is taken.
pub fn register(tools: &ToolRegistry) -> Result<(), RegisterToolError> {
    tools.register(SystemInfo)
}

/// Tells how the machine is doing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemInfo;

/// The arguments of `system_info`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemInfoArgs {
    /// What to tell. Default: overview.
    #[serde(default)]
    topic: Topic,
    /// How many processes to name, for overview and processes. Default: 10, maximum: 50.
    processes: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Topic {
    #[default]
    Overview,
    Cpu,
    Memory,
    Disks,
    Processes,
    Network,
    Uptime,
}

impl Topic {
    /// The parts of the figures that belong to it; none for all of them.
    fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Overview => &[],
            Self::Cpu => &["cpus", "cpu_percent", "load"],
            Self::Memory => &["memory"],
            Self::Disks => &["disks"],
            Self::Processes => &["process_count", "processes"],
            Self::Network => &["interfaces"],
            Self::Uptime => &["host", "system", "kernel", "uptime_seconds"],
        }
    }
}

impl Tool for SystemInfo {
    type Args = SystemInfoArgs;

    fn name(&self) -> &str {
        "system_info"
    }

    fn description(&self) -> &str {
        include_str!("system/system.md")
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: SystemInfoArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let processes = args.processes.unwrap_or(10).clamp(1, SystemMetrics::MAX_PROCESSES);
        let collected = SystemMetrics::collect(processes).await;
        let metrics = collected.map_err(|error| ToolError::model(error.to_string()))?;
        let mut figures = serde_json::to_value(metrics)
            .map_err(|error| ToolError::model(format!("the figures are not JSON: {error}")))?;
        let parts = args.topic.parts();
        if let (Value::Object(fields), false) = (&mut figures, parts.is_empty()) {
            fields.retain(|name, _| parts.contains(&name.as_str()));
        }
        ToolOutput::json(&figures)
    }

    fn adjust(&self, spec: ToolSpec) -> ToolSpec {
        spec.with_disclosure(Disclosure::WhenFound)
    }
}
