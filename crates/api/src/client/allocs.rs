//! Allocations.

use http::Method;
use model::Allocation;

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn allocations(&self, query: &Query) -> Result<Answer<Vec<AllocListStub>>, Error> {
        self.get("/v1/allocations", query).await
    }

    pub async fn allocation(&self, id: &str, query: &Query) -> Result<Answer<Allocation>, Error> {
        self.get(&format!("/v1/allocation/{}", segment(id)), query).await
    }

    /// Stop it, and let the scheduler place another.
    pub async fn stop_allocation(&self, id: &str, no_shutdown_delay: bool, query: &Query) -> Result<Answer<AllocStopResponse>, Error> {
        let query = if no_shutdown_delay { query.clone().with("no_shutdown_delay", true) } else { query.clone() };
        self.put_empty(&format!("/v1/allocation/{}/stop", segment(id)), &query).await
    }

    pub async fn restart_allocation(
        &self,
        id: &str,
        request: &AllocationRestartRequest,
        query: &Query,
    ) -> Result<Answer<GenericResponse>, Error> {
        self.put(&format!("/v1/client/allocation/{}/restart", segment(id)), query, request).await
    }

    pub async fn signal_allocation(&self, id: &str, request: &AllocSignalRequest, query: &Query) -> Result<Answer<GenericResponse>, Error> {
        self.put(&format!("/v1/client/allocation/{}/signal", segment(id)), query, request).await
    }

    /// Empty `task`: all of them.
    pub async fn allocation_stats(&self, id: &str, task: &str, query: &Query) -> Result<Answer<AllocResourceUsage>, Error> {
        let query = if task.is_empty() { query.clone() } else { query.clone().with("task", task) };
        self.get(&format!("/v1/client/allocation/{}/stats", segment(id)), &query).await
    }

    /// Remove its directory from its node.
    pub async fn collect_allocation(&self, id: &str, query: &Query) -> Result<Answer<()>, Error> {
        self.command(Method::PUT, &format!("/v1/client/allocation/{}/gc", segment(id)), query).await
    }
}
