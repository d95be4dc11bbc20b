//! How the region schedules.

use std::sync::Arc;

use model::SchedulerConfiguration;

use super::Change;
use crate::command::Outcome;
use crate::watch::{Table, Watch};

/// The refusal of a change that was made for another version of the settings.
pub const SCHEDULER_CHANGED: &str = "the scheduler configuration was changed meanwhile";

impl Change<'_> {
    /// `cas`: only if the present settings have this modify index.
    pub(super) fn set_scheduler(&mut self, config: &SchedulerConfiguration, cas: Option<u64>) -> Outcome {
        let present = self.store.scheduler.as_deref();
        if cas.is_some_and(|wanted| present.map_or(0, |present| present.modify_index) != wanted) {
            return Outcome::Refused(SCHEDULER_CHANGED.to_owned());
        }
        let create_index = present.map_or(self.index, |present| present.create_index);
        self.store.scheduler = Some(Arc::new(SchedulerConfiguration { create_index, modify_index: self.index, ..config.clone() }));
        self.touch(Watch::Table(Table::Scheduler));
        Outcome::Done
    }
}
