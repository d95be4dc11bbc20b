//! Typed calls over the transport: the numbers of the methods, the versioned bytes of calls and replies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::codec::{self, Kind};

use crate::caller::Caller;
use crate::message::{Call, Chunk, Failure, Reply};
use crate::transport::{self, CallError, Class, Pool};

/// Version of the bytes of calls, replies and chunks.
pub const MESSAGE_VERSION: u16 = codec::SHAPES;

/// A [`Call`], answered by a [`Reply`].
pub const METHOD_CALL: u16 = 1;
/// A [`Call`], answered by a stream of [`Chunk`]s.
pub const METHOD_STREAM: u16 = 2;
/// Methods from here on carry consensus; their bodies are opaque here.
pub const METHOD_RAFT: u16 = 100;

/// Sends a call to `address` and waits for the answer. The outer error says that there was none, the inner one is the answer "no".
pub async fn call(pool: &Pool, address: &str, call: &Call, deadline: Duration) -> Result<Result<Reply, Failure>, CallError> {
    let body = match codec::encode(Kind::Message, MESSAGE_VERSION, call) {
        Ok(body) => Bytes::from(body),
        Err(error) => return Ok(Err(Failure::internal(error.to_string()))),
    };
    match pool.call(address, Class::Rpc, METHOD_CALL, body, deadline).await {
        Ok(bytes) => Ok(codec::decode_shapes(Kind::Message, &bytes).map_err(|error| unreadable(address, &error))),
        Err(CallError::Remote { code, text }) => Ok(Err(Failure { code, text })),
        Err(error) => Err(error),
    }
}

/// Asks `address` for a stream.
pub async fn stream(
    pool: &Pool,
    address: &str,
    call: &Call,
) -> Result<Result<BoxStream<'static, Result<Chunk, Failure>>, Failure>, CallError> {
    let body = match codec::encode(Kind::Message, MESSAGE_VERSION, call) {
        Ok(body) => Bytes::from(body),
        Err(error) => return Ok(Err(Failure::internal(error.to_string()))),
    };
    let (_, chunks) = match pool.call_stream(address, Class::Bulk, METHOD_STREAM, body).await {
        Ok(answer) => answer,
        Err(CallError::Remote { code, text }) => return Ok(Err(Failure { code, text })),
        Err(error) => return Err(error),
    };
    let address = address.to_owned();
    let chunks = chunks.map(move |item| match item {
        Ok(bytes) => codec::decode_shapes(Kind::Message, &bytes).map_err(|error| unreadable(&address, &error)),
        Err(CallError::Remote { code, text }) => Err(Failure { code, text }),
        Err(error) => Err(Failure::internal(error.to_string())),
    });
    Ok(Ok(chunks.boxed()))
}

fn unreadable(address: &str, error: &codec::Error) -> Failure {
    Failure::internal(format!("the answer of {address} cannot be read: {error}"))
}

/// Answers [`METHOD_CALL`] and [`METHOD_STREAM`] by a [`Caller`]; for a [`transport::Handler`].
pub async fn answer(caller: &Arc<dyn Caller>, method: u16, body: &[u8]) -> transport::Reply {
    let call: Call = match codec::decode_shapes(Kind::Message, body) {
        Ok(call) => call,
        Err(error) => return transport::Reply::error(400, format!("the request cannot be read: {error}")),
    };
    match method {
        METHOD_CALL => match caller.call(call).await {
            Ok(reply) => match codec::encode(Kind::Message, MESSAGE_VERSION, &reply) {
                Ok(bytes) => transport::Reply::Message(Bytes::from(bytes)),
                Err(error) => transport::Reply::error(500, error.to_string()),
            },
            Err(failure) => transport::Reply::error(failure.code, failure.text),
        },
        METHOD_STREAM => match caller.stream(call).await {
            Ok(chunks) => transport::Reply::stream(
                Bytes::new(),
                chunks.map(|chunk| {
                    let chunk = chunk?;
                    codec::encode(Kind::Message, MESSAGE_VERSION, &chunk)
                        .map(Bytes::from)
                        .map_err(|error| Failure::internal(error.to_string()))
                }),
            ),
            Err(failure) => transport::Reply::error(failure.code, failure.text),
        },
        other => transport::Reply::error(404, format!("this agent knows no method {other}: it may be older than the caller")),
    }
}
