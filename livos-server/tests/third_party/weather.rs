//! The tool that the mock models call.

use std::sync::Arc;
use std::sync::Mutex;

use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use schemars::JsonSchema;
use serde::Deserialize;

/// Tells the weather and remembers who was asked about. Clones remember together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    cities: Arc<Mutex<Vec<String>>>,
}

/// Where the weather is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeatherArgs {
    /// The city.
    city: String,
}

impl Weather {
    /// The cities of all calls so far.
    pub(crate) fn cities(&self) -> Vec<String> {
        self.cities.lock().unwrap().clone()
    }
}

impl Tool for Weather {
    type Args = WeatherArgs;

    fn name(&self) -> &'static str {
        "get_weather"
    }

    fn description(&self) -> &'static str {
        "Tells the weather in a city."
    }

    fn effect(&self) -> Effect {
        Effect::ReadOnly
    }

    async fn call(&self, args: WeatherArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let report = format!("21 degrees in {}", args.city);
        self.cities.lock().unwrap().push(args.city);
        Ok(report.into())
    }
}
