//! Closed sets of words. In JSON each is its word; in bincode its position, so new ones are only ever appended.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them, in declared order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of the interface.
            pub fn as_str(&self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, crate::UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(crate::UnknownWord { given: text.to_owned(), known: &[$($word),+] }),
                }
            }
        }

        impl crate::json::IsEmpty for $name {
            fn is_empty_value(&self) -> bool {
                self.as_str().is_empty()
            }
        }
    };
}

/// A word that is not in the set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown word {given:?}; known are: {}", known.join(", "))]
pub struct UnknownWord {
    pub given: String,
    pub known: &'static [&'static str],
}

words!(/// What kind of work a job is.
    JobType { #[default] Service = "service", Batch = "batch", System = "system", Sysbatch = "sysbatch" });
words!(/// Whether the cores of a task shall be of one NUMA node of the machine.
    NumaAffinity { #[default] None = "none", Prefer = "prefer", Require = "require" });
words!(/// What a job as a whole is doing.
    JobStatus { #[default] Pending = "pending", Running = "running", Dead = "dead" });
words!(/// What the region wants of an allocation.
    DesiredStatus { #[default] Run = "run", Stop = "stop", Evict = "evict" });
words!(/// What the node says of an allocation.
    ClientStatus { #[default] Pending = "pending", Running = "running", Complete = "complete", Failed = "failed", Lost = "lost", Unknown = "unknown" });
words!(/// What the node says of a task.
    TaskPhase { #[default] Pending = "pending", Running = "running", Dead = "dead" });
words!(/// Where an evaluation stands.
    EvalStatus { #[default] Pending = "pending", Blocked = "blocked", Complete = "complete", Failed = "failed", Canceled = "canceled" });
words!(/// Why an evaluation was made.
EvalTrigger {
    #[default] JobRegister = "job-register", JobDeregister = "job-deregister", PeriodicJob = "periodic-job", NodeDrain = "node-drain",
    NodeUpdate = "node-update", AllocStop = "alloc-stop", Scheduled = "scheduled", RollingUpdate = "rolling-update",
    DeploymentWatcher = "deployment-watcher", FailedFollowUp = "failed-follow-up", MaxPlanAttempts = "max-plan-attempts",
    AllocFailure = "alloc-failure", QueuedAllocs = "queued-allocs", Preemption = "preemption", JobScaling = "job-scaling",
    MaxDisconnectTimeout = "max-disconnect-timeout", Reconnect = "reconnect", AllocReschedule = "alloc-reschedule",
});
words!(/// Where a deployment stands.
DeploymentStatus {
    #[default] Running = "running", Paused = "paused", Failed = "failed", Successful = "successful", Cancelled = "cancelled",
    Initializing = "initializing", Pending = "pending", Blocked = "blocked", Unblocking = "unblocking",
});
words!(/// Whether a node answers.
    NodeStatus { #[default] Initializing = "initializing", Ready = "ready", Down = "down", Disconnected = "disconnected" });
words!(/// Whether a node takes new work.
    Eligibility { #[default] Eligible = "eligible", Ineligible = "ineligible" });
words!(/// What happens when a task used up its restart attempts.
    RestartMode { #[default] Fail = "fail", Delay = "delay" });
words!(/// How the delay between reschedules grows.
    DelayFunction { #[default] Constant = "constant", Exponential = "exponential", Fibonacci = "fibonacci" });
words!(/// What makes an allocation healthy.
    HealthCheck { #[default] Unset = "", Checks = "checks", TaskStates = "task_states", Manual = "manual" });
words!(/// What the other regions do when one fails.
    OnFailure { #[default] FailRemaining = "", FailAll = "fail_all", FailLocal = "fail_local" });
words!(/// What happens to a submission when a region cannot be asked.
Unreachable {
    /// It is refused.
    #[default] Reject = "reject",
    /// The region adopts it when it returns.
    Defer = "defer",
});
words!(/// When a task runs, relative to the main tasks.
    LifecycleHook { #[default] Unset = "", Prestart = "prestart", Poststart = "poststart", Poststop = "poststop" });
words!(/// Whether a dispatch brings a payload.
    PayloadRule { #[default] Optional = "optional", Required = "required", Forbidden = "forbidden" });
words!(/// What a scaling policy moves.
    ScalingType { #[default] Horizontal = "horizontal", VerticalCpu = "vertical_cpu", VerticalMem = "vertical_mem" });
words!(/// Which allocation goes on when a node returns after its work was placed elsewhere.
ReconnectChoice {
    #[default] BestScore = "best_score", KeepOriginal = "keep_original", KeepReplacement = "keep_replacement",
    LongestRunning = "longest_running",
});
words!(/// How nodes with room are ranked. Unset: as the region says.
    SchedulerAlgorithm { #[default] Unset = "", Binpack = "binpack", Spread = "spread" });
words!(/// Where a drain stands.
    DrainStatus { #[default] Unset = "", Draining = "draining", Complete = "complete", Canceled = "canceled" });
words!(/// Whether a rollout runs a job or stops it.
    RolloutKind { #[default] Run = "run", Stop = "stop" });
words!(/// Where a rollout stands in one region.
Phase {
    /// Staged, and voted for.
    #[default] Voted = "voted",
    /// Refused to stage it.
    Rejected = "rejected",
    /// Staged here, but the origin withdrew it.
    Withdrawn = "withdrawn",
    /// Committed; waits for its turn.
    Adopted = "adopted",
    Running = "running",
    Paused = "paused",
    /// Done here, waits for the others.
    Blocked = "blocked",
    /// Done here while another region failed: a person decides.
    Held = "held",
    /// Voted to finish; no longer fails by itself.
    Unblocking = "unblocking",
    Successful = "successful",
    Failed = "failed",
    Cancelled = "cancelled",
    /// The region is no longer in the job's list; the job was stopped here.
    Dropped = "dropped",
    /// A rollout of kind stop took effect here.
    Stopped = "stopped",
});

impl DeploymentStatus {
    /// Neither successful, failed nor cancelled.
    pub fn is_active(&self) -> bool {
        !matches!(self, Self::Failed | Self::Successful | Self::Cancelled)
    }
}

impl ClientStatus {
    /// The tasks of the allocation will not run again.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Lost)
    }
}

impl Phase {
    /// Never changes any more.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Rejected | Self::Withdrawn | Self::Successful | Self::Failed | Self::Cancelled | Self::Dropped | Self::Stopped)
    }

    /// The region has taken the rollout as the head of its job.
    pub fn is_adopted(&self) -> bool {
        !matches!(self, Self::Voted | Self::Rejected | Self::Withdrawn)
    }

    /// The region no longer uses a slot of `max_parallel`.
    pub fn is_done(&self) -> bool {
        !matches!(self, Self::Voted | Self::Rejected | Self::Withdrawn | Self::Adopted | Self::Running | Self::Paused)
    }
}
