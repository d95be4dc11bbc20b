//! `/v1/operator/snapshot`: a region's whole state as an archive, out of it and back.
//!
//! Both ways it lies on this agent's disk for a moment, in files without a name: its checksum is a header, and nothing of an archive that is
//! damaged shall reach the region.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::archive::{self, ArchiveMeta};
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use http_body_util::BodyExt;
use model::Uuid;
use rpc::message::{Reply, Request, SNAPSHOT_PIECE, SnapshotInfo, SnapshotReply, SnapshotRequest};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{Answer, Meta};

const DIGEST: HeaderName = HeaderName::from_static("digest");
/// A client that sends nothing for so long is gone.
const PIECE_PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn snapshot(cx: Cx) -> Answer {
    match cx.verb() {
        Verb::Get => save(cx).await,
        Verb::Put => restore(cx).await,
        Verb::Delete | Verb::Other => Err(Refusal::wrong_verb()),
    }
}

fn on_disk(error: impl std::fmt::Display) -> Refusal {
    Refusal::internal(format!("the snapshot could not be kept on this agent's disk for the moment: {error}"))
}

async fn ask(cx: &Cx, request: SnapshotRequest) -> Result<SnapshotReply, Refusal> {
    match cx.call(cx.region(), Request::Snapshot(request)).await? {
        Reply::Snapshot(reply) => Ok(reply),
        _ => Err(Refusal::mismatch()),
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(on_disk)?
}

// ---- out

async fn save(cx: Cx) -> Answer {
    let stale = cx.params.read_options()?.stale;
    let SnapshotReply::Taken(taken) = ask(&cx, SnapshotRequest::Take { stale }).await? else { return Err(Refusal::mismatch()) };
    let mut state = tokio::fs::File::from_std(tempfile::tempfile().map_err(on_disk)?);
    let mut offset = 0;
    while offset < taken.length {
        let request = SnapshotRequest::Read { stale, blake3: taken.blake3, offset };
        let SnapshotReply::Piece(piece) = ask(&cx, request).await? else { return Err(Refusal::mismatch()) };
        if piece.is_empty() {
            return Err(Refusal::internal(format!("the snapshot ended after {offset} of {} bytes", taken.length)));
        }
        state.write_all(&piece).await.map_err(on_disk)?;
        offset += piece.len() as u64;
    }
    state.flush().await.map_err(on_disk)?;
    let state = state.into_std().await;
    let meta = meta_of(&taken);
    let (file, sum) = blocking(move || pack(&meta, state)).await?;
    let digest = format!("sha-256={}", STANDARD.encode(sum));
    let mut response = Response::new(Body::from_stream(tokio_util::io::ReaderStream::with_capacity(file, SNAPSHOT_PIECE)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    headers.insert(DIGEST, HeaderValue::from_str(&digest).map_err(on_disk)?);
    Meta::written(taken.index).put(headers);
    Ok(response)
}

fn meta_of(taken: &SnapshotInfo) -> ArchiveMeta {
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    ArchiveMeta {
        id: format!("{}-{}-{milliseconds}", taken.term, taken.index),
        index: taken.index,
        term: taken.term,
        size: taken.length,
        region: taken.region.to_string(),
        cluster: taken.cluster.to_string(),
        ..Default::default()
    }
}

fn pack(meta: &ArchiveMeta, mut state: File) -> Result<(tokio::fs::File, [u8; 32]), Refusal> {
    state.rewind().map_err(on_disk)?;
    let mut file = tempfile::tempfile().map_err(on_disk)?;
    let sum = archive::write(&mut file, meta, std::io::BufReader::new(state)).map_err(on_disk)?;
    file.rewind().map_err(on_disk)?;
    Ok((tokio::fs::File::from_std(file), sum))
}

// ---- back

async fn restore(mut cx: Cx) -> Answer {
    let archive = receive(&mut cx).await?;
    let state = blocking(move || unpack(archive)).await?;
    // Looked through once before anything happens: what is damaged changes nothing.
    let (state, n_records) = blocking(move || count(state)).await?;
    let id = Uuid::new_v4();
    ask(&cx, SnapshotRequest::Begin { id }).await?;
    match send(&cx, id, state, n_records).await {
        Ok(index) => {
            let mut response = Response::new(Body::empty());
            Meta::written(index).put(response.headers_mut());
            Ok(response)
        }
        Err(refusal) => {
            // If this does not get through, the leader gives it up by itself.
            let _ = ask(&cx, SnapshotRequest::Cancel { id }).await;
            Err(refusal)
        }
    }
}

/// The body, as a file.
async fn receive(cx: &mut Cx) -> Result<File, Refusal> {
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(on_disk)?);
    let body = cx.body();
    while let Some(frame) = tokio::time::timeout(PIECE_PATIENCE, body.frame()).await.map_err(|_| too_slow())? {
        let frame = frame.map_err(|error| Refusal::bad_request(format!("Request body could not be read: {error}")))?;
        let piece: Bytes = frame.into_data().unwrap_or_default();
        file.write_all(&piece).await.map_err(on_disk)?;
    }
    file.flush().await.map_err(on_disk)?;
    file.rewind().await.map_err(on_disk)?;
    let mut first = [0; 1];
    if file.read(&mut first).await.map_err(on_disk)? == 0 {
        return Err(Refusal::bad_request("Request body is empty: it must be an archive that `operator snapshot save` wrote"));
    }
    file.rewind().await.map_err(on_disk)?;
    Ok(file.into_std().await)
}

fn too_slow() -> Refusal {
    Refusal::new(http::StatusCode::REQUEST_TIMEOUT, format!("nothing of the request body arrived within {} s", PIECE_PATIENCE.as_secs()))
}

fn unpack(archive: File) -> Result<File, Refusal> {
    let mut state = tempfile::tempfile().map_err(on_disk)?;
    archive::read(std::io::BufReader::new(archive), std::io::BufWriter::new(&state))
        .map_err(|error| Refusal::bad_request(error.to_string()))?;
    state.flush().map_err(on_disk)?;
    state.rewind().map_err(on_disk)?;
    Ok(state)
}

fn each_record(state: &mut File, on_record: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), Refusal> {
    state.rewind().map_err(on_disk)?;
    raftstore::read_records(state, Path::new("state.bin"), on_record).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn count(mut state: File) -> Result<(File, u64), Refusal> {
    let mut n_records = 0;
    each_record(&mut state, |_| {
        n_records += 1;
        Ok(())
    })?;
    Ok((state, n_records))
}

/// Sends the records, a piece at a time; gives the index of the log entry with which they took effect.
async fn send(cx: &Cx, id: Uuid, mut state: File, n_records: u64) -> Result<u64, Refusal> {
    let (pieces, mut ready) = mpsc::channel::<Vec<Vec<u8>>>(2);
    let reading = tokio::task::spawn_blocking(move || {
        let gone = |_| "nobody waits for it".to_owned();
        let (mut piece, mut n_bytes) = (Vec::new(), 0);
        each_record(&mut state, |record| {
            if !piece.is_empty() && n_bytes + record.len() > SNAPSHOT_PIECE {
                pieces.blocking_send(std::mem::take(&mut piece)).map_err(gone)?;
                n_bytes = 0;
            }
            n_bytes += record.len();
            piece.push(record.to_vec());
            Ok(())
        })?;
        // If it does not arrive, the one who waited has its own reason.
        let _ = pieces.blocking_send(piece);
        Ok::<(), Refusal>(())
    });
    let mut position = 0;
    while let Some(records) = ready.recv().await {
        ask(cx, SnapshotRequest::Put { id, position, records }).await?;
        position += 1;
    }
    reading.await.map_err(on_disk)??;
    match ask(cx, SnapshotRequest::Finish { id, n_records }).await? {
        SnapshotReply::Done { index } => Ok(index),
        _ => Err(Refusal::mismatch()),
    }
}
