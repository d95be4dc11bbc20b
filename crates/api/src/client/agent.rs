//! The agent itself, its region, and the gossip pool.

use http::Method;

use super::{Client, Error, FrameStream, Query};
use crate::body::*;

/// Whether an agent is ready to serve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    pub ok: bool,
    pub parts: AgentHealthResponse,
}

impl Client {
    pub async fn agent_self(&self) -> Result<AgentSelf, Error> {
        Ok(self.get("/v1/agent/self", &Query::new()).await?.value)
    }

    /// The pool as the agent sees it.
    pub async fn members(&self, query: &Query) -> Result<ServerMembersResponse, Error> {
        Ok(self.get("/v1/agent/members", query).await?.value)
    }

    /// Join the pools of these gossip addresses.
    pub async fn join(&self, addresses: &[String], query: &Query) -> Result<JoinResult, Error> {
        let query = addresses.iter().fold(query.clone(), |query, address| query.with("address", address));
        Ok(self.put_empty("/v1/agent/join", &query).await?.value)
    }

    /// Declare a failed member gone; `prune`: forget it.
    pub async fn force_leave(&self, name: &str, prune: bool, query: &Query) -> Result<(), Error> {
        let mut query = query.clone().with("node", name);
        if prune {
            query = query.with("prune", true);
        }
        self.command(Method::PUT, "/v1/agent/force-leave", &query).await.map(|_| ())
    }

    /// rpc addresses of the servers that a client agent knows.
    pub async fn agent_servers(&self) -> Result<Vec<String>, Error> {
        Ok(self.get("/v1/agent/servers", &Query::new()).await?.value)
    }

    /// The figures of this agent.
    pub async fn metrics(&self) -> Result<MetricsSummary, Error> {
        Ok(self.get("/v1/metrics", &Query::new()).await?.value)
    }

    /// The figures of this agent as it writes them, in the form that the query asks for.
    pub async fn metrics_text(&self, query: &Query) -> Result<Vec<u8>, Error> {
        self.stream("/v1/metrics", query).await?.read_to_end().await
    }

    /// The log of an agent, from now on, in frames; the query says whose and what of it.
    pub async fn monitor(&self, query: &Query) -> Result<FrameStream, Error> {
        Ok(FrameStream::new(self.stream("/v1/agent/monitor", query).await?))
    }

    /// Not being healthy is no error.
    pub async fn agent_health(&self) -> Result<Health, Error> {
        match self.get("/v1/agent/health", &Query::new()).await {
            Ok(answer) => Ok(Health { ok: true, parts: answer.value }),
            Err(Error::Status { status: 500, body }) => match serde_json::from_str(&body) {
                Ok(parts) => Ok(Health { ok: false, parts }),
                Err(_) => Err(Error::Status { status: 500, body }),
            },
            Err(error) => Err(error),
        }
    }

    /// rpc address of the region's leader; empty when there is none.
    pub async fn leader(&self, query: &Query) -> Result<String, Error> {
        Ok(self.get("/v1/status/leader", query).await?.value)
    }

    /// Replaces the servers that the configuration of a client agent named.
    pub async fn set_agent_servers(&self, addresses: &[String]) -> Result<(), Error> {
        let query = addresses.iter().fold(Query::new(), |query, address| query.with("address", address));
        self.command(Method::PUT, "/v1/agent/servers", &query).await.map(|_| ())
    }

    /// rpc addresses of the region's servers.
    pub async fn peers(&self, query: &Query) -> Result<Vec<String>, Error> {
        Ok(self.get("/v1/status/peers", query).await?.value)
    }

    /// Names of all regions in the pool, sorted.
    pub async fn regions(&self) -> Result<Vec<String>, Error> {
        Ok(self.get("/v1/regions", &Query::new()).await?.value)
    }

    pub async fn raft_configuration(&self, query: &Query) -> Result<RaftConfigurationResponse, Error> {
        Ok(self.get("/v1/operator/raft/configuration", query).await?.value)
    }

    /// Takes a server that is gone out of the region's raft group.
    pub async fn remove_raft_peer(&self, id: &str, query: &Query) -> Result<(), Error> {
        self.command(Method::DELETE, "/v1/operator/raft/peer", &query.clone().with("id", id)).await.map(|_| ())
    }

    /// Lets another server of the region lead; `by`: `id` or `address`.
    pub async fn transfer_leadership(&self, by: &str, server: &str, query: &Query) -> Result<LeadershipTransferResponse, Error> {
        Ok(self.put_empty("/v1/operator/raft/transfer-leadership", &query.clone().with(by, server)).await?.value)
    }

    pub async fn autopilot(&self, query: &Query) -> Result<AutopilotConfiguration, Error> {
        Ok(self.get("/v1/operator/autopilot/configuration", query).await?.value)
    }

    /// How the servers of the region are, also when they are not well.
    pub async fn autopilot_health(&self, query: &Query) -> Result<OperatorHealthReply, Error> {
        match self.get("/v1/operator/autopilot/health", query).await {
            Ok(answer) => Ok(answer.value),
            Err(Error::Status { status: 429, body }) => serde_json::from_str(&body).map_err(|_| Error::Status { status: 429, body }),
            Err(error) => Err(error),
        }
    }

    /// Whether it was set: with `cas` in the query only if that is still its modify index.
    pub async fn set_autopilot(&self, config: &AutopilotConfiguration, query: &Query) -> Result<bool, Error> {
        Ok(self.put("/v1/operator/autopilot/configuration", query, config).await?.value)
    }

    /// Collect all garbage of the region now.
    pub async fn system_gc(&self, query: &Query) -> Result<(), Error> {
        self.command(Method::PUT, "/v1/system/gc", query).await.map(|_| ())
    }

    pub async fn reconcile_summaries(&self, query: &Query) -> Result<(), Error> {
        self.command(Method::PUT, "/v1/system/reconcile/summaries", query).await.map(|_| ())
    }
}
