//! Jobs.

use model::{Deployment, Evaluation, Job, JobSubmission, JobSummary};

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

/// How a job is stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeregisterOptions {
    /// Forget the job at once.
    pub purge: bool,
    /// In all regions of a multi-region job.
    pub global: bool,
    /// 0: the job's priority.
    pub eval_priority: i64,
    pub no_shutdown_delay: bool,
}

impl Client {
    pub async fn jobs(&self, query: &Query) -> Result<Answer<Vec<JobListStub>>, Error> {
        self.get("/v1/jobs", query).await
    }

    pub async fn job_statuses(&self, request: &JobStatusesRequest, query: &Query) -> Result<Answer<Vec<JobStatusesJob>>, Error> {
        self.put("/v1/jobs/statuses", query, request).await
    }

    pub async fn job(&self, id: &str, query: &Query) -> Result<Answer<Job>, Error> {
        self.get(&format!("/v1/job/{}", segment(id)), query).await
    }

    pub async fn register_job(&self, request: &JobRegisterRequest, query: &Query) -> Result<Answer<JobRegisterResponse>, Error> {
        let has_flags = request.submission.as_ref().is_some_and(|submission| !submission.variable_flags.is_empty());
        if !has_flags {
            return self.put("/v1/jobs", query, request).await;
        }
        // Clients agree that the values of flags are escaped where they are kept.
        let mut request = request.clone();
        request
            .submission
            .iter_mut()
            .flat_map(|submission| submission.variable_flags.values_mut())
            .for_each(|value| *value = segment(value));
        self.put("/v1/jobs", query, &request).await
    }

    /// What registering would do.
    pub async fn plan_job(&self, id: &str, request: &JobPlanRequest, query: &Query) -> Result<Answer<JobPlanResponse>, Error> {
        self.put(&format!("/v1/job/{}/plan", segment(id)), query, request).await
    }

    pub async fn validate_job(&self, request: &JobValidateRequest, query: &Query) -> Result<Answer<JobValidateResponse>, Error> {
        self.put("/v1/validate/job", query, request).await
    }

    /// HCL to a job. Not canonicalized: what the file does not set has the default of its type.
    pub async fn parse_job(&self, request: &JobsParseRequest, query: &Query) -> Result<Answer<Job>, Error> {
        let answer: Answer<serde_json::Value> = self.put("/v1/jobs/parse", query, request).await?;
        let job = crate::decode::from_value(&answer.value);
        let job = job.map_err(|error| Error::Answer { what: "/v1/jobs/parse".to_owned(), reason: error.to_string() })?;
        Ok(answer.map(|_| job))
    }

    pub async fn deregister_job(
        &self,
        id: &str,
        options: &DeregisterOptions,
        query: &Query,
    ) -> Result<Answer<JobDeregisterResponse>, Error> {
        let mut query = query.clone();
        for (key, set) in [("purge", options.purge), ("global", options.global), ("no_shutdown_delay", options.no_shutdown_delay)] {
            if set {
                query = query.with(key, true);
            }
        }
        if options.eval_priority != 0 {
            query = query.with("eval_priority", options.eval_priority);
        }
        self.delete(&format!("/v1/job/{}", segment(id)), &query).await
    }

    /// Newest first; `diffs`: with what changed from version to version.
    pub async fn job_versions(&self, id: &str, diffs: bool, query: &Query) -> Result<Answer<JobVersionsResponse>, Error> {
        let query = if diffs { query.clone().with("diffs", true) } else { query.clone() };
        self.get(&format!("/v1/job/{}/versions", segment(id)), &query).await
    }

    /// `all`: also those of an earlier job of this name.
    pub async fn job_allocations(&self, id: &str, all: bool, query: &Query) -> Result<Answer<Vec<AllocListStub>>, Error> {
        self.get(&format!("/v1/job/{}/allocations", segment(id)), &with_all(query, all)).await
    }

    pub async fn job_evaluations(&self, id: &str, query: &Query) -> Result<Answer<Vec<Evaluation>>, Error> {
        self.get(&format!("/v1/job/{}/evaluations", segment(id)), query).await
    }

    /// `all`: also those of an earlier job of this name.
    pub async fn job_deployments(&self, id: &str, all: bool, query: &Query) -> Result<Answer<Vec<Deployment>>, Error> {
        self.get(&format!("/v1/job/{}/deployments", segment(id)), &with_all(query, all)).await
    }

    pub async fn job_latest_deployment(&self, id: &str, query: &Query) -> Result<Answer<Option<Deployment>>, Error> {
        self.get(&format!("/v1/job/{}/deployment", segment(id)), query).await
    }

    pub async fn job_summary(&self, id: &str, query: &Query) -> Result<Answer<JobSummary>, Error> {
        self.get(&format!("/v1/job/{}/summary", segment(id)), query).await
    }

    /// The text from which a version was made.
    pub async fn job_submission(&self, id: &str, version: u64, query: &Query) -> Result<Answer<JobSubmission>, Error> {
        let query = query.clone().with("version", version);
        let mut answer: Answer<JobSubmission> = self.get(&format!("/v1/job/{}/submission", segment(id)), &query).await?;
        answer.value.variable_flags.values_mut().for_each(|value| *value = unescaped(value));
        Ok(answer)
    }

    pub async fn evaluate_job(&self, request: &JobEvaluateRequest, query: &Query) -> Result<Answer<JobRegisterResponse>, Error> {
        self.put(&format!("/v1/job/{}/evaluate", segment(&request.job_id)), query, request).await
    }

    pub async fn revert_job(&self, request: &JobRevertRequest, query: &Query) -> Result<Answer<JobRegisterResponse>, Error> {
        self.put(&format!("/v1/job/{}/revert", segment(&request.job_id)), query, request).await
    }

    pub async fn set_job_stability(&self, request: &JobStabilityRequest, query: &Query) -> Result<Answer<JobStabilityResponse>, Error> {
        self.put(&format!("/v1/job/{}/stable", segment(&request.job_id)), query, request).await
    }

    pub async fn scale_job(&self, id: &str, request: &ScalingRequest, query: &Query) -> Result<Answer<JobRegisterResponse>, Error> {
        self.put(&format!("/v1/job/{}/scale", segment(id)), query, request).await
    }

    pub async fn job_scale_status(&self, id: &str, query: &Query) -> Result<Answer<JobScaleStatus>, Error> {
        self.get(&format!("/v1/job/{}/scale", segment(id)), query).await
    }

    /// The head rollout of a multi-region job, as the asked region sees it.
    pub async fn job_rollout(&self, id: &str, query: &Query) -> Result<Answer<RolloutStatus>, Error> {
        self.get(&format!("/v1/job/{}/rollout", segment(id)), query).await
    }

    /// Asserts something about the head rollout.
    pub async fn override_rollout(
        &self,
        id: &str,
        request: &RolloutOverrideRequest,
        query: &Query,
    ) -> Result<Answer<RolloutOverrideResponse>, Error> {
        self.put(&format!("/v1/job/{}/rollout", segment(id)), query, request).await
    }
}

fn with_all(query: &Query, all: bool) -> Query {
    if all { query.clone().with("all", true) } else { query.clone() }
}

/// The value of a flag as it was given, whichever client wrote it.
fn unescaped(value: &str) -> String {
    let value = value.replace('+', " ");
    percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept is read as it was given; other clients write a space as `+`.
    #[test]
    fn values_of_flags() {
        for (given, kept) in [("plain", "plain"), ("a b&c=d%", "a%20b%26c%3Dd%25"), ("1+1", "1%2B1")] {
            assert_eq!((segment(given).as_str(), unescaped(kept).as_str()), (kept, given));
        }
        assert_eq!(unescaped("a+b%2Bc"), "a b+c");
    }
}
