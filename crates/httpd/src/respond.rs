//! Answers: headers of reads and writes, JSON bodies.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::encode;
use crate::refusal::Refusal;

/// Items of a list that goes out in pieces: some megabytes.
const LONG_LIST: usize = 4096;

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Refusal>;

const INDEX: HeaderName = HeaderName::from_static("x-nomad-index");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-nomad-lastcontact");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-nomad-knownleader");
const NEXT_TOKEN: HeaderName = HeaderName::from_static("x-nomad-nexttoken");

/// What the headers say about an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meta {
    pub index: u64,
    /// Milliseconds and whether a leader is known; `None` for writes.
    pub contact: Option<(u64, bool)>,
    /// Names the next page.
    pub next_token: Option<String>,
}

impl Meta {
    /// Of a write.
    pub fn written(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    /// For bodies that repeat the headers: nanoseconds since the leader was heard of, and whether one is known.
    pub fn contact_in_body(&self) -> (i64, bool) {
        let (last_contact, known_leader) = self.contact.unwrap_or_default();
        (i64::try_from(last_contact.saturating_mul(1_000_000)).unwrap_or(i64::MAX), known_leader)
    }

    pub fn put(&self, headers: &mut HeaderMap) {
        headers.insert(INDEX, self.index.into());
        if let Some((last_contact, known_leader)) = self.contact {
            headers.insert(LAST_CONTACT, last_contact.into());
            headers.insert(KNOWN_LEADER, HeaderValue::from_static(if known_leader { "true" } else { "false" }));
        }
        if let Some(Ok(token)) = self.next_token.as_deref().map(|token| HeaderValue::from_bytes(token.as_bytes())) {
            headers.insert(NEXT_TOKEN, token);
        }
    }
}

/// 200 with a JSON body. `pretty`: for people.
pub(crate) fn json<T: Serialize + ?Sized>(pretty: bool, meta: Option<&Meta>, value: &T) -> Answer {
    json_with(StatusCode::OK, pretty, meta, value)
}

/// Any status with a JSON body.
pub(crate) fn json_with<T: Serialize + ?Sized>(status: StatusCode, pretty: bool, meta: Option<&Meta>, value: &T) -> Answer {
    let bytes = encode::to_bytes(value, pretty).map_err(|error| Refusal::internal(format!("the answer could not be encoded: {error}")))?;
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(meta) = meta {
        meta.put(response.headers_mut());
    }
    Ok(response)
}

/// 200 with a list, whose items are made one by one. A long one goes out in pieces as it is read, so that it never is in memory as a whole.
pub(crate) fn list<T, U, F>(pretty: bool, meta: &Meta, items: Vec<T>, make: F) -> Answer
where
    T: Send + 'static,
    U: Serialize + 'static,
    F: Fn(&T) -> U + Send + 'static,
{
    // What is for people is not for programs that ask for everything.
    if pretty || items.len() < LONG_LIST {
        return json(pretty, Some(meta), &encode::each(&items, make));
    }
    let pieces = futures::stream::iter(encode::pieces(items, make));
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    meta.put(response.headers_mut());
    Ok(response)
}

/// 200 with an empty body.
pub(crate) fn empty(meta: Option<&Meta>) -> Answer {
    let mut response = Response::default();
    if let Some(meta) = meta {
        meta.put(response.headers_mut());
    }
    Ok(response)
}
