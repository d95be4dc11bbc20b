//! A region's whole state.

use bytes::Bytes;
use http::Method;
use hyper_util::rt::TokioExecutor;

use super::error::Error;
use super::query::Query;
use super::stream::ByteStream;
use super::{Answer, Client, answer, connector};

const PATH: &str = "/v1/operator/snapshot";

impl Client {
    /// The archive (see [`crate::archive`]), and its `Digest` header: `sha-256=` and base64.
    pub async fn save_snapshot(&self, query: &Query) -> Result<(ByteStream, String), Error> {
        let response = self.send(Method::GET, PATH, query, Bytes::new()).await?;
        let digest = response.headers().get("Digest").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok((ByteStream::new(response.into_body()), digest))
    }

    /// Replaces the region's state by an archive's, which is sent as it comes.
    pub async fn restore_snapshot<B>(&self, query: &Query, body: B) -> Result<Answer<()>, Error>
    where
        B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector());
        let response = self.send_by(&http, Method::PUT, PATH, query, Some("application/octet-stream"), body).await?;
        Ok(answer((), response.headers()))
    }
}
