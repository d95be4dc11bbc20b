//! The queue of evaluations.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use model::{EvalId, EvalStatus, Evaluation, JobKey};
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
    out: HashSet<JobKey>,
}

struct Known {
    key: JobKey,
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
        self.known.insert(eval.id, Known { key: eval.job_key(), order, wait_until, out: false });
        if wait_until > 0 {
            self.delayed.insert((wait_until, eval.id));
        } else {
            self.make_ready(eval.id);
        }
    }

    fn make_ready(&mut self, id: EvalId) {
        let Some(known) = self.known.get(&id) else { return };
        self.ready.insert(known.order);
        self.ready_by_job.entry(known.key.clone()).or_default().insert((known.order.1, id));
    }

    fn make_unready(&mut self, id: EvalId) {
        let Some(known) = self.known.get(&id) else { return };
        self.ready.remove(&known.order);
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
        while let Some(&(at, id)) = self.delayed.first() {
            if at > now {
                break;
            }
            self.delayed.pop_first();
            self.make_ready(id);
        }
        let key =
            self.ready.iter().filter_map(|(_, _, id)| self.known.get(id)).map(|known| &known.key).find(|key| !self.out.contains(key))?;
        let newest = self.ready_by_job.get(key)?.last().map(|(_, id)| *id)?;
        self.out.insert(key.clone());
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
