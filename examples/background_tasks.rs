//! Work in the background: tasks that share a budget, an urgent one that goes first, one that is stopped.
//!
//! ```sh
//! cargo run -p livos-examples --example background_tasks
//! ```
//!
//! Offline, with a scripted model. With `SqliteStore` or `RedisStore` tasks survive a restart.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use livos_core::testing::{Script, ScriptedProvider};
use livos_core::{
    AgentEvent, AgentLoop, Budget, EventKind, MemoryStore, NewTask, Priority, RunObserver, Store,
    TaskFilter, TaskManager, Trigger, WorkSignal, Worker, WorkerSettings,
};

/// Shows what is begun.
#[derive(Debug)]
struct Begins;

impl RunObserver for Begins {
    fn observe(&self, event: AgentEvent) {
        if let EventKind::RunStarted { .. } = event.kind {
            println!("begun: {}", event.run_id);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Arc::new(MemoryStore::new());
    let store = Arc::clone(&memory) as Arc<dyn Store>;
    let mut signals = store.signals();
    let tasks = TaskManager::new(Arc::clone(&store));

    let texts = ["Sort the inbox.", "Sort the desk.", "Sort the attic."].map(NewTask::new);
    let shared = Budget::default().with_tokens(30_000);
    let started = tasks.start_all(texts.into(), shared).await?;
    let urgent = NewTask::new("Answer the door.").with_priority(Priority::High);
    println!("urgent: {}", tasks.start(urgent).await?.id);
    if let Some(attic) = started.last() {
        println!("the attic: {:?}", tasks.cancel(attic.id).await?);
    }

    let model = ScriptedProvider::new("scripted", [(); 3].map(|()| Script::text("Done.")));
    let agent = AgentLoop::builder(model).journal(memory).build();
    // One at a time, so that their order is seen.
    let settings = WorkerSettings::default().with_max_concurrent_runs(1);
    let worker = Worker::start(agent, store, Arc::new(Begins), settings);
    let mut ended = 0;
    while ended <= started.len() {
        let signal = signals.next().await.ok_or("the store was closed")?;
        if let WorkSignal::RunEnded(_, Trigger::Task) = signal {
            ended += 1;
        }
    }
    for task in tasks.tasks(TaskFilter::default(), 10).await?.items {
        println!("{}: {:?}, {} turns, {:?}", task.id, task.state, task.turns, task.text);
    }
    worker.stop(Duration::from_secs(1)).await;
    Ok(())
}
