//! Who answers calls: the seam between the HTTP interface and the bodies behind it.

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::RegionName;

use crate::message::{Call, Chunk, Failure, Reply};

/// Answers calls, here or by passing them on. A region server and a client-only agent both are one.
#[async_trait]
pub trait Caller: Send + Sync {
    /// The region of this agent: where a call goes that names none.
    fn region(&self) -> RegionName;

    /// Answers one call. Dropping the future gives the call up.
    async fn call(&self, call: Call) -> Result<Reply, Failure>;

    /// Answers a call whose [`crate::message::NodeCall::streams`] is true, and [`crate::message::AgentRequest::Monitor`]. Dropping the stream ends it at its source.
    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure>;
}
