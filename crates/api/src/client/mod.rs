//! A typed client of `/v1`: one method per endpoint.
//!
//! Methods give an [`Answer`]: the value, and what the headers say about its index. Blocking queries, prefixes, filters and pages are asked for
//! with a [`Query`]. Files, logs and events come as [`ByteStream`] or [`JsonStream`]; dropping one ends it at its source.

mod agent;
mod allocs;
mod deployments;
mod error;
mod evals;
mod events;
mod files;
mod jobs;
mod launches;
mod nodes;
mod places;
mod query;
mod raw;
mod snapshot;
mod stream;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use agent::Health;
pub use error::Error;
pub use files::{FileRange, LogStream, Origin};
pub use jobs::DeregisterOptions;
pub use query::Query;
pub use raw::{RawAnswer, RawRequest};
pub use stream::{ByteStream, FrameStream, JsonStream};

/// Where an agent listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:4646";

/// How long to wait for a connection: longer than a packet's retransmission, shorter than a person's patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type Http<B> = hyper_util::client::legacy::Client<HttpConnector, B>;

/// Speaks to one agent. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http<Full<Bytes>>,
    /// `http://host:port`, without a slash at the end.
    address: String,
    region: Option<String>,
    namespace: Option<String>,
    token: Option<HeaderValue>,
}

/// A value with what the headers say about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer<T> {
    pub value: T,
    /// Give it back as [`Query::index`] to wait for the next change; 0 when the endpoint has none.
    pub index: u64,
    /// Milliseconds since the answering server last heard of its leader.
    pub last_contact: u64,
    pub known_leader: bool,
    /// Names the next page, when there is one.
    pub next_token: Option<String>,
}

impl<T> Answer<T> {
    /// The same answer about another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: change(self.value),
            index: self.index,
            last_contact: self.last_contact,
            known_leader: self.known_leader,
            next_token: self.next_token,
        }
    }
}

impl Client {
    /// A client of the agent at `http://host:port`; empty: [`DEFAULT_ADDRESS`]. Connects with the first request.
    pub fn new(address: &str) -> Result<Self, Error> {
        let address = check_address(address)?;
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector());
        Ok(Self { http, address, region: None, namespace: None, token: None })
    }

    /// Asks this region unless a query says otherwise; empty: the agent's own.
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into()).filter(|region| !region.is_empty());
        self
    }

    /// Asks for this namespace unless a query says otherwise; empty: `default`.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into()).filter(|namespace| !namespace.is_empty());
        self
    }

    /// Sends this token with every request; empty: none.
    pub fn with_token(mut self, token: &str) -> Result<Self, Error> {
        self.token = match token {
            "" => None,
            token => Some(HeaderValue::from_str(token).map_err(|_| Error::Token)?),
        };
        Ok(self)
    }

    /// `http://host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// `GET path`; `path` begins with `/v1/`, its parts encoded (see [`segment`]).
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<Answer<T>, Error> {
        self.exchange(Method::GET, path, query, Bytes::new()).await
    }

    /// `PUT path` with a body.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, query: &Query, body: &impl Serialize) -> Result<Answer<T>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Request { reason: error.to_string() })?;
        self.exchange(Method::PUT, path, query, Bytes::from(body)).await
    }

    /// `PUT path` without a body.
    pub async fn put_empty<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<Answer<T>, Error> {
        self.exchange(Method::PUT, path, query, Bytes::new()).await
    }

    /// `DELETE path`.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<Answer<T>, Error> {
        self.exchange(Method::DELETE, path, query, Bytes::new()).await
    }

    /// `DELETE path` with a body.
    pub async fn delete_with<T: DeserializeOwned>(&self, path: &str, query: &Query, body: &impl Serialize) -> Result<Answer<T>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Request { reason: error.to_string() })?;
        self.exchange(Method::DELETE, path, query, Bytes::from(body)).await
    }

    /// `PUT path` with a body, for endpoints that answer with an empty one.
    pub async fn put_quietly(&self, path: &str, query: &Query, body: &impl Serialize) -> Result<Answer<()>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Request { reason: error.to_string() })?;
        let (headers, _) = self.read(Method::PUT, path, query, Bytes::from(body)).await?;
        Ok(answer((), &headers))
    }

    /// Any request, for endpoints that answer with an empty body.
    pub async fn command(&self, method: Method, path: &str, query: &Query) -> Result<Answer<()>, Error> {
        let (headers, _) = self.read(method, path, query, Bytes::new()).await?;
        Ok(answer((), &headers))
    }

    /// `GET path`, the body as it comes.
    pub async fn stream(&self, path: &str, query: &Query) -> Result<ByteStream, Error> {
        let response = self.send(Method::GET, path, query, Bytes::new()).await?;
        Ok(ByteStream::new(response.into_body()))
    }

    async fn exchange<T: DeserializeOwned>(&self, method: Method, path: &str, query: &Query, body: Bytes) -> Result<Answer<T>, Error> {
        let (headers, bytes) = self.read(method, path, query, body).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| Error::Answer { what: path.to_owned(), reason: error.to_string() })?;
        Ok(answer(value, &headers))
    }

    async fn read(&self, method: Method, path: &str, query: &Query, body: Bytes) -> Result<(HeaderMap, Bytes), Error> {
        let response = self.send(method, path, query, body).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| Error::Stream { reason: error::innermost(&error) })?.to_bytes();
        Ok((parts.headers, bytes))
    }

    /// Sends a request; an answer other than 2xx is an error.
    async fn send(&self, method: Method, path: &str, query: &Query, body: Bytes) -> Result<http::Response<Incoming>, Error> {
        let content_type = (!body.is_empty()).then_some("application/json");
        self.send_by(&self.http, method, path, query, content_type, Full::new(body)).await
    }

    /// [`Client::send`] for any kind of body.
    async fn send_by<B>(
        &self,
        http: &Http<B>,
        method: Method,
        path: &str,
        query: &Query,
        content_type: Option<&str>,
        body: B,
    ) -> Result<http::Response<Incoming>, Error>
    where
        B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let url = format!("{}{path}{}", self.address, query.encode(self.region(), self.namespace()));
        let failed = |reason: String| Error::Connect { method: method.clone(), url: url.clone(), reason };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| Error::Request { reason: format!("{url:?}: {error}") })?;
        let mut request = Request::builder().method(method.clone()).uri(uri);
        if let Some(token) = &self.token {
            request = request.header("X-Nomad-Token", token);
        }
        if let Some(content_type) = content_type {
            request = request.header(http::header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body).map_err(|error| Error::Request { reason: error.to_string() })?;
        let response = http.request(request).await.map_err(|error| failed(error::connect_reason(&error, &self.address)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(response.status(), response.into_body()).await)
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

/// The server's words for a "no".
async fn refusal(status: StatusCode, body: Incoming) -> Error {
    /// Errors are short; nobody reads more.
    const LIMIT: usize = 1 << 20;
    let body = match http_body_util::Limited::new(body, LIMIT).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).trim_end().to_owned(),
        Err(_) => String::new(),
    };
    let body = if body.is_empty() { status.canonical_reason().unwrap_or("no reason given").to_owned() } else { body };
    Error::Status { status: status.as_u16(), body }
}

fn answer<T>(value: T, headers: &HeaderMap) -> Answer<T> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Answer {
        value,
        index: number("X-Nomad-Index"),
        last_contact: number("X-Nomad-LastContact"),
        known_leader: text("X-Nomad-KnownLeader") == Some("true"),
        // It may hold the name of a job, which is any text.
        next_token: headers.get("X-Nomad-NextToken").map(|token| String::from_utf8_lossy(token.as_bytes()).into_owned()),
    }
}

/// One part of a path, encoded: ids may contain slashes.
pub fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, query::RESERVED).to_string()
}

fn check_address(address: &str) -> Result<String, Error> {
    let refuse = |reason: &str| Error::Address { address: address.to_owned(), reason: reason.to_owned() };
    let given = if address.is_empty() { DEFAULT_ADDRESS } else { address };
    if given.starts_with("https://") {
        return Err(refuse("TLS is not supported yet, use an address that begins with http://"));
    }
    if given.starts_with("unix://") {
        return Err(refuse("unix sockets are not supported yet, use an address that begins with http://"));
    }
    let given = match given.split_once("://") {
        Some(("http", _)) => given.to_owned(),
        Some(_) => return Err(refuse("it must begin with http://")),
        None => format!("http://{given}"),
    };
    let uri: Uri = given.parse().map_err(|error: http::uri::InvalidUri| refuse(&error.to_string()))?;
    let authority = uri.authority().ok_or_else(|| refuse("it must be http://host:port"))?;
    if authority.host().is_empty() || authority.as_str().contains('@') {
        return Err(refuse("it must be http://host:port"));
    }
    let after_host = authority.as_str().trim_start_matches(authority.host());
    if !after_host.is_empty() && authority.port_u16().is_none() {
        return Err(refuse("its port is not a number from 0 to 65535"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(refuse("it must be http://host:port, without a path"));
    }
    Ok(format!("http://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses are checked when the client is made, in words.
    #[test]
    fn addresses() {
        let check = |address: &str, expected: Result<&str, &str>| match (Client::new(address), expected) {
            (Ok(client), Ok(expected)) => assert_eq!(client.address(), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{address}: {error}"),
            (got, _) => panic!("{address}: {got:?}"),
        };
        check("", Ok("http://127.0.0.1:4646"));
        check("http://10.0.0.1:4646", Ok("http://10.0.0.1:4646"));
        check("http://10.0.0.1:4646/", Ok("http://10.0.0.1:4646"));
        check("10.0.0.1:4646", Ok("http://10.0.0.1:4646"));
        check("http://[::1]:4646", Ok("http://[::1]:4646"));
        check("https://10.0.0.1:4646", Err("TLS is not supported yet"));
        check("unix:///run/x", Err("unix sockets are not supported yet"));
        check("ftp://10.0.0.1", Err("must begin with http://"));
        check("http://10.0.0.1:4646/v1", Err("without a path"));
        check("http://10.0.0.1:99999", Err("10.0.0.1:99999"));
        check("http://", Err("http://"));
        check("http://a b", Err("a b"));
    }

    /// Ids with slashes and spaces stay one part of the path.
    #[test]
    fn segments() {
        assert_eq!(segment("a/b c?d%#é"), "a%2Fb%20c%3Fd%25%23%C3%A9");
        assert_eq!(segment("plain-name_1.2~3"), "plain-name_1.2~3");
    }
}
