//! The process that is killed: the real server, with tools that leave a trace outside of it.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use livos_core::CrashPoint;
use livos_core::Effect;
use livos_core::Tool;
use livos_core::ToolContext;
use livos_core::ToolError;
use livos_core::ToolOutput;
use livos_core::ToolRegistry;
use livos_core::arm_crash_point;
use livos_server::Config;
use livos_server::Environment;
use livos_server::ServeFlags;
use livos_server::Server;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan;

/// How long a call takes before and after it leaves its trace: long enough to die in.
const CALL_TIME: Duration = Duration::from_millis(4);

/// Serves until it is killed, or until the test that started it is gone.
///
/// Arguments: the file for the traces, a crash point or `none`, and its passage. All else comes
/// from the environment, as it does for the real program.
pub(crate) fn serve(arguments: &[String]) {
    let [traces, point, passage] = arguments else { panic!("the child wants three arguments") };
    if let Some(point) = CrashPoint::of_name(point) {
        arm_crash_point(point, passage.parse().unwrap());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(traces));
}

async fn run(traces: &str) {
    let environment = Environment::of_process();
    let config = Config::load(ServeFlags::default(), &environment).unwrap();
    let traces = OpenOptions::new().create(true).append(true).open(traces).unwrap();
    let traces = Arc::new(Mutex::new(traces));
    let tools = ToolRegistry::new();
    for effect in plan::effects() {
        tools.register(Record { effect, traces: Arc::clone(&traces) }).unwrap();
    }
    let builder = Server::builder(config).environment(&environment).unwrap().tools(tools);
    let server = builder.start().await.unwrap();
    println!("{}", server.url());
    // The other end of standard input closes when the test ends, however it does.
    let closed = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    drop(tokio::task::spawn_blocking(closed).await);
}

/// Writes its call to a file, and does nothing else to the world.
struct Record {
    effect: Effect,
    traces: Arc<Mutex<File>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecordArgs {
    /// The name of this call.
    call: String,
}

impl Tool for Record {
    type Args = RecordArgs;

    fn name(&self) -> &str {
        plan::tool_of(self.effect)
    }

    fn description(&self) -> &'static str {
        "Records that it was called."
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    async fn call(&self, args: RecordArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        tokio::time::sleep(CALL_TIME).await;
        // One write of a file opened for appending: it is there whole or not at all.
        self.traces.lock().unwrap().write_all(format!("{}\n", args.call).as_bytes()).unwrap();
        tokio::time::sleep(CALL_TIME).await;
        Ok(ToolOutput::text(format!("{} is recorded", args.call)))
    }
}
