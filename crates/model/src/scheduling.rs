//! How a region schedules, as its operators set it.

use serde::{Deserialize, Serialize};

use crate::{NodePool, SchedulerAlgorithm};

/// How many nodes are looked at for one placement with spreads or affinities, where nobody says.
const NODE_LIMIT_DEFAULT: u64 = 100;

/// How the region schedules.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct SchedulerConfiguration {
    /// Binpack or spread.
    #[serde(rename = "SchedulerAlgorithm")]
    pub algorithm: SchedulerAlgorithm,
    #[serde(rename = "PreemptionConfig")]
    pub preemption: PreemptionConfig,
    /// Whether `memory_max` of tasks counts.
    #[serde(rename = "MemoryOversubscriptionEnabled")]
    pub memory_oversubscription: bool,
    /// New jobs, dispatches and scalings are refused.
    #[serde(rename = "RejectJobRegistration")]
    pub reject_job_registration: bool,
    /// Evaluations stay pending.
    #[serde(rename = "PauseEvalBroker")]
    pub pause_eval_broker: bool,
    /// 0: 100.
    #[serde(rename = "NodeLimitForFeasibilityChecks")]
    pub node_limit: u64,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
}

impl Default for SchedulerConfiguration {
    fn default() -> Self {
        Self {
            algorithm: SchedulerAlgorithm::Binpack,
            preemption: PreemptionConfig::default(),
            memory_oversubscription: false,
            reject_job_registration: false,
            pause_eval_broker: false,
            node_limit: 0,
            create_index: 0,
            modify_index: 0,
        }
    }
}

impl SchedulerConfiguration {
    pub fn node_limit(&self) -> u64 {
        if self.node_limit == 0 { NODE_LIMIT_DEFAULT } else { self.node_limit }
    }

    /// How nodes of the pool are ranked; never unset.
    pub fn algorithm_in(&self, pool: Option<&NodePool>) -> SchedulerAlgorithm {
        let of_pool = pool.and_then(|pool| pool.scheduler.as_ref()).map(|scheduler| scheduler.algorithm);
        let set = [of_pool, Some(self.algorithm)].into_iter().flatten().find(|algorithm| *algorithm != SchedulerAlgorithm::Unset);
        set.unwrap_or(SchedulerAlgorithm::Binpack)
    }

    /// Whether `memory_max` of tasks counts in the pool.
    pub fn oversubscribes_in(&self, pool: Option<&NodePool>) -> bool {
        let of_pool = pool.and_then(|pool| pool.scheduler.as_ref()).and_then(|scheduler| scheduler.memory_oversubscription);
        of_pool.unwrap_or(self.memory_oversubscription)
    }
}

/// Which jobs may push others aside.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PreemptionConfig {
    /// Default true.
    #[serde(rename = "SystemSchedulerEnabled")]
    pub system: bool,
    #[serde(rename = "SysBatchSchedulerEnabled")]
    pub sysbatch: bool,
    #[serde(rename = "BatchSchedulerEnabled")]
    pub batch: bool,
    #[serde(rename = "ServiceSchedulerEnabled")]
    pub service: bool,
}

impl Default for PreemptionConfig {
    fn default() -> Self {
        Self { system: true, sysbatch: false, batch: false, service: false }
    }
}
