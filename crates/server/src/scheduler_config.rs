//! How the region schedules, as a person set it or as its first leader was configured.

use model::{SchedulerAlgorithm, SchedulerConfiguration};
use rpc::message::{Failure, WriteReply, WriteValue};
use state::{Command, Outcome, Store};

use crate::core::Core;

/// Said to who wants to start work while the region takes none.
const REJECTED: &str = "Job registration, dispatch, and scale are disabled by the scheduler configuration";

/// `cas`: only if the present settings have this modify index.
pub async fn set(core: &Core, mut config: SchedulerConfiguration, cas: Option<u64>) -> Result<WriteReply, Failure> {
    if config.algorithm == SchedulerAlgorithm::Unset {
        config.algorithm = SchedulerAlgorithm::Binpack;
    }
    let applied = core.propose(Command::SetScheduler { config, cas }).await?;
    let is_changed = match &applied.outcome {
        Outcome::Refused(text) if text == state::SCHEDULER_CHANGED => false,
        Outcome::Refused(text) => return Err(crate::core::refusal(text)),
        _ => true,
    };
    if is_changed {
        // Another way of ranking may find room where there was none.
        core.signals.room_came_up();
    }
    Ok(WriteReply { index: applied.index, value: WriteValue::Changed(is_changed) })
}

/// Refuses new work while a person does not want any.
pub fn admits(view: &Store) -> Result<(), Failure> {
    if view.scheduler().reject_job_registration { Err(Failure::new(403, REJECTED)) } else { Ok(()) }
}

/// The command that gives a region its first settings; `None` when it has some, or the agents' configuration says nothing.
pub fn first(core: &Core) -> Option<Command> {
    let (config, present) = (&core.config.scheduler, core.view().scheduler().clone());
    let is_unset = present.create_index == 0;
    (is_unset && *config != present).then(|| Command::SetScheduler { config: config.clone(), cas: Some(0) })
}
