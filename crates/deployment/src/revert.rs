//! Where a failed deployment returns to.

use model::Deployment;
use state::Store;

/// What to do with the job of a failed deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Register this version again.
    pub version: Option<u64>,
    /// To be put behind the description of the deployment.
    pub suffix: String,
}

/// Where `deployment` returns to when it fails now. `wanted`: some group that failed has `auto_revert`.
pub fn revert(view: &Store, deployment: &Deployment, wanted: bool) -> Revert {
    if !wanted {
        return Revert { version: None, suffix: String::new() };
    }
    let key = deployment.job_key();
    let Some(stable) = view.latest_stable_job(&key, deployment.job_version) else {
        return Revert { version: None, suffix: " - no stable job version to auto revert to".to_owned() };
    };
    let same = view.job(&key).is_some_and(|present| present.same_specification(stable));
    if same {
        return Revert {
            version: None,
            suffix: format!(" - not rolling back to stable job version {} as current job has same specification", stable.version),
        };
    }
    Revert { version: Some(stable.version), suffix: format!(" - rolling back to job version {}", stable.version) }
}
