use model::{DeploymentStatus, JobSubmission, Phase, RegionName, RolloutHeader, RolloutKind};
use state::{Adoption, Command, DeploymentChange, DeploymentUpdate, Outcome, RegisterJob};
use testkit::World;

use crate::kit::*;

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(text) => text,
        other => panic!("not refused: {other:?}"),
    }
}

fn unstage(world: &mut World, header: &RolloutHeader, phase: Phase) -> Outcome {
    let cause_region = header.id.origin.clone();
    let command = Command::UnstageRollout { id: header.id.clone(), phase, cause: "gone".to_owned(), cause_region, time: world.now };
    world.try_apply(&command).outcome
}

/// A vote changes nothing but that the region has voted; it is cast once, and shows the largest number seen.
#[test]
fn voting() {
    let mut world = World::new();
    let proposal = header(7, "east", 0);
    stage(&mut world, &proposal);
    stage(&mut world, &proposal);
    assert_eq!(rollout(&world, &proposal).phase, Phase::Voted);
    assert_eq!(world.store.identity().lamport, 7);
    assert!(world.store.job(&world.key("web")).is_none() && world.store.rollout_head(&world.key("web")).is_none());
    assert_eq!(world.store.rollout_staged(&world.key("web")).map(|staged| staged.header.id.clone()), Some(proposal.id));
}

/// Each row: what keeps the region from voting.
#[test]
fn refusals_to_vote() {
    let base = header(5, "east", 4);
    let mut world = World::new();
    adopt(&mut world, &base);
    let next = RolloutHeader { base: Some(base.id.clone()), ..header(9, "east", 5) };
    for (what, header) in [
        ("no part of rollout", RolloutHeader { regions: vec!["east".into(), "north".into()], ..next.clone() }),
        ("has got version 4 here meanwhile", RolloutHeader { job_version: 4, ..next.clone() }),
    ] {
        let text = refused(try_stage(&mut world, &header));
        assert!(text.contains(what), "{what}: {text}");
    }
    // Another rollout came first, which is named.
    for earlier in [None, Some(header(4, "east", 0).id)] {
        let late = RolloutHeader { base: earlier, ..next.clone() };
        assert_eq!(try_stage(&mut world, &late), Outcome::MovedOn { winner: base.id.clone() });
    }
    let bare = Command::StageRollout { header: next.clone().into(), source: None, submission: None, time: 0 };
    assert!(refused(world.try_apply(&bare).outcome).contains("without its specification"));
    stage(&mut world, &next);
}

/// While one proposal is undecided another is told to wait; but the own one gives way to an older one, so that exactly one wins.
#[test]
fn two_at_once() {
    let mut world = World::new();
    let foreign = header(5, "east", 0);
    stage(&mut world, &foreign);
    for lamport in [4, 6] {
        assert_eq!(try_stage(&mut world, &header(lamport, "north", 0)), Outcome::Busy { winner: foreign.id.clone() });
    }
    assert_eq!(unstage(&mut world, &foreign, Phase::Withdrawn), Outcome::Done);

    let own = header(5, "west", 0);
    stage(&mut world, &own);
    assert_eq!(try_stage(&mut world, &header(6, "east", 0)), Outcome::Busy { winner: own.id.clone() }, "younger");
    let older = header(4, "east", 0);
    stage(&mut world, &older);
    let gone = rollout(&world, &own);
    assert_eq!((gone.phase, gone.cause_region.as_str()), (Phase::Withdrawn, "east"));
    assert!(gone.cause.contains("came first"));
    assert!(refused(try_adopt(&mut world, &own)).contains("already withdrawn"), "the decision comes too late");
    // What the region would refuse anyway does not push its own proposal away.
    let mut world = World::new();
    stage(&mut world, &own);
    let _ = refused(try_stage(&mut world, &RolloutHeader { regions: vec!["east".into()], ..header(3, "east", 0) }));
    assert_eq!(rollout(&world, &own).phase, Phase::Voted);
}

/// A stop was told to whoever asked for it: no proposal pushes it away before it is adopted, however old.
#[test]
fn a_stop_is_not_pushed_away() {
    let mut world = World::new();
    let base = header(1, "west", 0);
    adopt(&mut world, &base);
    let next = |lamport, origin| RolloutHeader { base: Some(base.id.clone()), ..header(lamport, origin, 1) };
    let stop = RolloutHeader { kind: RolloutKind::Stop, ..next(9, "west") };
    stage(&mut world, &stop);
    for older in [next(8, "west"), next(8, "east")] {
        assert_eq!(try_stage(&mut world, &older), Outcome::Busy { winner: stop.id.clone() });
    }
    assert_eq!(rollout(&world, &stop).phase, Phase::Voted);
}

/// A withdrawn proposal does not come back, and its version and what was submitted with it are free again.
#[test]
fn withdrawing() {
    let mut world = World::new();
    let proposal = header(1, "east", 0);
    let submission = JobSubmission { source: "text".to_owned(), ..JobSubmission::default() };
    let command = Command::StageRollout { header: proposal.clone().into(), source: Some(spec("a")), submission: Some(submission), time: 0 };
    world.apply(&command);
    let key = world.key("web");
    assert!(world.store.job_submission(&key, 0).is_some());
    assert_eq!(world.store.newest_version(&key), Some(0), "promised");
    assert!(refused(unstage(&mut world, &proposal, Phase::Successful)).contains("cannot become"));
    assert_eq!(unstage(&mut world, &proposal, Phase::Withdrawn), Outcome::Done);
    assert!(world.store.job_submission(&key, 0).is_none());
    assert_eq!(world.store.newest_version(&key), None);
    assert!(refused(try_stage(&mut world, &proposal)).contains("withdrawn"), "a late packet");
    assert!(refused(unstage(&mut world, &proposal, Phase::Withdrawn)).contains("cannot be withdrawn"));
    stage(&mut world, &header(2, "east", 0));
}

/// Adoption stores the job in the rollout's version, with its deployment waiting, and ends what was before.
#[test]
fn adopting() {
    let mut world = World::new();
    let (first, second) = (header(1, "east", 3), header(2, "east", 8));
    let second = RolloutHeader { base: Some(first.id.clone()), ..second };
    adopt(&mut world, &first);
    let job = world.job("web");
    assert_eq!((job.version, job.job_modify_index), (3, world.store.index()));
    let deployment = world.latest_deployment("web").expect("a deployment");
    assert_eq!((deployment.job_version, deployment.status), (3, DeploymentStatus::Pending));
    assert_eq!((deployment.job_create_index, deployment.job_spec_modify_index), (job.create_index, job.job_modify_index));
    assert_eq!(rollout(&world, &first).deployment_id, deployment.id);
    assert_eq!(world.job("web").status, model::JobStatus::Pending, "waits for its turn");
    adopt(&mut world, &second);
    assert_eq!(rollout(&world, &first).phase, Phase::Cancelled);
    let old = world.store.deployment(deployment.id).cloned().expect("a deployment");
    assert_eq!((old.status, old.status_description.as_str()), (DeploymentStatus::Cancelled, "Cancelled due to newer version of job"));
    assert_eq!(world.job("web").version, 8);
    assert!(refused(try_adopt(&mut world, &second)).contains("already adopted"));
    assert_eq!(world.store.rollout_head(&world.key("web")).map(|head| head.header.id.clone()), Some(second.id));
}

/// A rollout of one job does not bring another.
#[test]
fn adopting_another_job() {
    let mut world = World::new();
    let proposal = header(1, "east", 0);
    stage(&mut world, &proposal);
    let adoption = Adoption { id: proposal.id.clone(), job: Some(testkit::job("other").arc()), deployment: None, eval: None, time: 0 };
    assert!(refused(world.try_apply(&Command::AdoptRollout(Box::new(adoption))).outcome).contains("of another job"));
}

/// The numbers of versions are never given twice: not while a rollout is about to bring one, not after a purge.
#[test]
fn versions_are_not_reused() {
    let mut world = World::new();
    let (first, second) = (header(1, "east", 0), RolloutHeader { base: Some(header(1, "east", 0).id), ..header(2, "east", 1) });
    adopt(&mut world, &first);
    stage(&mut world, &second);
    let eval = world.stop("web");
    finish(&mut world, eval.id);
    assert_eq!(world.job("web").version, 2, "1 is promised");
    assert!(matches!(try_adopt(&mut world, &second), Outcome::Registered { version: 1, .. }));
    assert_eq!(world.job("web").version, 1);
    assert_eq!(world.store.newest_version(&world.key("web")), Some(2));
    world.stop("web");
    assert_eq!(world.job("web").version, 3);
    let key = world.key("web");
    world.apply(&Command::DeregisterJob { key: key.clone(), purge: true, eval: None, time: 0 });
    assert_eq!(world.store.newest_version(&key), Some(3), "known beyond the job");
    let register = RegisterJob { job: testkit::job("web").arc(), submission: None, enforce_index: None, eval: None, time: 0 };
    world.apply(&Command::RegisterJob(Box::new(register)));
    assert_eq!(world.job("web").version, 4);
}

/// Which phase may follow which, by the region's own decision, because of a peer, and forced by a person. What is not in the table is refused.
#[test]
fn steps() {
    use Phase::{Adopted, Blocked, Cancelled, Dropped, Failed, Held, Paused, Running, Successful, Unblocking};
    // How to get there, and where it may go from there: own steps, those because of a peer beside them, those forced beside them.
    type Row = (&'static [Phase], &'static [Phase], &'static [Phase], &'static [Phase]);
    let table: [Row; 6] = [
        (&[], &[Running, Paused, Dropped, Failed, Cancelled], &[], &[]),
        (&[Running], &[Paused, Blocked, Failed, Cancelled], &[], &[]),
        (&[Running, Paused], &[Running, Failed, Cancelled], &[], &[]),
        (&[Running, Blocked], &[Unblocking, Held, Failed, Cancelled], &[], &[Successful]),
        (&[Running, Blocked, Held], &[Failed, Cancelled], &[], &[Successful]),
        (&[Running, Blocked, Unblocking], &[Held, Successful, Cancelled], &[Failed], &[Failed]),
    ];
    for (way, own, peer, forced) in table {
        for to in Phase::ALL {
            for (cause_region, is_forced, beside) in [("", false, &[][..]), ("east", false, peer), ("", true, forced)] {
                let mut world = World::new();
                let header = header(1, "east", 0);
                adopt(&mut world, &header);
                walk(&mut world, &header, way);
                let change =
                    state::PhaseChange { cause_region: RegionName::from(cause_region), forced: is_forced, ..change(&world, &header, *to) };
                let outcome = world.try_apply(&Command::SetRolloutPhase(Box::new(change))).outcome;
                let want = own.contains(to) || beside.contains(to);
                assert_eq!(outcome == Outcome::Done, want, "{way:?} -> {to}, cause {cause_region:?}, forced {is_forced}: {outcome:?}");
                let phase = rollout(&world, &header).phase;
                assert_eq!(phase, if want { *to } else { way.last().copied().unwrap_or(Adopted) });
            }
        }
    }
}

/// A pause remembers where it came from, and returns there only.
#[test]
fn pausing() {
    let mut world = World::new();
    let header = header(1, "east", 0);
    adopt(&mut world, &header);
    walk(&mut world, &header, &[Phase::Paused]);
    assert_eq!(rollout(&world, &header).resume_to, Some(Phase::Adopted));
    let _ = refused(go(&mut world, &header, Phase::Running));
    walk(&mut world, &header, &[Phase::Adopted, Phase::Running, Phase::Paused, Phase::Running]);
    assert_eq!(rollout(&world, &header).resume_to, None);
}

/// A phase at its end does not change, and a change that was decided on another phase is refused.
#[test]
fn terminal_phases() {
    for end in [Phase::Failed, Phase::Cancelled] {
        let mut world = World::new();
        let header = header(1, "east", 0);
        adopt(&mut world, &header);
        let late = change(&world, &header, Phase::Running);
        walk(&mut world, &header, &[end]);
        assert!(refused(world.try_apply(&Command::SetRolloutPhase(Box::new(late))).outcome).contains(end.as_str()));
        for to in Phase::ALL {
            let _ = refused(go(&mut world, &header, *to));
        }
    }
}

/// A region says that it has completed only while it has: what was lost between decision and commit is made up for first.
#[test]
fn complete_when_it_says_so() {
    let mut world = World::with_nodes(&["n1"]);
    let header = header(1, "east", 0);
    adopt(&mut world, &header);
    walk(&mut world, &header, &[Phase::Running]);
    let mut wanted = (*world.latest_deployment("web").expect("a deployment")).clone();
    wanted.task_groups.entry("app".to_owned()).or_default().desired_total = 1;
    let deployment_id = put_deployment(&mut world, wanted);
    let deployed = model::Allocation { deployment_id, ..alloc(&mut world, 0) };
    let ids = place(&mut world, &[deployed]);
    world.report_health(&ids, true);
    let decided = change(&world, &header, Phase::Blocked);
    world.report(&ids, model::ClientStatus::Failed);
    let outcome = world.try_apply(&Command::SetRolloutPhase(Box::new(decided.clone()))).outcome;
    assert!(refused(outcome).contains("not complete here any more"));
    let next = model::Allocation { deployment_id, ..alloc(&mut world, 0) };
    let ids = place(&mut world, &[next]);
    world.report_health(&ids, true);
    assert_eq!(world.try_apply(&Command::SetRolloutPhase(Box::new(decided))).outcome, Outcome::Done);
}

/// A start that was decided before the region voted for a newer rollout comes too late; when that one is withdrawn, it starts after all.
#[test]
fn a_vote_comes_before_a_start() {
    let mut world = World::new();
    let old = header(1, "east", 0);
    adopt(&mut world, &old);
    let decided = Command::SetRolloutPhase(Box::new(change(&world, &old, Phase::Running)));
    let new = RolloutHeader { base: Some(old.id.clone()), ..header(2, "east", 1) };
    stage(&mut world, &new);
    assert!(refused(world.try_apply(&decided).outcome).contains("does not start any more"));
    assert_eq!(unstage(&mut world, &new, Phase::Withdrawn), Outcome::Done);
    assert_eq!(world.try_apply(&decided).outcome, Outcome::Done);
}

/// What the deployment shows in each phase.
#[test]
fn shown_status() {
    use DeploymentStatus::{Blocked, Failed, Pending, Running, Successful, Unblocking};
    let (run, block, vote) = (Phase::Running, Phase::Blocked, Phase::Unblocking);
    for (way, status, description) in [
        (&[][..], Pending, ""),
        (&[run], Running, "Deployment is running"),
        (&[run, Phase::Paused], DeploymentStatus::Paused, "Deployment is paused"),
        (&[run, block], Blocked, "Deployment is complete but waiting for peer region"),
        (&[run, block, Phase::Held], Blocked, "Deployment is complete but waiting for peer region"),
        (&[run, block, vote], Unblocking, "Deployment is unblocking remaining regions"),
        (&[run, block, vote, Phase::Successful], Successful, "Deployment completed successfully"),
        (&[Phase::Failed], Failed, "Deployment marked as failed"),
        (&[Phase::Cancelled], DeploymentStatus::Cancelled, "Cancelled due to newer version of job"),
    ] {
        let mut world = World::new();
        let header = header(1, "east", 0);
        adopt(&mut world, &header);
        walk(&mut world, &header, way);
        let deployment = world.latest_deployment("web").expect("a deployment");
        assert_eq!((deployment.status, deployment.status_description.as_str()), (status, description), "{way:?}");
        assert_eq!(world.job("web").stable, status == Successful);
        assert_eq!(world.store.active_deployments().count() == 1, status.is_active());
    }
}

/// The clock of progress starts when the region may run, not when it begins to wait.
#[test]
fn the_clock_starts_with_the_turn() {
    let mut world = World::new();
    let header = header(1, "east", 0);
    adopt(&mut world, &header);
    world.wait(3600);
    walk(&mut world, &header, &[Phase::Running]);
    let deployment = world.latest_deployment("web").expect("a deployment");
    assert_eq!(app(&world, deployment.id).require_progress_by, model::Time(world.now + MINUTE));
}

/// A deployment that ends here by itself takes its rollout with it, unless the rollout has promised not to fail any more.
#[test]
fn deployments_that_end_by_themselves() {
    for (way, status, phase) in [
        (&[Phase::Running][..], DeploymentStatus::Failed, Phase::Failed),
        (&[Phase::Running, Phase::Blocked], DeploymentStatus::Failed, Phase::Failed),
        (&[Phase::Running, Phase::Blocked, Phase::Unblocking], DeploymentStatus::Failed, Phase::Unblocking),
        (&[Phase::Running, Phase::Blocked, Phase::Unblocking], DeploymentStatus::Cancelled, Phase::Cancelled),
        (&[], DeploymentStatus::Cancelled, Phase::Cancelled),
    ] {
        let mut world = World::new();
        let header = header(1, "east", 0);
        adopt(&mut world, &header);
        walk(&mut world, &header, way);
        let deployment = world.latest_deployment("web").expect("a deployment");
        let update = DeploymentUpdate { id: deployment.id, status, description: "why".to_owned() };
        let change = DeploymentChange { update, from: deployment.status, revert_to: None, eval: None, time: 0 };
        let outcome = world.try_apply(&Command::SetDeploymentStatus(Box::new(change))).outcome;
        let rollout = rollout(&world, &header);
        assert_eq!(rollout.phase, phase, "{way:?} {status}: {outcome:?}");
        if phase.is_terminal() {
            assert_eq!(rollout.cause, "why");
        } else {
            let _ = refused(outcome);
        }
    }
}

/// A stop needs no barrier: it takes effect where it is adopted, once; a second one has nothing to do.
#[test]
fn stops() {
    let mut world = World::new();
    let run = header(1, "east", 0);
    adopt(&mut world, &run);
    walk(&mut world, &run, &[Phase::Running]);
    let stop = RolloutHeader { base: Some(run.id.clone()), kind: RolloutKind::Stop, ..header(2, "east", 0) };
    adopt(&mut world, &stop);
    assert_eq!((rollout(&world, &stop).phase, rollout(&world, &run).phase), (Phase::Stopped, Phase::Cancelled));
    assert!(world.job("web").stop);
    let deployment = world.latest_deployment("web").expect("a deployment");
    assert_eq!(deployment.status_description, "Cancelled because job is stopped");
    let other = RolloutHeader { base: Some(run.id.clone()), kind: RolloutKind::Stop, ..header(3, "north", 0) };
    assert_eq!(try_stage(&mut world, &other), Outcome::Done);
    assert!(world.store.rollout(&other.id).is_none(), "there is nothing left to stop");
}

/// A region that is left out stops the job when it drops out, and can do nothing else.
#[test]
fn dropping_out() {
    let mut world = World::new();
    let first = header(1, "east", 0);
    adopt(&mut world, &first);
    let second =
        RolloutHeader { base: Some(first.id.clone()), regions: vec!["east".into()], dropped: vec!["west".into()], ..header(2, "east", 1) };
    adopt(&mut world, &second);
    assert_eq!(world.job("web").version, 0, "nothing is brought here");
    for to in [Phase::Running, Phase::Failed, Phase::Paused] {
        let _ = refused(go(&mut world, &second, to));
    }
    let change = state::PhaseChange { stop_job: true, ..change(&world, &second, Phase::Dropped) };
    world.apply(&Command::SetRolloutPhase(Box::new(change)));
    assert!(world.job("web").stop);
    assert_eq!(rollout(&world, &second).phase, Phase::Dropped);
}

/// A rollout that fails returns to an earlier version in the same step; the rollout's version is not used again.
#[test]
fn failing_reverts() {
    let mut world = World::new();
    let (first, second) = (header(1, "east", 0), RolloutHeader { base: Some(header(1, "east", 0).id), ..header(2, "east", 1) });
    adopt(&mut world, &first);
    adopt(&mut world, &second);
    let change = state::PhaseChange { revert_to: Some(0), ..change(&world, &second, Phase::Failed) };
    world.apply(&Command::SetRolloutPhase(Box::new(change)));
    let job = world.job("web");
    assert_eq!(job.version, 2);
    assert!(job.same_specification(&spec(&first.spec_hash)));
}
