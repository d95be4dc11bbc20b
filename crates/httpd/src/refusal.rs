//! A "no" to an HTTP client: a status code and a plain text.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rpc::message::Failure;

use crate::respond::Meta;

/// A "no" to an HTTP client.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub code: StatusCode,
    pub text: String,
    /// Of the read that found nothing.
    pub meta: Option<Meta>,
}

impl Refusal {
    pub fn new(code: StatusCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), meta: None }
    }

    /// 400
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 404
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// 404 as the result of a read, with the headers of one.
    pub fn absent(meta: Meta, text: impl Into<String>) -> Self {
        Self { meta: Some(meta), ..Self::not_found(text) }
    }

    /// Where the interface knows no 404, because nothing is read: 500 with the text, as of every other "no" to a write.
    pub fn of_write(self) -> Self {
        match self.code {
            StatusCode::NOT_FOUND => Self { code: StatusCode::INTERNAL_SERVER_ERROR, ..self },
            _ => self,
        }
    }

    /// 405
    pub fn wrong_verb() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Invalid method")
    }

    /// 500
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// 501
    pub fn not_built(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("{what} is not supported yet"))
    }

    /// A path below a known one that names nothing.
    pub fn no_resource() -> Self {
        Self::not_found("resource not found")
    }

    /// The answer is of another kind than the call: a version mix-up between agents.
    pub fn mismatch() -> Self {
        Self::internal("the answering server gave an answer to another question: are all agents of the same version?")
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        for text in ["Permission denied", "ACL token not found"] {
            if failure.text.ends_with(text) {
                return Self::new(StatusCode::FORBIDDEN, text);
            }
        }
        let code = StatusCode::from_u16(failure.code).ok().filter(|code| code.is_client_error() || code.is_server_error());
        Self::new(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), failure.text)
    }
}

impl From<api::decode::Error> for Refusal {
    fn from(error: api::decode::Error) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.text.into());
        *response.status_mut() = self.code;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Some(meta) = self.meta {
            meta.put(response.headers_mut());
        }
        response
    }
}
