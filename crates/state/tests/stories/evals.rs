use model::{EvalStatus, EvalTrigger, Evaluation};
use state::Command;

use crate::kit::*;

/// Open evaluations are those that are pending or blocked; times and indexes of creation stay.
#[test]
fn open_and_done() {
    let mut world = world();
    let eval = world.new_eval("web", EvalTrigger::JobRegister);
    let created = world.store.index();
    for (status, is_open) in [
        (EvalStatus::Blocked, true),
        (EvalStatus::Pending, true),
        (EvalStatus::Complete, false),
        (EvalStatus::Failed, false),
        (EvalStatus::Canceled, false),
    ] {
        world.wait(1);
        world.apply(&Command::UpsertEvals { evals: vec![Evaluation { status, ..eval.clone() }], time: world.now });
        let kept = world.eval(eval.id);
        assert_eq!(world.store.open_evals().any(|open| open.id == eval.id), is_open, "{status}");
        assert_eq!((kept.create_index, kept.create_time, kept.modify_time), (created, eval.create_time, world.now));
        assert_eq!(kept.modify_index, world.store.index());
    }
    let of_job: Vec<_> = world.store.job_evals(&world.key("web")).map(|eval| eval.id).collect();
    assert!(of_job.contains(&eval.id));
}
