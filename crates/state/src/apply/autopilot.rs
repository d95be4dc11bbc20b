//! How the region looks after its servers.

use std::sync::Arc;

use model::AutopilotConfig;

use super::Change;
use crate::command::Outcome;

/// The refusal of a change that was made for another version of the settings.
pub const AUTOPILOT_CHANGED: &str = "the autopilot configuration was changed meanwhile";

impl Change<'_> {
    /// `cas`: only if the present settings have this modify index.
    pub(super) fn set_autopilot(&mut self, config: &AutopilotConfig, cas: Option<u64>) -> Outcome {
        let present = self.store.autopilot.as_deref();
        if cas.is_some_and(|wanted| present.map_or(0, |present| present.modify_index) != wanted) {
            return Outcome::Refused(AUTOPILOT_CHANGED.to_owned());
        }
        let create_index = present.map_or(self.index, |present| present.create_index);
        self.store.autopilot = Some(Arc::new(AutopilotConfig { create_index, modify_index: self.index, ..config.clone() }));
        Outcome::Done
    }
}
