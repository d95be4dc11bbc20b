//! Requests that no method here has a name for: a method, a path and headers as a person writes them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::query::Query;
use super::{ByteStream, Client, Error, error};

/// What is asked.
#[derive(Clone, Debug)]
pub struct RawRequest {
    pub method: Method,
    /// `/v1/jobs?prefix=we`, encoded. The client's region and namespace are added unless they are named here.
    pub target: String,
    /// Beside the client's token, which a header of the same name replaces.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ByteStream,
}

impl Client {
    /// Where [`Client::raw`] sends a request with this target and these parameters.
    pub fn url(&self, target: &str, query: &Query) -> String {
        let asked = target.split_once('?').map_or("", |(_, query)| query);
        let names = |wanted: &str| asked.split('&').any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == wanted);
        let region = self.region().filter(|_| !names("region"));
        let namespace = self.namespace().filter(|_| !names("namespace"));
        let added = query.encode(region, namespace);
        let added = match added.strip_prefix('?') {
            Some(added) if target.contains('?') => format!("&{added}"),
            _ => added,
        };
        let slash = if target.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{target}{added}", self.address())
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// It could not be sent, or nobody answered; an answer with any status is none.
    pub async fn raw(&self, asked: RawRequest, query: &Query) -> Result<RawAnswer, Error> {
        let url = self.url(&asked.target, query);
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| Error::Request { reason: format!("{url:?}: {error}") })?;
        let mut request = Request::new(Full::new(asked.body));
        (*request.method_mut(), *request.uri_mut()) = (asked.method.clone(), uri);
        if let Some(token) = &self.token {
            request.headers_mut().insert(HeaderName::from_static("x-nomad-token"), token.clone());
        }
        for (name, value) in asked.headers {
            request.headers_mut().insert(name, value);
        }
        let failed = |error| Error::Connect { method: asked.method, url, reason: error::connect_reason(&error, self.address()) };
        let (parts, body) = self.http.request(request).await.map_err(failed)?.into_parts();
        Ok(RawAnswer { status: parts.status, headers: parts.headers, body: ByteStream::new(body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Region and namespace of the client are added once, and a path may be without its first slash.
    #[test]
    fn urls() {
        let client = Client::new("http://10.0.0.1:4646").unwrap().with_region("east").with_namespace("ops");
        let check = |target: &str, query: Query, expected: &str| {
            assert_eq!(client.url(target, &query), format!("http://10.0.0.1:4646{expected}"), "{target}");
        };
        check("/v1/jobs", Query::new(), "/v1/jobs?region=east&namespace=ops");
        check("v1/jobs", Query::new(), "/v1/jobs?region=east&namespace=ops");
        check("/v1/jobs?prefix=we", Query::new(), "/v1/jobs?prefix=we&region=east&namespace=ops");
        check("/v1/jobs?region=west&namespace=*", Query::new(), "/v1/jobs?region=west&namespace=*");
        check("/v1/jobs?stale", Query::new().filter("ID == a"), "/v1/jobs?stale&region=east&namespace=ops&filter=ID%20%3D%3D%20a");
        assert_eq!(Client::new("").unwrap().url("/v1/regions", &Query::new()), "http://127.0.0.1:4646/v1/regions");
    }
}
