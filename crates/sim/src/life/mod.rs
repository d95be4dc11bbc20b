//! A day of one region: jobs that come, change and go, nodes that are lost, drained and return, tasks that fail, all in invented time.
//!
//! The real scheduler, broker, deployment watcher and state do what a leader would have them do; there is neither a log that is slow nor a
//! network. [`run`] plays one seed, and what must hold is looked at on the way ([`invariants`]) and, once more strictly, in the evening, when
//! nobody changes anything any more and everything has come to rest.

mod dice;
mod invariants;
mod nodes;
mod people;
mod region;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use self::dice::Dice;
use self::region::Region;

/// How much happens.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub n_nodes: usize,
    /// Hours until nobody changes anything any more.
    pub hours: i64,
    /// Seconds between two things that people do, on average.
    pub person_acts_every: i64,
    /// Seconds between two faults of nodes, on average.
    pub node_fails_every: i64,
}

impl Scale {
    /// What the campaign plays.
    pub const DAY: Self = Self { n_nodes: 200, hours: 24, person_acts_every: 90, node_fails_every: 240 };
    /// A part of it.
    pub const MORNING: Self = Self { n_nodes: 24, hours: 2, person_acts_every: 60, node_fails_every: 200 };
}

/// What came of a seed.
#[derive(Clone, Debug)]
pub struct Run {
    pub seed: u64,
    /// How often what happened.
    pub told: BTreeMap<&'static str, u64>,
    pub violation: Option<String>,
}

/// Plays a seed. With `tells`, every step is printed.
pub fn run(seed: u64, scale: Scale, tells: bool) -> Run {
    let mut region = Region::new(Dice::new(seed), scale, tells);
    let played = catch_unwind(AssertUnwindSafe(|| region.live()));
    let violation = match played {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(violation),
        Err(panic) => Some(panic_text(&*panic)),
    };
    let violation = violation.map(|text| format!("{} into the day: {text}", model::format_duration(region.since_morning())));
    Run { seed, told: region.told().clone(), violation }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without words"))
}
