//! Launching children of jobs, names of their versions, and scaling policies.

use model::ScalingPolicy;

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn dispatch_job(&self, id: &str, request: &JobDispatchRequest, query: &Query) -> Result<Answer<JobDispatchResponse>, Error> {
        self.put(&format!("/v1/job/{}/dispatch", segment(id)), query, request).await
    }

    /// Launches a periodic job now.
    pub async fn force_periodic_job(&self, id: &str, query: &Query) -> Result<Answer<PeriodicForceResponse>, Error> {
        self.put_empty(&format!("/v1/job/{}/periodic/force", segment(id)), query).await
    }

    pub async fn tag_job_version(
        &self,
        id: &str,
        name: &str,
        request: &TagVersionRequest,
        query: &Query,
    ) -> Result<Answer<JobTagResponse>, Error> {
        self.put(&format!("/v1/job/{}/versions/{}/tag", segment(id), segment(name)), query, request).await
    }

    pub async fn untag_job_version(&self, id: &str, name: &str, query: &Query) -> Result<Answer<JobTagResponse>, Error> {
        self.delete(&format!("/v1/job/{}/versions/{}/tag", segment(id), segment(name)), query).await
    }

    /// Empty `job` and `kind`: of all.
    pub async fn scaling_policies(&self, job: &str, kind: &str, query: &Query) -> Result<Answer<Vec<ScalingPolicyListStub>>, Error> {
        let mut query = query.clone();
        for (key, value) in [("job", job), ("type", kind)] {
            if !value.is_empty() {
                query = query.with(key, value);
            }
        }
        self.get("/v1/scaling/policies", &query).await
    }

    pub async fn scaling_policy(&self, id: &str, query: &Query) -> Result<Answer<ScalingPolicy>, Error> {
        self.get(&format!("/v1/scaling/policy/{}", segment(id)), query).await
    }
}
