//! Deleting evaluations: for operators whose region has more of them than it can look at.

use model::EvalId;
use rpc::message::{Failure, WriteReply, WriteValue};
use state::{Command, Store};

use crate::core::Core;

/// While the broker runs, an evaluation may be looked at this very moment; so it has to be paused.
pub async fn delete(core: &Core, ids: Vec<EvalId>) -> Result<WriteReply, Failure> {
    deletable(&core.view(), &ids)?;
    let applied = core.execute(Command::DeleteEvals { ids }).await?;
    Ok(WriteReply { index: applied.index, value: WriteValue::Done })
}

fn deletable(view: &Store, ids: &[EvalId]) -> Result<(), Failure> {
    if !view.scheduler().pause_eval_broker {
        return Err(Failure::internal(
            "eval broker is enabled; eval broker must be paused to delete evals: steppe operator scheduler set-config -pause-eval-broker=true",
        ));
    }
    for id in ids {
        if view.eval(*id).is_none() {
            return Err(Failure::not_found(format!("evaluation {id}: eval not found")));
        }
        if let Some(alloc) = view.eval_allocs(*id).find(|alloc| !alloc.is_terminal()) {
            return Err(Failure::internal(format!("evaluation {id} cannot be deleted: its allocation {} is not terminal", alloc.id)));
        }
    }
    Ok(())
}
