//! The event stream.

use super::{Client, Error, JsonStream, Query};
use crate::body::EventStreamLine;

impl Client {
    /// What log entries after [`Query::index`] change; 0: the newest of them and what comes then. `topics` as `Topic`, `Topic:key` or `*`;
    /// none of them: everything. The index of a line is where to go on.
    pub async fn events(&self, topics: &[&str], query: &Query) -> Result<JsonStream<EventStreamLine>, Error> {
        let query = topics.iter().fold(query.clone(), |query, topic| query.with("topic", *topic));
        Ok(JsonStream::new(self.stream("/v1/event/stream", &query).await?))
    }
}
