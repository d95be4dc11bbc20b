//! Is there an order in which one register could have said all that it said?
//!
//! Wing and Gong, "Testing and verifying concurrent objects" (1993), with the set of visited configurations of Lowe, "Testing for
//! linearizability" (2017): calls are put in an order one by one, each between its begin and its end, and an order that got stuck is taken
//! back. A call of which nobody knows whether it took effect has no end, and need not be in the order.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// What was asked of a register, and what came of it. Values are never written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// It had this value; none: it did not exist.
    Read(Option<u64>),
    Write(u64),
    /// It had the first value (none: it did not exist) and was given the second.
    Swap(Option<u64>, u64),
    /// It did not have this value.
    Refused(Option<u64>),
    /// It does not exist any longer, if it did.
    Delete,
}

/// Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub begin: u64,
    /// None: it may have taken effect at any time since, or not at all.
    pub end: Option<u64>,
    pub op: Op,
}

/// More configurations than this, and the search is given up.
const CONFIGURATIONS_MAX: usize = 3_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Linearizable,
    /// No order is possible; the longest one that was found has so many of the calls that have an end.
    Violated(usize),
    /// Too many orders to look at.
    Undecided,
}

fn step(state: Option<u64>, op: Op) -> Option<Option<u64>> {
    match op {
        Op::Read(value) => (state == value).then_some(state),
        Op::Write(value) => Some(Some(value)),
        Op::Swap(expected, value) => (state == expected).then_some(Some(value)),
        Op::Refused(expected) => (state != expected).then_some(state),
        Op::Delete => Some(None),
    }
}

/// Judges the calls on one register that does not exist at first.
pub fn judge(calls: &[Call]) -> Verdict {
    let mut moments: Vec<(u64, bool, usize)> = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        moments.push((call.begin, false, number));
        moments.extend(call.end.map(|end| (end, true, number)));
    }
    // Of what happens in the same moment, nothing is known of the order: begins first.
    moments.sort_unstable();
    Search::new(calls, &moments).run()
}

const NONE: usize = usize::MAX;

/// Moments in a list from which the calls that have their place are taken out.
struct Search<'a> {
    calls: &'a [Call],
    moments: &'a [(u64, bool, usize)],
    /// Neighbours of each moment; the last place is the list's head.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where each call begins and ends in the list.
    places: Vec<(usize, usize)>,
}

impl<'a> Search<'a> {
    fn new(calls: &'a [Call], moments: &'a [(u64, bool, usize)]) -> Search<'a> {
        let n = moments.len();
        let mut places = vec![(NONE, NONE); calls.len()];
        for (at, (_, is_end, number)) in moments.iter().enumerate() {
            let place = &mut places[*number];
            if *is_end { place.1 = at } else { place.0 = at }
        }
        let mut next: Vec<usize> = (1..=n).collect();
        next.push(0);
        if let Some(last) = n.checked_sub(1) {
            next[last] = n;
        }
        let mut previous: Vec<usize> = (0..n).map(|at| at.checked_sub(1).unwrap_or(n)).collect();
        previous.push(n.saturating_sub(1));
        if n == 0 {
            next[0] = 0;
        }
        Search { calls, moments, next, previous, places }
    }

    fn take_out(&mut self, at: usize) {
        if at != NONE {
            let (before, after) = (self.previous[at], self.next[at]);
            self.next[before] = after;
            self.previous[after] = before;
        }
    }

    fn put_back(&mut self, at: usize) {
        if at != NONE {
            let (before, after) = (self.previous[at], self.next[at]);
            self.next[before] = at;
            self.previous[after] = at;
        }
    }

    fn run(mut self) -> Verdict {
        let head = self.moments.len();
        let mut state = None;
        let mut placed = vec![0_u64; self.calls.len().div_ceil(64)];
        let mut order: Vec<(usize, Option<u64>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut open = self.calls.iter().filter(|call| call.end.is_some()).count();
        let n_ended = open;
        let mut longest = 0;
        let mut at = self.next[head];
        while open > 0 {
            let is_end = at == head || self.moments[at].1;
            if !is_end {
                let number = self.moments[at].2;
                let mut then = placed.clone();
                then[number / 64] |= 1 << (number % 64);
                if let Some(changed) = step(state, self.calls[number].op)
                    && seen.insert((then.clone(), changed))
                {
                    order.push((number, state));
                    (state, placed) = (changed, then);
                    open -= usize::from(self.calls[number].end.is_some());
                    longest = longest.max(n_ended - open);
                    let (begin, end) = self.places[number];
                    self.take_out(begin);
                    self.take_out(end);
                    at = self.next[head];
                    if seen.len() > CONFIGURATIONS_MAX {
                        return Verdict::Undecided;
                    }
                    continue;
                }
                at = self.next[at];
                continue;
            }
            // A call has ended that has no place yet.
            let Some((number, before)) = order.pop() else { return Verdict::Violated(longest) };
            state = before;
            placed[number / 64] &= !(1 << (number % 64));
            open += usize::from(self.calls[number].end.is_some());
            let (begin, end) = self.places[number];
            self.put_back(end);
            self.put_back(begin);
            at = self.next[begin];
        }
        Verdict::Linearizable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(begin: u64, end: u64, op: Op) -> Call {
        Call { begin, end: (end > 0).then_some(end), op }
    }

    #[test]
    fn histories() {
        // begin, end (0: nobody knows), what; whether there is an order
        use Op::*;
        let check = |calls: &[(u64, u64, Op)], expected: bool| {
            let calls: Vec<Call> = calls.iter().map(|(begin, end, op)| call(*begin, *end, *op)).collect();
            assert_eq!(judge(&calls) == Verdict::Linearizable, expected, "{calls:?}");
        };
        check(&[], true);
        check(&[(1, 2, Read(None))], true);
        check(&[(1, 2, Read(Some(1)))], false);
        // one after the other; a read that is too old; one that overlaps may see either
        check(&[(1, 2, Write(1)), (3, 4, Read(Some(1)))], true);
        check(&[(1, 2, Write(1)), (3, 4, Write(2)), (5, 6, Read(Some(1)))], false);
        check(&[(1, 9, Write(1)), (2, 3, Read(None)), (4, 5, Read(Some(1)))], true);
        check(&[(1, 9, Write(1)), (2, 3, Read(Some(1))), (4, 5, Read(None))], false);
        // nobody knows whether it was written: it may have been, late, or not; but it is not undone
        check(&[(1, 0, Write(1)), (2, 3, Read(None)), (4, 5, Read(Some(1)))], true);
        check(&[(1, 0, Write(1)), (2, 3, Read(None)), (4, 5, Read(None))], true);
        check(&[(1, 0, Write(1)), (2, 3, Read(Some(1))), (4, 5, Read(None))], false);
        // of two that swap the same value one wins
        check(&[(1, 2, Write(1)), (3, 9, Swap(Some(1), 2)), (4, 8, Swap(Some(1), 3))], false);
        check(&[(1, 2, Write(1)), (3, 9, Swap(Some(1), 2)), (4, 8, Refused(Some(1))), (10, 11, Read(Some(2)))], true);
        check(&[(1, 2, Write(1)), (3, 4, Refused(Some(1)))], false);
        check(&[(1, 2, Swap(None, 1)), (3, 4, Delete), (5, 6, Read(Some(1)))], false);
        check(&[(1, 2, Swap(None, 1)), (3, 4, Delete), (5, 6, Read(None)), (7, 8, Swap(None, 2))], true);
    }

    /// Many that overlap, of which a wrong one is found, and a right order as well.
    #[test]
    fn many_at_once() {
        let mut calls: Vec<Call> = (0..200).map(|n| call(n * 10, n * 10 + 25, Op::Write(n))).collect();
        calls.extend((0..195).map(|n| call(n * 10 + 28, n * 10 + 29, Op::Read(Some(n + 1)))));
        calls.extend((0..6).map(|n| call(n * 300, 0, Op::Write(1_000 + n))));
        assert_eq!(judge(&calls), Verdict::Linearizable);
        calls.push(call(1_000, 1_001, Op::Read(Some(3))));
        assert!(matches!(judge(&calls), Verdict::Violated(_)));
    }
}
