//! What must hold, a file each. Every invariant has a control: a flaw, and a world in which the checker must see what it leads to.

use super::Protocol;
use super::flaw::Flaw;
use super::scenario::{Budget, Scenario, Spec};
use super::world::World;

pub mod adopted_by_all;
pub mod barrier;
pub mod decided;
pub mod failures_spread_as_the_mode_says;
pub mod freshness;
pub mod one_running_rollout;
pub mod one_winner;
pub mod outcome;
pub mod repair;
pub mod restored_keeps_its_word;
pub mod slots;
pub mod staging_stops_starts;
pub mod stop_reaches_all;
pub mod success_is_shared;
pub mod terminal;
pub mod versions;

pub struct Invariant {
    pub name: &'static str,
    pub holds: fn(&Protocol, &World) -> bool,
    /// What breaks it, and where that shows.
    pub control: fn() -> (Flaw, Scenario),
}

pub const ALL: [&Invariant; 16] = [
    &freshness::INVARIANT,
    &slots::INVARIANT,
    &barrier::INVARIANT,
    &success_is_shared::INVARIANT,
    &failures_spread_as_the_mode_says::INVARIANT,
    &one_running_rollout::INVARIANT,
    &staging_stops_starts::INVARIANT,
    &one_winner::INVARIANT,
    &adopted_by_all::INVARIANT,
    &versions::INVARIANT,
    &terminal::INVARIANT,
    &repair::INVARIANT,
    &decided::INVARIANT,
    &outcome::INVARIANT,
    &stop_reaches_all::INVARIANT,
    &restored_keeps_its_word::INVARIANT,
];

/// A scenario of so many regions, the first of which submits.
fn one_of(n_regions: usize, on_failure: model::OnFailure, budget: Budget) -> Scenario {
    let regions: Vec<usize> = (0..n_regions).collect();
    Scenario::new(
        "control",
        n_regions,
        vec![Spec { content: "first", origin: 0, regions, on_failure, max_parallel: 1, auto_revert: false, defers: false }],
        budget,
    )
}

/// Two submissions at once, in two regions.
fn two_of_two(budget: Budget) -> Scenario {
    let mut scenario = one_of(2, model::OnFailure::FailAll, budget);
    let other = Spec { content: "second", origin: 1, ..scenario.specs[0].clone() };
    scenario.specs.push(other);
    scenario
}
