//! Bodies of files and logs: bytes as they come, or frames of JSON with a heartbeat.

use std::time::Duration;

use api::StreamFrame;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderValue, header};
use rpc::message::{Chunk, Failure};
use tokio_util::sync::CancellationToken;

use crate::refusal::Refusal;
use crate::respond::Answer;

/// How often a frame stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the first piece may take before the answer begins without it. Within it, a failure still has its status code.
const FIRST_PIECE: Duration = Duration::from_millis(300);

type Chunks = BoxStream<'static, Result<Chunk, Failure>>;

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{Offset, Data, File, FileEvent}`, and `{}` every second when there is nothing to say.
    Frames,
    /// The bytes of a text.
    Text,
    /// The bytes of a file of any kind.
    Bytes,
}

/// An answer whose body is the stream. It ends when the stream does, when the client goes, or when the agent shuts down.
pub(crate) async fn respond(mut chunks: Chunks, form: Form, shutdown: CancellationToken) -> Answer {
    let first = match tokio::time::timeout(FIRST_PIECE, chunks.next()).await {
        Ok(Some(Err(failure))) => return Err(Refusal::from(failure)),
        Ok(Some(Ok(chunk))) => Some(chunk),
        Ok(None) => {
            chunks = stream::empty().boxed();
            None
        }
        Err(_) => None,
    };
    let chunks = stream::iter(first.map(Ok)).chain(chunks).boxed();
    let mut response = Response::new(Body::from_stream(pieces(chunks, form, shutdown)));
    let content_type = match form {
        Form::Frames => "application/json",
        Form::Text => "text/plain; charset=utf-8",
        Form::Bytes => "application/octet-stream",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Files of jobs are nothing that a browser should run.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

enum Next {
    Piece(Bytes),
    Failed(Failure),
    End,
}

fn pieces(chunks: Chunks, form: Form, shutdown: CancellationToken) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::unfold(Some((chunks, shutdown)), move |state| async move {
        let (mut chunks, shutdown) = state?;
        match next(&mut chunks, form, &shutdown).await {
            Next::Piece(bytes) => Some((Ok(bytes), Some((chunks, shutdown)))),
            Next::Failed(failure) if form == Form::Frames => {
                // The status is sent already; the text is the last thing in the body.
                Some((Ok(Bytes::from(failure.text)), None))
            }
            Next::Failed(failure) => {
                // Cutting the body off is the only way left to say that it is not whole; what came before it goes out first.
                tokio::task::yield_now().await;
                Some((Err(std::io::Error::other(failure.text)), None))
            }
            Next::End => None,
        }
    })
}

async fn next(chunks: &mut Chunks, form: Form, shutdown: &CancellationToken) -> Next {
    loop {
        let chunk = tokio::select! {
            chunk = chunks.next() => chunk,
            () = tokio::time::sleep(HEARTBEAT), if form == Form::Frames => return Next::Piece(Bytes::from_static(b"{}")),
            () = shutdown.cancelled() => None,
        };
        return match chunk {
            None => Next::End,
            Some(Err(failure)) => Next::Failed(failure),
            Some(Ok(chunk)) if form == Form::Frames => Next::Piece(frame(chunk)),
            Some(Ok(chunk)) if chunk.data.is_empty() => continue,
            Some(Ok(chunk)) => Next::Piece(Bytes::from(chunk.data)),
        };
    }
}

fn frame(chunk: Chunk) -> Bytes {
    let frame = StreamFrame { offset: chunk.offset, data: chunk.data, file: chunk.file, file_event: chunk.file_event };
    // A frame is numbers and texts, which can always be written; an empty one is a heartbeat.
    Bytes::from(serde_json::to_vec(&frame).unwrap_or_else(|_| b"{}".to_vec()))
}
