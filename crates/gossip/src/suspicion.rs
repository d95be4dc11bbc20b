//! Who suspects whom, and for how long a suspect may defend itself.
//!
//! Suspicion with confirmations, after the paper named in `health`. A lone accuser may itself be the one that is slow, so its suspect has long
//! to answer. The more servers accuse the same member independently, from probes of their own, the sooner it is taken for dead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Uuid;
use serde::{Deserialize, Serialize};

use crate::identity::ServerIdentity;

/// A suspect defends itself within seconds or not at all.
const KEEP: Duration = Duration::from_secs(300);

/// "I probed this member and got no answer."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accusation {
    pub(crate) accuser: Uuid,
    pub(crate) suspect: Uuid,
    /// Of the suspect's life that is in question. It answers with a higher incarnation.
    pub(crate) generation: u64,
    pub(crate) incarnation: u16,
}

impl Accusation {
    pub(crate) fn life(&self) -> (u64, u16) {
        (self.generation, self.incarnation)
    }
}

/// How long a suspect has to defend itself, from when it was suspected first. Falls from `longest` to `shortest` with the logarithm of the
/// confirmations, and with `enough` of them has reached it: the first says most.
pub(crate) fn time_to_answer(shortest: Duration, longest: Duration, confirmations: usize, enough: usize) -> Duration {
    if confirmations >= enough {
        return shortest;
    }
    let fallen = ((confirmations + 1) as f64).ln() / ((enough + 1) as f64).ln();
    longest.saturating_sub(longest.saturating_sub(shortest).mul_f64(fallen))
}

/// A suspicion of this server's own: one of its probes failed.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    pub(crate) suspect: ServerIdentity,
    pub(crate) incarnation: u16,
    pub(crate) since: Duration,
    /// Ends it in foca: the suspect is down, unless it has answered.
    pub(crate) timer: foca::Timer<ServerIdentity>,
}

struct Case {
    life: (u64, u16),
    accusers: BTreeSet<Uuid>,
    since: Duration,
}

/// All accusations heard, the newest life of each suspect only.
#[derive(Default)]
pub(crate) struct Accusations {
    cases: BTreeMap<Uuid, Case>,
}

impl Accusations {
    /// `true` if it is news that others should hear: more than `enough` accusers change nothing.
    pub(crate) fn add(&mut self, accusation: &Accusation, enough: usize, now: Duration) -> bool {
        let life = accusation.life();
        let case = self.cases.entry(accusation.suspect).or_insert_with(|| Case { life, accusers: BTreeSet::new(), since: now });
        if case.life > life {
            return false;
        }
        if case.life < life {
            *case = Case { life, accusers: BTreeSet::new(), since: now };
        }
        case.accusers.len() <= enough && case.accusers.insert(accusation.accuser)
    }

    /// By others than `except`.
    pub(crate) fn confirmations(&self, suspect: Uuid, life: (u64, u16), except: Uuid) -> usize {
        self.case(suspect, life).map_or(0, |case| case.accusers.iter().filter(|accuser| **accuser != except).count())
    }

    /// One accusation of a member in this life, if there is any.
    pub(crate) fn against(&self, suspect: Uuid, life: (u64, u16)) -> Option<Accusation> {
        let accuser = *self.case(suspect, life)?.accusers.first()?;
        Some(Accusation { accuser, suspect, generation: life.0, incarnation: life.1 })
    }

    pub(crate) fn is_accused_by_others(&self, suspect: Uuid, generation: u64, own: Uuid) -> bool {
        self.cases.get(&suspect).is_some_and(|case| case.life.0 == generation && case.accusers.iter().any(|accuser| *accuser != own))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    fn case(&self, suspect: Uuid, life: (u64, u16)) -> Option<&Case> {
        self.cases.get(&suspect).filter(|case| case.life == life)
    }

    pub(crate) fn tidy(&mut self, now: Duration) {
        self.cases.retain(|_, case| now.saturating_sub(case.since) < KEEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the longest time down to the shortest; the first confirmation takes away half when three are enough.
    #[test]
    fn time_falls_with_confirmations() {
        let check = |confirmations, enough, expected_ms| {
            let time = time_to_answer(Duration::from_secs(4), Duration::from_secs(24), confirmations, enough);
            assert_eq!(time.as_millis(), expected_ms, "{confirmations} of {enough}");
        };
        check(0, 3, 24_000);
        check(1, 3, 14_000);
        check(2, 3, 8_150);
        check(3, 3, 4_000);
        check(9, 3, 4_000);
        check(0, 1, 24_000);
        check(1, 1, 4_000);
        // Nobody else is there who could confirm.
        check(0, 0, 4_000);
        let same = time_to_answer(Duration::from_secs(4), Duration::from_secs(4), 0, 3);
        assert_eq!(same, Duration::from_secs(4));
    }

    /// Every accuser counts once, one's own word not at all, and what was said about an earlier life nothing.
    #[test]
    fn accusers_are_counted() {
        let id = Uuid::from_u128;
        let accusation = |accuser, incarnation| Accusation { accuser: id(accuser), suspect: id(100), generation: 7, incarnation };
        let mut accusations = Accusations::default();
        assert!(accusations.add(&accusation(1, 0), 3, Duration::ZERO));
        assert!(!accusations.add(&accusation(1, 0), 3, Duration::ZERO), "told twice");
        assert!(accusations.add(&accusation(2, 0), 3, Duration::ZERO));
        assert_eq!(accusations.confirmations(id(100), (7, 0), id(1)), 1);
        assert_eq!(accusations.confirmations(id(100), (7, 0), id(9)), 2);
        assert_eq!(accusations.confirmations(id(100), (7, 1), id(9)), 0, "not of this life");
        assert!(accusations.add(&accusation(3, 0), 3, Duration::ZERO));
        assert!(accusations.add(&accusation(4, 0), 3, Duration::ZERO));
        assert!(!accusations.add(&accusation(5, 0), 3, Duration::ZERO), "enough is enough");
        assert!(accusations.add(&accusation(1, 1), 3, Duration::ZERO), "a new life");
        assert!(!accusations.add(&accusation(2, 0), 3, Duration::ZERO), "of an earlier life");
        assert_eq!(accusations.confirmations(id(100), (7, 1), id(9)), 1);
        assert_eq!(accusations.against(id(100), (7, 1)), Some(accusation(1, 1)));
        assert_eq!(accusations.against(id(100), (7, 0)), None);
        accusations.tidy(KEEP);
        assert!(accusations.is_empty());
    }
}
