//! Nodes.

use http::Method;
use model::{Allocation, Eligibility};

use super::{Answer, Client, Error, Query, segment};
use crate::body::*;

impl Client {
    pub async fn nodes(&self, query: &Query) -> Result<Answer<Vec<NodeListStub>>, Error> {
        self.get("/v1/nodes", query).await
    }

    pub async fn node(&self, id: &str, query: &Query) -> Result<Answer<ShownNode>, Error> {
        self.get(&format!("/v1/node/{}", segment(id)), query).await
    }

    pub async fn node_allocations(&self, id: &str, query: &Query) -> Result<Answer<Vec<Allocation>>, Error> {
        self.get(&format!("/v1/node/{}/allocations", segment(id)), query).await
    }

    pub async fn set_node_eligibility(
        &self,
        id: &str,
        eligibility: Eligibility,
        query: &Query,
    ) -> Result<Answer<NodeEligibilityUpdateResponse>, Error> {
        let request =
            NodeUpdateEligibilityRequest { node_id: id.to_owned(), eligibility: eligibility.as_str().to_owned(), ..Default::default() };
        self.put(&format!("/v1/node/{}/eligibility", segment(id)), query, &request).await
    }

    pub async fn drain_node(&self, request: &NodeUpdateDrainRequest, query: &Query) -> Result<Answer<NodeDrainUpdateResponse>, Error> {
        self.put(&format!("/v1/node/{}/drain", segment(&request.node_id)), query, request).await
    }

    /// Make evaluations for all jobs of the node.
    pub async fn evaluate_node(&self, id: &str, query: &Query) -> Result<Answer<NodeUpdateResponse>, Error> {
        self.put_empty(&format!("/v1/node/{}/evaluate", segment(id)), query).await
    }

    /// Forget the node.
    pub async fn purge_node(&self, id: &str, query: &Query) -> Result<Answer<NodeUpdateResponse>, Error> {
        self.put_empty(&format!("/v1/node/{}/purge", segment(id)), query).await
    }

    /// Empty `node_id`: the agent's own node.
    pub async fn host_stats(&self, node_id: &str, query: &Query) -> Result<Answer<HostStats>, Error> {
        self.get("/v1/client/stats", &with_node(query, node_id)).await
    }

    /// Empty `node_id`: the agent's own node.
    pub async fn node_meta(&self, node_id: &str, query: &Query) -> Result<Answer<NodeMetaResponse>, Error> {
        self.get("/v1/client/metadata", &with_node(query, node_id)).await
    }

    pub async fn apply_node_meta(&self, request: &NodeMetaApplyRequest, query: &Query) -> Result<Answer<NodeMetaResponse>, Error> {
        self.put("/v1/client/metadata", &with_node(query, &request.node_id), request).await
    }

    /// Remove all ended allocations from a node. Empty `node_id`: the agent's own node.
    pub async fn collect_node(&self, node_id: &str, query: &Query) -> Result<Answer<()>, Error> {
        self.command(Method::PUT, "/v1/client/gc", &with_node(query, node_id)).await
    }
}

fn with_node(query: &Query, node_id: &str) -> Query {
    if node_id.is_empty() { query.clone() } else { query.clone().with("node_id", node_id) }
}
