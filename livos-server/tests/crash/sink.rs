//! Where replies go: an HTTP callback that is out of order now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Request;
use hyper::Response;
use serde_json::Value;

use crate::chance::Chance;
use crate::loopback::Handler;
use crate::loopback::Outcome;
use crate::loopback::cut;
use crate::loopback::whole;

/// How long a slow answer takes: long enough to die in.
const SLOW: Duration = Duration::from_millis(60);

/// Keeps what arrives.
#[derive(Debug)]
pub(crate) struct Sink {
    chance: Mutex<Chance>,
    is_calm: AtomicBool,
    arrived: Mutex<BTreeMap<String, Arrived>>,
    /// What came without a delivery's name.
    nameless: Mutex<Vec<String>>,
}

/// What arrived under one delivery's name.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) body: Value,
    /// Where it was to go.
    pub(crate) path: String,
    pub(crate) times: u64,
    /// Whether it was ever answered with success.
    pub(crate) is_accepted: bool,
    /// Whether it ever came with other words.
    pub(crate) has_changed: bool,
}

/// What the sink does with a request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Accepts,
    AcceptsSlowly,
    /// Takes it, and cuts the connection instead of answering.
    AcceptsAndCuts,
    Busy,
    Cuts,
}

impl Sink {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            chance: Mutex::new(chance),
            is_calm: AtomicBool::new(false),
            arrived: Mutex::default(),
            nameless: Mutex::default(),
        }
    }

    /// What arrived, by the name of the delivery.
    pub(crate) fn arrived(&self) -> BTreeMap<String, Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// What arrived for a run.
    pub(crate) fn arrived_for(&self, run: &str) -> Vec<(String, Arrived)> {
        let arrived = self.arrived.lock().unwrap();
        let of_run = arrived.iter().filter(|(_, arrived)| arrived.body["run_id"] == run);
        of_run.map(|(name, arrived)| (name.clone(), arrived.clone())).collect()
    }

    pub(crate) fn nameless(&self) -> Vec<String> {
        self.nameless.lock().unwrap().clone()
    }

    /// Accepts everything from now on.
    pub(crate) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    fn mood(&self) -> Mood {
        if self.is_calm.load(Ordering::Relaxed) {
            return Mood::Accepts;
        }
        match self.chance.lock().unwrap().below(100) {
            0..64 => Mood::Accepts,
            64..80 => Mood::AcceptsSlowly,
            80..87 => Mood::AcceptsAndCuts,
            87..94 => Mood::Busy,
            _ => Mood::Cuts,
        }
    }

    fn keep(&self, request: &Request<Bytes>, is_accepted: bool) {
        let text = String::from_utf8_lossy(request.body()).into_owned();
        let name = request.headers().get("idempotency-key").and_then(|name| name.to_str().ok());
        let (Some(name), Ok(body)) = (name, serde_json::from_str::<Value>(&text)) else {
            self.nameless.lock().unwrap().push(text);
            return;
        };
        let body = without_attempt(body);
        let path = request.uri().path().to_owned();
        let mut arrived = self.arrived.lock().unwrap();
        let known = arrived.entry(name.to_owned()).or_insert_with(|| Arrived {
            body: body.clone(),
            path,
            times: 0,
            is_accepted: false,
            has_changed: false,
        });
        known.times += 1;
        known.is_accepted |= is_accepted;
        known.has_changed |= known.body != body;
    }
}

/// What is the same in every attempt.
fn without_attempt(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.remove("attempt");
    }
    body
}

impl Handler for Sink {
    fn handle(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Outcome> {
        async move {
            let answer = |status: u16| Response::builder().status(status);
            match self.mood() {
                Mood::Accepts => {
                    self.keep(&request, true);
                    Ok(answer(200).body(whole("{}")).unwrap())
                }
                Mood::AcceptsSlowly => {
                    self.keep(&request, true);
                    tokio::time::sleep(SLOW).await;
                    Ok(answer(202).body(whole("")).unwrap())
                }
                Mood::AcceptsAndCuts => {
                    self.keep(&request, true);
                    cut()
                }
                Mood::Busy => Ok(answer(503).header("retry-after", "1").body(whole("")).unwrap()),
                Mood::Cuts => cut(),
            }
        }
        .boxed()
    }
}
