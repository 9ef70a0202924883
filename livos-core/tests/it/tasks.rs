//! Work in the background: all of it is done, never too much at once, and stopped when told.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use livos_core::AIProvider;
use livos_core::AgentEvent;
use livos_core::AgentLoop;
use livos_core::Budget;
use livos_core::Cancellation;
use livos_core::ChatChunk;
use livos_core::ChatRequest;
use livos_core::ChatResponse;
use livos_core::ChatStream;
use livos_core::Journal;
use livos_core::MemoryStore;
use livos_core::Message;
use livos_core::MicroUsd;
use livos_core::NewTask;
use livos_core::Origin;
use livos_core::Overloaded;
use livos_core::Priority;
use livos_core::ProviderError;
use livos_core::ProviderId;
use livos_core::ResourceGate;
use livos_core::RunId;
use livos_core::RunObserver;
use livos_core::RunState;
use livos_core::Store;
use livos_core::TaskError;
use livos_core::TaskFilter;
use livos_core::TaskManager;
use livos_core::Trigger;
use livos_core::WorkSignal;
use livos_core::WorkSignals;
use livos_core::Worker;
use livos_core::WorkerSettings;
use tokio::sync::Semaphore;

/// Longer than anything should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A model that answers as often as it is let, and notes how many ask at a time and who was first.
#[derive(Debug)]
struct Counting {
    id: ProviderId,
    asking: Arc<AtomicUsize>,
    most: AtomicUsize,
    order: Mutex<Vec<String>>,
    answers: Semaphore,
}

struct Asking(Arc<AtomicUsize>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl AIProvider for Counting {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ProviderError> {
        let now = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
        let _asking = Asking(Arc::clone(&self.asking));
        self.most.fetch_max(now, Ordering::SeqCst);
        let asked = request.conversation.first().map(|message| message.text()).unwrap_or_default();
        self.order.lock().unwrap().push(asked);
        let _answer = self.answers.acquire().await.unwrap();
        tokio::task::yield_now().await;
        let answer = ChatResponse::new(self.id.clone(), request.model, Message::assistant("done"));
        let finished = ChatChunk::Finished(Box::new(answer));
        Ok(Box::pin(futures::stream::iter([Ok(finished)])))
    }
}

#[derive(Debug)]
struct Nobody;

impl RunObserver for Nobody {
    fn observe(&self, _: AgentEvent) {}
}

struct Bench {
    store: Arc<MemoryStore>,
    model: Arc<Counting>,
    tasks: TaskManager,
}

impl Bench {
    fn new(answers: usize) -> Self {
        let store = Arc::new(MemoryStore::new());
        let model = Arc::new(Counting {
            id: "counting".into(),
            asking: Arc::default(),
            most: AtomicUsize::new(0),
            order: Mutex::default(),
            answers: Semaphore::new(answers),
        });
        let tasks = TaskManager::new(Arc::clone(&store) as Arc<dyn Store>).with_per_user(100);
        Self { store, model, tasks }
    }

    fn work(&self, settings: WorkerSettings) -> Worker {
        let agent = AgentLoop::builder_shared(Arc::clone(&self.model) as Arc<dyn AIProvider>)
            .journal(Arc::clone(&self.store) as Arc<dyn Journal>)
            .build();
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        Worker::start(agent, store, Arc::new(Nobody), settings)
    }

    async fn end_of(&self, id: RunId) -> RunState {
        let mut signals = self.store.signals();
        let ended = async {
            loop {
                let state = self.tasks.task(id).await.unwrap().state;
                if state.is_final() {
                    return state;
                }
                futures::StreamExt::next(&mut signals).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("in time")
    }
}

fn of(user: &str, text: &str) -> NewTask {
    let mut origin = Origin::owner("api");
    origin.user = user.into();
    NewTask::new(text).with_origin(origin)
}

#[tokio::test]
async fn two_hundred_are_done_eight_at_a_time() {
    let bench = Bench::new(1_000);
    let worker = bench.work(WorkerSettings::default().with_max_concurrent_runs(8));
    let texts = (0..200).map(|number| NewTask::new(format!("task {number}")));
    let started = bench.tasks.start_all(texts.collect(), Budget::default()).await.unwrap();
    for task in &started {
        assert_eq!(bench.end_of(task.id).await, RunState::Completed);
    }
    let most = bench.model.most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at a time");
    let done = TaskFilter { state: Some(RunState::Completed), ..TaskFilter::default() };
    assert_eq!(bench.tasks.tasks(done, 500).await.unwrap().items.len(), 200);
    worker.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_task_that_is_stopped_spends_no_more() {
    let bench = Bench::new(0);
    let worker = bench.work(WorkerSettings::default());
    let task = bench.tasks.start(NewTask::new("endless")).await.unwrap();
    let begun = async {
        while bench.model.asking.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    assert_eq!(bench.tasks.progress(task.id).await.unwrap().turns, 1);
    let asked = bench.tasks.cancel(task.id).await.unwrap();
    assert_eq!(asked, Cancellation::Requested);
    assert_eq!(bench.end_of(task.id).await, RunState::Cancelled);
    assert_eq!(bench.model.asking.load(Ordering::SeqCst), 0, "the call ended with the task");
    worker.stop(PATIENCE).await;
}

#[tokio::test]
async fn users_take_turns_and_the_urgent_go_first() {
    let bench = Bench::new(100);
    let tasks = &bench.tasks.clone().with_per_user(1);
    for text in ["a1", "a2", "a3"] {
        tasks.start(of("a", text)).await.unwrap();
    }
    tasks.start(of("b", "b1")).await.unwrap();
    let urgent = of("c", "c1").with_priority(Priority::High);
    tasks.start(urgent).await.unwrap();
    let worker = bench.work(WorkerSettings::default().with_max_concurrent_runs(1));
    for run in tasks.tasks(TaskFilter::default(), 10).await.unwrap().items {
        bench.end_of(run.id).await;
    }
    let order = bench.model.order.lock().unwrap().clone();
    assert_eq!(order.first().map(String::as_str), Some("c1"), "{order:?}");
    let place = |text: &str| order.iter().position(|asked| asked == text).unwrap();
    assert!(place("b1") < place("a2"), "{order:?}");
    let of_b = TaskFilter { user: Some("b".into()), ..TaskFilter::default() };
    assert_eq!(tasks.tasks(of_b, 10).await.unwrap().items.len(), 1);
    worker.stop(PATIENCE).await;
}

#[tokio::test]
async fn what_is_no_task_is_refused_by_its_field() {
    let bench = Bench::new(1);
    for (text, expected) in [("  ", "task: must not be empty"), (&"x".repeat(300_000), "at most")] {
        let refused = bench.tasks.start(NewTask::new(text)).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    let usual = Budget::default();
    let poor = [
        (usual.with_turns(0), "budget.turns"),
        (usual.with_tokens(1), "budget.tokens"),
        (usual.with_cost(MicroUsd(1)), "budget.cost"),
    ];
    for (shared, expected) in poor {
        let two = vec![NewTask::new("x"), NewTask::new("y")];
        let refused = bench.tasks.start_all(two, shared).await.unwrap_err();
        assert!(
            matches!(refused, TaskError::Invalid { field, .. } if field == expected),
            "{expected}: {refused}"
        );
    }
    let second_is_none = vec![NewTask::new("x"), NewTask::new(" ")];
    assert!(bench.tasks.start_all(second_is_none, None).await.is_err());
    assert!(bench.tasks.tasks(TaskFilter::default(), 10).await.unwrap().items.is_empty());
    assert!(bench.tasks.cancel(RunId::generate()).await.is_err());
}

#[derive(Debug, Default)]
struct Machine {
    is_calm: AtomicBool,
    asked: AtomicUsize,
}

impl ResourceGate for Machine {
    fn admits(&self) -> Result<(), Overloaded> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_calm.load(Ordering::SeqCst) {
            return Ok(());
        }
        let ask_again_after = Duration::from_millis(5);
        Err(Overloaded { reason: "memory is at 99 %".to_owned(), ask_again_after })
    }
}

#[tokio::test]
async fn nothing_begins_while_the_machine_has_enough_to_do() {
    let bench = Bench::new(10);
    let machine = Arc::new(Machine::default());
    let worker = bench.work(WorkerSettings::default().with_gate(machine.clone()));
    let task = bench.tasks.start(NewTask::new("later")).await.unwrap();
    let asked_often = async {
        while machine.asked.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked_often).await.unwrap();
    assert_eq!(bench.tasks.task(task.id).await.unwrap().state, RunState::Queued);
    machine.is_calm.store(true, Ordering::SeqCst);
    assert_eq!(bench.end_of(task.id).await, RunState::Completed);
    worker.stop(PATIENCE).await;
}

#[tokio::test]
async fn signals_tell_that_a_task_ended() {
    let bench = Bench::new(1);
    let worker = bench.work(WorkerSettings::default());
    let mut signals = bench.store.signals();
    let task = bench.tasks.start(NewTask::new("x")).await.unwrap();
    let told = async {
        while let Some(signal) = futures::StreamExt::next(&mut signals).await {
            if signal == WorkSignal::RunEnded(task.id, Trigger::Task) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("in time");
    worker.stop(PATIENCE).await;
}
