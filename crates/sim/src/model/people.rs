//! What people do to rollouts. What is not allowed is refused by the state's own guard; here only what the server would ask of it.

use std::sync::Arc;

use model::{EvalTrigger, Overrides, Phase, Rollout, RolloutKind};
use multiregion::submission;
use state::Command;

use super::event::Event;
use super::region::{NOW, Region};
use super::world::World;
use crate::region::by_person;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Pause,
    Resume,
    Unblock,
    Fail,
    StopEverywhere,
    StopHere,
    /// What is asserted of a region, by position.
    Release(usize),
    Exclude(usize),
    Abort,
}

pub fn possible(world: &World, at: usize, region: &Region, events: &mut Vec<Event>) {
    let Some(head) = region.store.rollout_head(&World::key()) else { return };
    let left = &world.left;
    let may = [
        (Deed::Pause, left.pauses > 0 && matches!(head.phase, Phase::Running | Phase::Adopted)),
        (Deed::Resume, head.phase == Phase::Paused),
        (Deed::Unblock, left.unblocks > 0 && matches!(head.phase, Phase::Blocked | Phase::Held)),
        (Deed::Fail, left.fails > 0 && !head.phase.is_terminal() && head.phase != Phase::Unblocking),
        (Deed::StopEverywhere, left.stops > 0 && region.store.rollout_staged(&World::key()).is_none()),
        (Deed::StopHere, left.local_stops > 0 && region.store.job(&World::key()).is_some_and(|job| !job.stop)),
    ];
    let may_assert = left.overrides > 0 && head.header.kind == RolloutKind::Run && !is_over(world, head);
    for about in (0..world.regions.len()).filter(|_| may_assert) {
        events.extend([Deed::Release(about), Deed::Exclude(about)].map(|does| Event::Person { at, does }));
    }
    if may_assert {
        events.push(Event::Person { at, does: Deed::Abort });
    }
    events.extend(may.into_iter().filter(|(_, may)| *may).map(|(does, _)| Event::Person { at, does }));
}

pub fn act(world: &mut World, at: usize, does: Deed) {
    let Some(head) = world.regions[at].store.rollout_head(&World::key()).cloned() else { return };
    match does {
        Deed::Pause => {
            world.left.pauses -= 1;
            set_phase(world, at, &head, Phase::Paused, false);
        }
        Deed::Resume => set_phase(world, at, &head, head.resume_to.unwrap_or(Phase::Adopted), false),
        Deed::Unblock => {
            world.left.unblocks -= 1;
            set_phase(world, at, &head, Phase::Successful, true);
        }
        Deed::Fail => {
            world.left.fails -= 1;
            set_phase(world, at, &head, Phase::Failed, false);
        }
        Deed::StopEverywhere => {
            world.left.stops -= 1;
            stop_everywhere(world, at, &head);
        }
        Deed::Release(about) => {
            let released = [world.regions[about].name.clone()].into();
            assert_about(world, at, &head, Overrides { released, ..Default::default() });
        }
        Deed::Exclude(about) => {
            let excluded = [world.regions[about].name.clone()].into();
            assert_about(world, at, &head, Overrides { excluded, ..Default::default() });
        }
        Deed::Abort => assert_about(world, at, &head, Overrides { aborted: true, ..Default::default() }),
        Deed::StopHere => {
            world.left.local_stops -= 1;
            stop_here(world, at);
        }
    }
}

/// Everywhere, so that there is nothing to assert.
fn is_over(world: &World, head: &Rollout) -> bool {
    world.everywhere(&head.header.id).into_iter().flatten().all(|rollout| rollout.phase.is_terminal())
}

fn assert_about(world: &mut World, at: usize, head: &Rollout, overrides: Overrides) {
    world.left.overrides -= 1;
    world.apply(at, &Command::OverrideRollout { id: head.header.id.clone(), overrides, time: NOW });
}

fn set_phase(world: &mut World, at: usize, head: &Rollout, to: Phase, forced: bool) {
    let region = &world.regions[at];
    let change = by_person(&region.store, head, to, forced, &mut region.ids(), NOW);
    world.apply(at, &Command::SetRolloutPhase(Box::new(change)));
}

/// Decided where it is asked for; the others learn of it.
fn stop_everywhere(world: &mut World, at: usize, head: &Rollout) {
    let uuid = model::Uuid::from_u128(0x5707 + u128::from(world.left.stops));
    let header = Arc::new(submission::stop(&world.regions[at].store, head, uuid, "", NOW));
    world.apply(at, &Command::StageRollout { header: Arc::clone(&header), source: None, submission: None, time: NOW });
    let region = &world.regions[at];
    if let Some(staged) = region.store.rollout(&header.id).filter(|rollout| rollout.phase == Phase::Voted) {
        let command = multiregion::adopt(&region.store, staged, &region.name, NOW, &mut region.ids());
        world.apply(at, &command);
    }
}

fn stop_here(world: &mut World, at: usize) {
    let region = &world.regions[at];
    let Some(job) = region.store.job(&World::key()) else { return };
    let open = region.store.rollouts().filter(|rollout| !rollout.phase.is_terminal());
    world.meddled.extend(open.map(|rollout| rollout.header.id.clone()));
    let eval = control::job_eval(job, EvalTrigger::JobDeregister, &mut region.ids());
    world.apply(at, &Command::DeregisterJob { key: World::key(), purge: false, eval: Some(Box::new(eval)), time: NOW });
}
