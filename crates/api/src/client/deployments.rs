//! Deployments.

use model::Deployment;

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn deployments(&self, query: &Query) -> Result<Answer<Vec<Deployment>>, Error> {
        self.get("/v1/deployments", query).await
    }

    pub async fn deployment(&self, id: &str, query: &Query) -> Result<Answer<Deployment>, Error> {
        self.get(&format!("/v1/deployment/{}", segment(id)), query).await
    }

    pub async fn deployment_allocations(&self, id: &str, query: &Query) -> Result<Answer<Vec<AllocListStub>>, Error> {
        self.get(&format!("/v1/deployment/allocations/{}", segment(id)), query).await
    }

    pub async fn fail_deployment(&self, id: &str, query: &Query) -> Result<Answer<DeploymentUpdateResponse>, Error> {
        let request = DeploymentFailRequest { deployment_id: id.to_owned(), ..Default::default() };
        self.put(&format!("/v1/deployment/fail/{}", segment(id)), query, &request).await
    }

    /// `pause` false resumes.
    pub async fn pause_deployment(&self, id: &str, pause: bool, query: &Query) -> Result<Answer<DeploymentUpdateResponse>, Error> {
        let request = DeploymentPauseRequest { deployment_id: id.to_owned(), pause, ..Default::default() };
        self.put(&format!("/v1/deployment/pause/{}", segment(id)), query, &request).await
    }

    /// Empty `groups`: all.
    pub async fn promote_deployment(&self, id: &str, groups: &[String], query: &Query) -> Result<Answer<DeploymentUpdateResponse>, Error> {
        let request = DeploymentPromoteRequest {
            deployment_id: id.to_owned(),
            all: groups.is_empty(),
            groups: groups.to_vec(),
            ..Default::default()
        };
        self.put(&format!("/v1/deployment/promote/{}", segment(id)), query, &request).await
    }

    pub async fn set_alloc_health(
        &self,
        request: &DeploymentAllocHealthRequest,
        query: &Query,
    ) -> Result<Answer<DeploymentUpdateResponse>, Error> {
        self.put(&format!("/v1/deployment/allocation-health/{}", segment(&request.deployment_id)), query, request).await
    }

    pub async fn unblock_deployment(&self, id: &str, query: &Query) -> Result<Answer<DeploymentUpdateResponse>, Error> {
        let request = DeploymentUnblockRequest { deployment_id: id.to_owned(), ..Default::default() };
        self.put(&format!("/v1/deployment/unblock/{}", segment(id)), query, &request).await
    }
}
