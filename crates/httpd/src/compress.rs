//! Answers in gzip, for clients that accept it. Streams go out as they come: no piece waits for the next.

use std::io::Write;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;

use crate::refusal::Refusal;

/// Shorter answers fit a packet either way.
const SHORTEST: u64 = 1024;

/// Longer ones are compressed on a thread of their own, so that others are served meanwhile.
const LONG: u64 = 32 << 10;

/// Compresses what a handler answers, when its length is known and worth it.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let is_accepted = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let length = response.body().size_hint().exact().unwrap_or(0);
    if !is_accepted || length < SHORTEST || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return failed() };
    let bytes = body.to_bytes();
    let packed = match length < LONG {
        true => Ok(gzip(&bytes)),
        false => tokio::task::spawn_blocking(move || gzip(&bytes)).await,
    };
    let Ok(Ok(packed)) = packed else { return failed() };
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.insert(header::CONTENT_LENGTH, packed.len().into());
    Response::from_parts(head, Body::from(packed))
}

fn gzip(bytes: &Bytes) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Only when a thread ends before its time: both sides are in memory.
fn failed() -> Response {
    Refusal::internal("the answer could not be compressed").into_response()
}

/// Whether gzip, or anything, may come back; a quality of 0 is a no, and the word itself counts more than `*`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut anything = false;
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let word = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|quality| quality.parse::<f32>().ok()).unwrap_or(1.0);
        match word {
            "*" => anything = quality > 0.0,
            word if word.eq_ignore_ascii_case("gzip") => return quality > 0.0,
            _ => {}
        }
    }
    anything
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what the client accepts, and whether gzip is among it.
    #[test]
    fn accepted() {
        for (value, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, *", false),
            ("*", true),
            ("*;q=0", false),
            ("br", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(accepts_gzip(&headers), expected, "{value:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
