//! Who is next.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::id::SessionId;
use crate::id::UserId;
use crate::origin::Origin;
use crate::store::Admission;
use crate::store::Claim;
use crate::store::ClaimRequest;
use crate::store::ClaimScope;
use crate::store::Claimed;
use crate::store::IdempotencyKey;
use crate::store::KEY_RETENTION;
use crate::store::Lane;
use crate::store::Lease;
use crate::store::LeaseToken;
use crate::store::MAX_WAITING;
use crate::store::NewRun;
use crate::store::PendingInput;
use crate::store::Priority;
use crate::store::QueueMode;
use crate::store::RenewRequest;
use crate::store::Renewal;
use crate::store::ReplyAddress;
use crate::store::StoreError;
use crate::store::lease::expiry;
use crate::store::lease::latest_expiry;

#[derive(Debug, Default)]
pub(super) struct Queue {
    runs: BTreeMap<RunId, Queued>,
    /// The runs of each session with work, in the order they are driven.
    sessions: HashMap<SessionId, Vec<RunId>>,
    keys: HashMap<IdempotencyKey, Known>,
    /// The keys by age.
    oldest_keys: VecDeque<(Timestamp, IdempotencyKey)>,
    turns: Turns,
    last_place: u64,
    last_token: u64,
}

/// How many users are remembered before those are forgotten who have nothing ahead.
const MAX_USERS: usize = 1024;

/// Whose turn it is: among equally urgent runs the users take turns (start-time fair queueing).
#[derive(Debug, Default)]
struct Turns {
    /// The turn that was taken last.
    taken: HashMap<Priority, u64>,
    /// The last turn that each user has.
    last: HashMap<(Priority, UserId), u64>,
}

impl Turns {
    fn next(&mut self, priority: Priority, user: &UserId) -> u64 {
        let taken = self.taken.get(&priority).copied().unwrap_or_default();
        let last = self.last.entry((priority, user.clone())).or_default();
        *last = taken.max(*last) + 1;
        *last
    }

    fn take(&mut self, priority: Priority, turn: u64) {
        let taken = self.taken.entry(priority).or_default();
        *taken = turn.max(*taken);
        if self.last.len() > MAX_USERS {
            let taken = &self.taken;
            self.last
                .retain(|(priority, _), last| taken.get(priority).is_none_or(|at| *last > *at));
        }
    }
}

/// A run that has not ended.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) session_id: SessionId,
    /// Its place among all that were ever queued.
    place: u64,
    priority: Priority,
    /// Its turn among the equally urgent.
    turn: u64,
    lane: Option<Lane>,
    is_background: bool,
    parent: Option<RunId>,
    origin: Origin,
    pub(super) replies: Vec<ReplyAddress>,
    pub(super) inputs: Vec<NewRun>,
    attempts: u32,
    holder: Option<Holder>,
    cancel_requested: bool,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    token: LeaseToken,
    expires_at: Timestamp,
}

impl Holder {
    fn is_gone(self, now: Timestamp) -> bool {
        self.expires_at <= now || self.expires_at > latest_expiry(now)
    }
}

#[derive(Debug, Clone, Copy)]
struct Known {
    run_id: RunId,
    seq: u64,
}

impl Queue {
    pub(super) fn holds(&self, run_id: RunId) -> bool {
        self.runs.contains_key(&run_id)
    }

    pub(super) fn known(&self, run: &NewRun) -> Option<Admission> {
        let Known { run_id, seq } = *self.keys.get(run.key.as_ref()?)?;
        Some(Admission::Known { run_id, seq })
    }

    pub(super) fn remember(&mut self, run: &NewRun, became: RunId, seq: u64) {
        let Some(key) = &run.key else { return };
        while let Some((at, _)) = self.oldest_keys.front()
            && run.at.since(*at) > KEY_RETENTION
            && let Some((_, old)) = self.oldest_keys.pop_front()
        {
            self.keys.remove(&old);
        }
        self.keys.insert(key.clone(), Known { run_id: became, seq });
        self.oldest_keys.push_back((run.at, key.clone()));
    }

    pub(super) fn make_room(&self, session_id: SessionId) -> Result<(), StoreError> {
        let runs = self.sessions.get(&session_id).into_iter().flatten();
        let waiting: usize =
            runs.filter_map(|id| self.runs.get(id)).map(|run| 1 + run.inputs.len()).sum();
        if waiting >= MAX_WAITING {
            return Err(StoreError::Busy { session_id, limit: MAX_WAITING });
        }
        Ok(())
    }

    /// The run that a message joins: the one that was begun, or else the last that waits.
    pub(super) fn steered_by(&self, run: &NewRun) -> Option<RunId> {
        let waiting = self.sessions.get(&run.session_id)?;
        let joinable =
            |id: &&RunId| self.runs.get(id).is_some_and(|queued| !queued.cancel_requested);
        let begun = waiting.first().filter(|id| self.is_begun(**id));
        let target = begun.filter(joinable).or_else(|| waiting.iter().rfind(joinable))?;
        let may_join = self.runs.get(target).is_some_and(|queued| run.may_join(&queued.origin));
        may_join.then_some(*target)
    }

    pub(super) fn wait_for(&mut self, target: RunId, run: NewRun) {
        if let Some(queued) = self.runs.get_mut(&target) {
            queued.inputs.push(run);
        }
    }

    /// Asks the begun run of the session to stop, if the new one says so. Gives those that were told.
    pub(super) fn interrupt(&mut self, run: &NewRun) -> Vec<RunId> {
        let begun = self.sessions.get(&run.session_id).and_then(|runs| runs.first()).copied();
        match begun.filter(|_| run.mode == QueueMode::Interrupt) {
            Some(first) => self.mark_cancelled(first).unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Adds an admitted run with the inputs that wait for it already.
    pub(super) fn add(&mut self, run: NewRun, inputs: Vec<NewRun>) {
        for key in inputs.iter().chain([&run]).filter_map(|input| input.key.as_ref()) {
            if let Some(known) = self.keys.get_mut(key) {
                known.run_id = run.run_id;
            }
        }
        self.last_place += 1;
        let begun = self.sessions.get(&run.session_id).and_then(|runs| runs.first()).copied();
        let begun = begun.is_some_and(|id| self.is_begun(id));
        let waiting = self.sessions.entry(run.session_id).or_default();
        let index = match run.mode {
            QueueMode::Interrupt => usize::from(begun),
            QueueMode::Steer | QueueMode::Queue => waiting.len(),
        };
        waiting.insert(index, run.run_id);
        let queued = Queued {
            session_id: run.session_id,
            place: self.last_place,
            priority: run.priority,
            turn: self.turns.next(run.priority, &run.origin.user),
            lane: run.lane,
            is_background: run.trigger.is_background(),
            parent: run.parent_run_id,
            origin: run.origin,
            replies: run.reply_to.into_iter().chain(run.also_tell).collect(),
            inputs,
            attempts: 0,
            holder: None,
            cancel_requested: run
                .parent_run_id
                .and_then(|parent| self.runs.get(&parent))
                .is_some_and(|parent| parent.cancel_requested),
        };
        self.runs.insert(run.run_id, queued);
    }

    pub(super) fn remove(&mut self, run_id: RunId) -> Option<Queued> {
        let run = self.runs.remove(&run_id)?;
        if let Some(waiting) = self.sessions.get_mut(&run.session_id) {
            waiting.retain(|id| *id != run_id);
            if waiting.is_empty() {
                self.sessions.remove(&run.session_id);
            }
        }
        Some(run)
    }

    pub(super) fn forget(&mut self, session_id: SessionId) {
        for run_id in self.sessions.remove(&session_id).into_iter().flatten() {
            self.runs.remove(&run_id);
        }
    }

    /// Asks a begun run to stop, with every run that it asked for, and gives those that were told.
    /// None when nobody ever began it.
    pub(super) fn mark_cancelled(&mut self, run_id: RunId) -> Option<Vec<RunId>> {
        self.runs.get(&run_id).filter(|run| run.attempts > 0)?;
        let mut told = vec![run_id];
        let mut next = 0;
        while let Some(parent) = told.get(next).copied() {
            let children = self.runs.iter().filter(|(_, run)| run.parent == Some(parent));
            let new: Vec<RunId> =
                children.map(|(id, _)| *id).filter(|id| !told.contains(id)).collect();
            told.extend(new);
            next += 1;
        }
        for id in &told {
            if let Some(run) = self.runs.get_mut(id) {
                run.cancel_requested = true;
            }
        }
        Some(told)
    }

    fn is_begun(&self, run_id: RunId) -> bool {
        self.runs.get(&run_id).is_some_and(|run| run.attempts > 0)
    }

    pub(super) fn claim(&mut self, claim: &ClaimRequest) -> Claimed {
        let Some(run_id) = self.next_to_go(claim.now, claim.scope) else {
            let held = self.runs.values().filter_map(|run| run.holder);
            let look_again_at = held.map(|holder| holder.expires_at).min();
            let passed_over = self.next_to_go(claim.now, ClaimScope::All).is_some();
            return Claimed::Nothing { look_again_at, passed_over };
        };
        let Some(run) = self.runs.get_mut(&run_id) else {
            return Claimed::Nothing { look_again_at: None, passed_over: false };
        };
        self.last_token += 1;
        let token = LeaseToken(self.last_token);
        let expires_at = expiry(claim.now, claim.lease_for);
        if run.holder.is_none() {
            self.turns.take(run.priority, run.turn);
        }
        run.holder = Some(Holder { token, expires_at });
        run.attempts = run.attempts.saturating_add(1);
        let lease = Lease { run_id, token };
        Claimed::Run(Claim {
            lease,
            session_id: run.session_id,
            attempt: run.attempts,
            expires_at,
            cancel_requested: run.cancel_requested,
        })
    }

    /// The run to claim: one whose worker is gone, or else the first whose lane has room.
    fn next_to_go(&self, now: Timestamp, scope: ClaimScope) -> Option<RunId> {
        let mut going: HashMap<&str, usize> = HashMap::new();
        for run in self.runs.values().filter(|run| run.holder.is_some()) {
            if let Some(lane) = &run.lane {
                *going.entry(&lane.name).or_default() += 1;
            }
        }
        let has_room = |run: &Queued| {
            let lane = run.lane.as_ref();
            lane.is_none_or(|lane| lane.admits(going.get(&*lane.name).copied().unwrap_or_default()))
        };
        let may_go = |run: &Queued| match run.holder {
            Some(holder) => holder.is_gone(now),
            None => has_room(run) && (scope == ClaimScope::All || !run.is_background),
        };
        let heads = self.sessions.values().filter_map(|runs| runs.first());
        let heads = heads.filter_map(|id| Some((*id, self.runs.get(id)?)));
        heads
            .filter(|(_, run)| may_go(run))
            .min_by_key(|(_, run)| (run.holder.is_none(), run.priority, run.turn, run.place))
            .map(|(id, _)| id)
    }

    pub(super) fn renew(&mut self, renewal: RenewRequest) -> Result<Renewal, StoreError> {
        let expires_at = expiry(renewal.now, renewal.lease_for);
        let run = self.held(renewal.lease)?;
        run.holder = Some(Holder { token: renewal.lease.token, expires_at });
        Ok(Renewal {
            expires_at,
            cancel_requested: run.cancel_requested,
            pending_inputs: run.inputs.len(),
        })
    }

    pub(super) fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.held(lease)?.holder = None;
        Ok(())
    }

    pub(super) fn check(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.held(lease).map(|_| ())
    }

    fn held(&mut self, lease: Lease) -> Result<&mut Queued, StoreError> {
        self.runs
            .get_mut(&lease.run_id)
            .filter(|run| run.holder.is_some_and(|holder| holder.token == lease.token))
            .ok_or_else(|| StoreError::lease_lost("run", &lease.run_id))
    }

    pub(super) fn pending_inputs(&self, run_id: RunId) -> Vec<PendingInput> {
        let inputs = self.runs.get(&run_id).map_or(&[][..], |run| &run.inputs);
        inputs.iter().map(PendingInput::from).collect()
    }

    /// Hands inputs of a run over, all or none. Its reply is then owed to their senders too.
    pub(super) fn join(&mut self, run_id: RunId, joins: &[RunId]) -> Result<(), StoreError> {
        let Some(first) = joins.first() else { return Ok(()) };
        let missing = |id: &RunId| StoreError::not_found("pending input", &id);
        let run = self.runs.get_mut(&run_id).ok_or_else(|| missing(first))?;
        let waits = |id: &&RunId| !run.inputs.iter().any(|input| input.run_id == **id);
        if let Some(unknown) = joins.iter().find(waits) {
            return Err(missing(unknown));
        }
        let (joined, left) = std::mem::take(&mut run.inputs)
            .into_iter()
            .partition(|input| joins.contains(&input.run_id));
        run.inputs = left;
        let joined: Vec<NewRun> = joined;
        let told = |input: NewRun| input.reply_to.into_iter().chain(input.also_tell);
        for address in joined.into_iter().flat_map(told) {
            if !run.replies.contains(&address) {
                run.replies.push(address);
            }
        }
        Ok(())
    }
}
