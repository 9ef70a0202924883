//! Kills servers under load, and then looks whether every promise was kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use livos_core::CrashPoint;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::chance::Chance;
use crate::checks;
use crate::client::Client;
use crate::ledger::Ledger;
use crate::loopback::Loopback;
use crate::model::Model;
use crate::options::Options;
use crate::options::StoreKind;
use crate::process::Launcher;
use crate::process::Process;
use crate::process::Started;
use crate::process::Trap;
use crate::redis::Redis;
use crate::report::Report;
use crate::schedules;
use crate::sink::Sink;
use crate::watcher::approve_rest;

/// How many points there are.
const POINTS: u64 = CrashPoint::ALL.len() as u64;
/// How many talk at the same time, each in a session of its own.
const CLIENTS: u64 = 24;
/// How long a server lives at most before it is killed anyway.
const TRAP_TIME: Duration = Duration::from_millis(2_500);
/// One in so many kills comes when no session is begun any more: what is done in the background waits for such
/// times.
const QUIET_PART: usize = 4;
/// Where servers die then: what looks through users' words passes these.
const QUIET_POINTS: [CrashPoint; 7] = [
    CrashPoint::FactsKept,
    CrashPoint::TurnStarted,
    CrashPoint::Answered,
    CrashPoint::ExtractionDue,
    CrashPoint::Finished,
    CrashPoint::ExtractionAdmitted,
    CrashPoint::Claimed,
];
/// Between two looks whether all is done.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long everything may take to come to its end once nobody kills any more: a reply that was refused six
/// times is sent again after a minute.
const DRAIN_TIME: Duration = Duration::from_secs(300);

/// The latest passage of a point to die at: those of agents and of memory come less often.
fn passages(point: CrashPoint) -> u64 {
    match point {
        CrashPoint::SubagentAdmitted
        | CrashPoint::SubagentEnded
        | CrashPoint::ResultArrived
        | CrashPoint::ExtractionDue
        | CrashPoint::ExtractionAdmitted
        | CrashPoint::FactsKept => 2,
        _ => 12,
    }
}

/// What the killed servers talk to, and what is known of them.
pub(crate) struct Campaign {
    options: Options,
    chance: Chance,
    first_point: usize,
    pub(crate) launcher: Launcher,
    pub(crate) ledger: Ledger,
    pub(crate) model: Arc<Model>,
    pub(crate) sink: Arc<Sink>,
    pub(crate) api: Api,
    whereabouts: watch::Sender<Option<String>>,
    sink_server: Loopback,
    _model_server: Loopback,
    folder: TempDir,
    watchers: TaskTracker,
    redis: Option<Redis>,
    kills: Kills,
}

/// How servers died.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    pub(crate) starts: usize,
    pub(crate) at_random: usize,
    /// How often Redis was killed while a server worked with it.
    pub(crate) of_redis: usize,
    pub(crate) at_points: BTreeMap<CrashPoint, usize>,
    /// Traps that nothing stepped into, so that the server was killed at random.
    pub(crate) missed: BTreeMap<CrashPoint, usize>,
}

impl Campaign {
    pub(crate) async fn prepare(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("livos-crash-").tempdir().unwrap();
        let model = Arc::new(Model::default());
        let sink = Arc::new(Sink::new(Chance::for_part(options.seed, u64::MAX)));
        let model_server = Loopback::start(Arc::clone(&model)).await;
        let sink_server = Loopback::start(Arc::clone(&sink)).await;
        let (whereabouts, found) = watch::channel(None);
        let redis = match options.store {
            StoreKind::Sqlite => None,
            StoreKind::Redis => Some(Redis::start(folder.path()).await),
        };
        let store = redis.as_ref().map_or_else(|| "sqlite:livos.db".to_owned(), Redis::url);
        let launcher = Launcher {
            folder: folder.path().to_owned(),
            store,
            model_url: model_server.url().to_owned(),
        };
        Self {
            options,
            chance: Chance::new(options.seed),
            first_point: usize::try_from(options.seed % POINTS).unwrap(),
            launcher,
            ledger: Ledger::new(),
            model,
            sink,
            api: Api::new(found),
            whereabouts,
            sink_server,
            _model_server: model_server,
            folder,
            watchers: TaskTracker::new(),
            redis,
            kills: Kills::default(),
        }
    }

    /// Kills as often as it was told, and gives the report.
    pub(crate) async fn run(mut self) -> Report {
        let began = Instant::now();
        let (enough, over) = (CancellationToken::new(), CancellationToken::new());
        let mut clients = self.clients(&enough, &over);
        clients.spawn(schedules::make(self.api.clone(), self.ledger.clone()));
        for kill in 1..=self.options.kills {
            if self.is_quiet(kill) {
                enough.cancel();
            }
            if !self.kill_once(kill).await {
                break;
            }
        }
        enough.cancel();
        let server = self.start(None, "after the last kill".to_owned()).await;
        let mut journals = checks::Journals::new();
        let mut traces = checks::Traces::default();
        let (mut slots, mut found) = (0, checks::Found::default());
        if let Some(server) = server {
            schedules::pause(&self).await;
            self.drain(&mut clients).await;
            slots = schedules::check(&self).await;
            traces = checks::Traces::read(&self.launcher.traces());
            (journals, found) = checks::all(&self, &traces).await;
            server.kill().await;
        }
        over.cancel();
        clients.abort_all();
        let took = began.elapsed();
        let report = Report::of(&self, &self.kills, self.options, &journals, &traces, took);
        let report = report.with_slots(slots).with_found(found);
        if report.has_violations() {
            let kept = self.folder.keep();
            eprintln!("the files of this test are kept in {}", kept.display());
        }
        report
    }

    fn clients(&self, enough: &CancellationToken, over: &CancellationToken) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for number in 1..=CLIENTS {
            let client = Client {
                number,
                chance: Chance::for_part(self.options.seed, number),
                api: self.api.clone(),
                ledger: self.ledger.clone(),
                sink_url: self.sink_server.url().to_owned(),
                enough: enough.clone(),
                watchers: self.watchers.clone(),
                over: over.clone(),
            };
            clients.spawn(client.run());
        }
        clients
    }

    fn is_quiet(&self, kill: usize) -> bool {
        kill > self.options.kills - self.options.kills / QUIET_PART
    }

    /// Starts a server and kills it: every second time in a trap, else at any time.
    async fn kill_once(&mut self, kill: usize) -> bool {
        let trap = (kill % 2 == 1).then(|| {
            // Where it begins is up to the seed, so that short campaigns come to every point together.
            let points: &[CrashPoint] =
                if self.is_quiet(kill) { &QUIET_POINTS } else { &CrashPoint::ALL };
            let point = points[(kill / 2 + self.first_point) % points.len()];
            Trap { point, passage: self.chance.between(1, passages(point)) }
        });
        let way = match trap {
            Some(trap) => format!("{} for the {}. time", trap.point.name(), trap.passage),
            None => "a random moment".to_owned(),
        };
        let starts = self.kills.starts;
        let Some(mut server) = self.start(trap, format!("kill {kill}, at {way}")).await else {
            // A trap may be stepped into before the server says where it is.
            return self.kills.starts > starts;
        };
        self.kill_redis(kill).await;
        let died = match trap {
            Some(_) => server.dies_within(TRAP_TIME).await,
            None => {
                let life = Duration::from_millis(self.chance.between(20, 900));
                server.dies_within(life).await
            }
        };
        match (died, trap) {
            (Ok(true), Some(trap)) => *self.kills.at_points.entry(trap.point).or_default() += 1,
            (Ok(_), _) => {
                server.kill().await;
                self.kills.at_random += 1;
                if let Some(trap) = trap {
                    *self.kills.missed.entry(trap.point).or_default() += 1;
                }
            }
            (Err(ended), _) => {
                self.ledger.violated(None, format!("{ended}\n{}", self.launcher.last_words()));
            }
        }
        self.whereabouts.send_replace(None);
        true
    }

    /// Kills Redis, if there is one, under every third server.
    async fn kill_redis(&mut self, kill: usize) {
        let (before, dead) = (self.chance.between(50, 400), self.chance.between(5, 500));
        if let Some(redis) = self.redis.as_mut().filter(|_| kill.is_multiple_of(3)) {
            tokio::time::sleep(Duration::from_millis(before)).await;
            redis.die_for(Duration::from_millis(dead)).await;
            self.kills.of_redis += 1;
        }
    }

    async fn start(&mut self, trap: Option<Trap>, during: String) -> Option<Process> {
        self.ledger.now(during);
        match self.launcher.start(trap).await {
            Started::Serves(server) => {
                self.kills.starts += 1;
                self.whereabouts.send_replace(Some(server.url().to_owned()));
                Some(*server)
            }
            Started::Trapped => {
                self.kills.starts += 1;
                if let Some(trap) = trap {
                    *self.kills.at_points.entry(trap.point).or_default() += 1;
                }
                None
            }
            Started::Failed(why) => {
                self.ledger.violated(None, format!("{why}\n{}", self.launcher.last_words()));
                None
            }
        }
    }

    /// Waits until everything said is answered and every reply has arrived.
    async fn drain(&self, clients: &mut JoinSet<()>) {
        self.sink.calm_down();
        let drained = async {
            while clients.join_next().await.is_some() {}
            while !self.ledger.unanswered().is_empty() || !checks::owed(self).is_empty() {
                // What the result of an agent began is asked when nobody follows its session any more.
                approve_rest(&self.api).await;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            // A reply that arrived before its worker died is sent again when the lease is over; and one that
            // is the result of an agent may begin a run.
            while checks::is_something_left(self).await {
                approve_rest(&self.api).await;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(DRAIN_TIME, drained).await.is_err() {
            self.ledger.violated(None, format!("not all came to its end within {DRAIN_TIME:?}"));
            for session in self.ledger.unanswered() {
                self.ledger.violated(Some(&session), "an acknowledged message was never answered");
            }
        }
    }
}
