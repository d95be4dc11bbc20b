//! The queue of evaluations.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{EvalId, EvalStatus, Evaluation, JobKey, JobType};
use state::Store;

/// Highest priority first, then oldest.
type Order = (Reverse<i64>, u64, EvalId);

/// Pending evaluations of the region, derived from the state: tell it what changed with [`Broker::observe`], or everything with
/// [`Broker::sync`]; ask with [`Broker::next`].
///
/// Properties: at most one evaluation of a job is out at a time; an evaluation is offered only at or after its `wait_until`; of several of one
/// job the newest is offered, in the place of the first of them, and makes the others needless.
#[derive(Default)]
pub struct Broker {
    ready: BTreeSet<Order>,
    /// The same by job, in order of creation.
    ready_by_job: HashMap<JobKey, BTreeSet<(u64, EvalId)>>,
    /// By time; unix nanoseconds.
    delayed: BTreeSet<(i64, EvalId)>,
    known: HashMap<EvalId, Known>,
    out: HashMap<JobKey, JobType>,
    /// Of [`Broker::ready`], by type.
    n_ready: BTreeMap<JobType, usize>,
}

/// How many evaluations stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They can be looked at now, by type.
    pub ready: BTreeMap<JobType, usize>,
    /// They are being looked at, by type.
    pub out: BTreeMap<JobType, usize>,
    /// They wait for another one of their job that is out.
    pub pending: usize,
    /// They wait for their time.
    pub waiting: usize,
}

struct Known {
    key: JobKey,
    kind: JobType,
    order: Order,
    wait_until: i64,
    out: bool,
}

impl Broker {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in every open evaluation of the view.
    pub fn sync(&mut self, view: &Store) {
        for eval in view.open_evals() {
            self.observe(eval);
        }
    }

    /// Takes in one evaluation as it is now.
    pub fn observe(&mut self, eval: &Evaluation) {
        if eval.status != EvalStatus::Pending {
            self.forget(eval.id);
            return;
        }
        if self.known.contains_key(&eval.id) {
            return;
        }
        let order = (Reverse(eval.priority), eval.create_index, eval.id);
        let wait_until = eval.wait_until.0;
        self.known.insert(eval.id, Known { key: eval.job_key(), kind: eval.kind, order, wait_until, out: false });
        if wait_until > 0 {
            self.delayed.insert((wait_until, eval.id));
        } else {
            self.make_ready(eval.id);
        }
    }

    fn make_ready(&mut self, id: EvalId) {
        let Some(known) = self.known.get(&id) else { return };
        if self.ready.insert(known.order) {
            *self.n_ready.entry(known.kind).or_default() += 1;
        }
        self.ready_by_job.entry(known.key.clone()).or_default().insert((known.order.1, id));
    }

    fn make_unready(&mut self, id: EvalId) {
        let Some(known) = self.known.get(&id) else { return };
        if self.ready.remove(&known.order)
            && let Some(n) = self.n_ready.get_mut(&known.kind)
        {
            *n -= 1;
        }
        if let Some(of_job) = self.ready_by_job.get_mut(&known.key) {
            of_job.remove(&(known.order.1, id));
            if of_job.is_empty() {
                self.ready_by_job.remove(&known.key);
            }
        }
    }

    /// The evaluation is no longer pending, or gone.
    pub fn forget(&mut self, id: EvalId) {
        self.make_unready(id);
        let Some(known) = self.known.remove(&id) else { return };
        self.delayed.remove(&(known.wait_until, id));
        if known.out {
            self.out.remove(&known.key);
        }
    }

    /// The next evaluation to look at, and from now on out until [`Broker::done`] or [`Broker::retry`].
    pub fn next(&mut self, now: i64) -> Option<EvalId> {
        self.next_of(now, JobType::ALL)
    }

    /// The same among those of jobs of these types.
    pub fn next_of(&mut self, now: i64, kinds: &[JobType]) -> Option<EvalId> {
        while let Some(&(at, id)) = self.delayed.first() {
            if at > now {
                break;
            }
            self.delayed.pop_first();
            self.make_ready(id);
        }
        let key = self
            .ready
            .iter()
            .filter_map(|(_, _, id)| self.known.get(id))
            .filter(|known| kinds.contains(&known.kind))
            .map(|known| &known.key)
            .find(|key| !self.out.contains_key(key))?;
        let newest = self.ready_by_job.get(key)?.last().map(|(_, id)| *id)?;
        let kind = self.known.get(&newest)?.kind;
        self.out.insert(key.clone(), kind);
        self.make_unready(newest);
        self.known.get_mut(&newest)?.out = true;
        Some(newest)
    }

    /// When the next delayed evaluation is due, in unix nanoseconds.
    pub fn wake_at(&self) -> Option<i64> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// The evaluation was looked at and its outcome committed.
    pub fn done(&mut self, id: EvalId) {
        self.forget(id);
    }

    /// The evaluation could not be finished: offer it again at `at` (unix nanoseconds).
    pub fn retry(&mut self, id: EvalId, at: i64) {
        let Some(known) = self.known.get_mut(&id) else { return };
        if known.out {
            known.out = false;
            self.out.remove(&known.key);
        }
        self.delayed.remove(&(known.wait_until, id));
        known.wait_until = at;
        self.delayed.insert((at, id));
        self.make_unready(id);
    }

    /// Other ready evaluations of the job, all older than `id`, which looking at `id` makes needless.
    pub fn superseded_by(&self, id: EvalId) -> Vec<EvalId> {
        let of_job = self.known.get(&id).and_then(|known| self.ready_by_job.get(&known.key));
        of_job.into_iter().flatten().map(|(_, other)| *other).filter(|other| *other != id).collect()
    }

    pub fn n_ready(&self) -> usize {
        self.ready.len()
    }

    /// How many evaluations stand where; costs a look at each job that is out.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { ready: self.n_ready.clone(), waiting: self.delayed.len(), ..Counts::default() };
        for (key, kind) in &self.out {
            *counts.out.entry(*kind).or_default() += 1;
            let n_behind = self.ready_by_job.get(key).map_or(0, BTreeSet::len);
            counts.pending += n_behind;
            if let Some(n) = counts.ready.get_mut(kind) {
                *n = n.saturating_sub(n_behind);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Time, Uuid};

    fn eval(id: u128, job: &str, priority: i64, create_index: u64, wait_until: i64) -> Evaluation {
        Evaluation {
            id: Uuid::from_u128(id).into(),
            job_id: job.into(),
            priority,
            create_index,
            wait_until: Time(wait_until),
            ..Default::default()
        }
    }

    fn id(n: u128) -> EvalId {
        Uuid::from_u128(n).into()
    }

    /// Priority, then age; one of a job at a time; delayed ones not before their time.
    #[test]
    fn order() {
        let mut broker = Broker::new();
        for eval in [eval(1, "a", 50, 10, 0), eval(2, "b", 80, 20, 0), eval(3, "a", 50, 5, 0), eval(4, "c", 90, 1, 1_000)] {
            broker.observe(&eval);
        }
        assert_eq!(broker.next(0), Some(id(2)));
        assert_eq!(broker.next(0), Some(id(1)), "the newest of job a, in the place of the first");
        assert_eq!(broker.superseded_by(id(1)), [id(3)]);
        assert_eq!(broker.next(0), None, "the other evaluation of job a waits");
        assert_eq!(broker.wake_at(), Some(1_000));
        assert_eq!(broker.next(1_000), Some(id(4)));
        broker.done(id(1));
        assert_eq!(broker.next(1_000), Some(id(3)));
        broker.retry(id(3), 5_000);
        assert_eq!(broker.next(4_999), None);
        assert_eq!(broker.next(5_000), Some(id(3)));
    }

    /// Every evaluation is counted where it stands, whatever happens to it.
    #[test]
    fn counted() {
        let mut broker = Broker::new();
        let shown = |broker: &Broker| {
            let Counts { ready, out, pending, waiting } = broker.counts();
            let of = |by: BTreeMap<JobType, usize>| [JobType::Service, JobType::Batch].map(|kind| by.get(&kind).copied().unwrap_or(0));
            (of(ready), of(out), pending, waiting)
        };
        let batch = Evaluation { kind: JobType::Batch, ..eval(4, "d", 90, 4, 0) };
        for eval in [eval(1, "a", 50, 1, 0), eval(2, "a", 50, 2, 0), eval(3, "b", 40, 3, 0), batch, eval(5, "c", 50, 5, 1_000)] {
            broker.observe(&eval);
            broker.observe(&eval);
        }
        assert_eq!(shown(&broker), ([3, 1], [0, 0], 0, 1));
        assert_eq!((broker.next(0), broker.next(0)), (Some(id(4)), Some(id(2))));
        assert_eq!(shown(&broker), ([1, 0], [1, 1], 1, 1), "the older evaluation of job a waits for the newer");
        broker.retry(id(2), 500);
        assert_eq!(shown(&broker), ([2, 0], [0, 1], 0, 2));
        broker.done(id(4));
        broker.forget(id(1));
        broker.forget(id(1));
        assert_eq!(shown(&broker), ([1, 0], [0, 0], 0, 2));
        assert_eq!(broker.next(1_000), Some(id(2)));
        broker.done(id(2));
        assert_eq!(shown(&broker), ([2, 0], [0, 0], 0, 0));
    }

    /// An evaluation that is put back twice is offered once.
    #[test]
    fn put_back_twice() {
        let mut broker = Broker::new();
        broker.observe(&eval(1, "a", 50, 1, 0));
        assert_eq!(broker.next(0), Some(id(1)));
        broker.retry(id(1), 10);
        broker.retry(id(1), 20);
        assert_eq!(broker.next(15), None);
        assert_eq!(broker.next(20), Some(id(1)));
        assert_eq!(broker.n_ready(), 0);
        assert_eq!(broker.wake_at(), None);
        broker.done(id(1));
        assert_eq!(broker.next(100), None);
    }

    /// What is no longer pending is not offered.
    #[test]
    fn finished_elsewhere() {
        let mut broker = Broker::new();
        let mut one = eval(1, "a", 50, 1, 0);
        broker.observe(&one);
        one.status = EvalStatus::Canceled;
        broker.observe(&one);
        assert_eq!(broker.next(0), None);
    }
}
