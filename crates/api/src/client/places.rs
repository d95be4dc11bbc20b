//! Namespaces, node pools, and how a region schedules.

use http::Method;
use model::{NamespaceSpec, NodePool, SchedulerConfiguration};

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn namespaces(&self, query: &Query) -> Result<Answer<Vec<NamespaceSpec>>, Error> {
        self.get("/v1/namespaces", query).await
    }

    pub async fn one_namespace(&self, name: &str, query: &Query) -> Result<Answer<NamespaceSpec>, Error> {
        self.get(&format!("/v1/namespace/{}", segment(name)), query).await
    }

    /// Makes it, or changes it.
    pub async fn apply_namespace(&self, namespace: &NamespaceSpec, query: &Query) -> Result<Answer<()>, Error> {
        self.put_quietly("/v1/namespace", query, namespace).await
    }

    pub async fn delete_namespace(&self, name: &str, query: &Query) -> Result<Answer<()>, Error> {
        self.command(Method::DELETE, &format!("/v1/namespace/{}", segment(name)), query).await
    }

    pub async fn node_pools(&self, query: &Query) -> Result<Answer<Vec<NodePool>>, Error> {
        self.get("/v1/node/pools", query).await
    }

    pub async fn node_pool(&self, name: &str, query: &Query) -> Result<Answer<NodePool>, Error> {
        self.get(&format!("/v1/node/pool/{}", segment(name)), query).await
    }

    /// Makes it, or changes it.
    pub async fn apply_node_pool(&self, pool: &NodePool, query: &Query) -> Result<Answer<()>, Error> {
        self.put_quietly("/v1/node/pools", query, pool).await
    }

    pub async fn delete_node_pool(&self, name: &str, query: &Query) -> Result<Answer<()>, Error> {
        self.command(Method::DELETE, &format!("/v1/node/pool/{}", segment(name)), query).await
    }

    pub async fn node_pool_nodes(&self, name: &str, query: &Query) -> Result<Answer<Vec<NodeListStub>>, Error> {
        self.get(&format!("/v1/node/pool/{}/nodes", segment(name)), query).await
    }

    pub async fn node_pool_jobs(&self, name: &str, query: &Query) -> Result<Answer<Vec<JobListStub>>, Error> {
        self.get(&format!("/v1/node/pool/{}/jobs", segment(name)), query).await
    }

    pub async fn scheduler(&self, query: &Query) -> Result<Answer<SchedulerConfigurationResponse>, Error> {
        self.get("/v1/operator/scheduler/configuration", query).await
    }

    /// With `cas` in the query only if the present settings have that modify index.
    pub async fn set_scheduler(
        &self,
        config: &SchedulerConfiguration,
        query: &Query,
    ) -> Result<Answer<SchedulerSetConfigurationResponse>, Error> {
        self.put("/v1/operator/scheduler/configuration", query, config).await
    }

    /// By ids or by a filter; the broker has to be paused.
    pub async fn delete_evaluations(&self, request: &EvalDeleteRequest, query: &Query) -> Result<Answer<EvalDeleteResponse>, Error> {
        self.delete_with("/v1/evaluations", query, request).await
    }
}
