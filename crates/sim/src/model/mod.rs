//! The protocol of rollouts, checked in every order of events.
//!
//! The regions are the real ones: `state` applies the commands that `multiregion`, `deployment` and `scheduler` propose. What the model adds is
//! everything that comes from outside: what is heard of other regions and when, leaders that lose their memory, tasks that turn out well or
//! badly, people. It goes through all orders of these events (breadth first, see [`check`]) and looks at every [`World`] that is reached with
//! the invariants in [`invariants`]. Each of them has a control: a protocol broken on purpose ([`Flaw`]), for which the checker must find the
//! world that shows it.
//!
//! What makes the number of worlds finite:
//! * a region's news reach another one by copying what the author says *now*, or what a third region knows; records that are lost, doubled,
//!   late or out of order come to the same, because the freshest copy wins;
//! * what happens inside a region between two commands (evaluations, placements) happens at once;
//! * [`Budget`] says how often the outside may do each harmful thing.

mod event;
mod flaw;
pub mod invariants;
mod people;
mod region;
mod restoring;
mod scenario;
mod world;

use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

pub use event::Event;
pub use flaw::Flaw;
pub use scenario::{Budget, Scenario, Spec, all, quick};
pub use world::World;

/// A scenario, and what is broken in it.
#[derive(Clone, Debug)]
pub struct Protocol {
    pub scenario: Scenario,
    /// `None`: the protocol as the servers run it.
    pub flaw: Option<Flaw>,
}

impl Model for Protocol {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.scenario, self.flaw)]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        event::possible(self, world, events);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        event::happen(self, &mut next, &event);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let all = invariants::ALL.iter().map(|invariant| Property::always(invariant.name, invariant.holds));
        all.chain([Property::sometimes(AT_REST, |_, world: &World| world.is_at_rest)]).collect()
    }
}

/// Some of the invariants speak of worlds at rest: a check in which there are none proves nothing.
const AT_REST: &str = "it comes to rest";

/// What a check found.
#[derive(Debug)]
pub struct Report {
    pub n_worlds: usize,
    pub depth: usize,
    pub took: Duration,
    pub comes_to_rest: bool,
    /// Names of the invariants that do not hold, with the events that lead there.
    pub violations: Vec<(&'static str, String)>,
}

/// Goes through all worlds of a scenario, or up to the first violation of an invariant; of the one that is `sought`, if one is.
pub fn check(protocol: Protocol, sought: Option<&'static str>, n_threads: usize) -> Report {
    let began = Instant::now();
    let until = sought.map_or(HasDiscoveries::AnyFailures, |name| HasDiscoveries::AnyOf([name].into()));
    let checker = protocol.checker().threads(n_threads).finish_when(until).spawn_bfs().join();
    let mut found = checker.discoveries();
    let comes_to_rest = found.remove(AT_REST).is_some();
    let violations = found.into_iter().map(|(name, path)| {
        let events: Vec<String> = path.into_actions().iter().map(|event| format!("{event:?}")).collect();
        (name, events.join("\n"))
    });
    Report {
        violations: violations.collect(),
        comes_to_rest,
        n_worlds: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
    }
}
