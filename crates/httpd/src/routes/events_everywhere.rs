//! `/v1/event/stream?region=*`: the events of all regions of the pool in one stream.
//!
//! Not part of the existing interface. A line is one of the interface's with the name of its region in `Region`; a region that cannot be
//! followed is told once, in a line with `Region` and `Error` and no events, and its events go on from where they ended when it is back. What
//! was missed meanwhile and is no longer kept there is told in the same way. Indexes are those of each region: `index=west:120,east:7` goes on
//! after them, and a region that is not named begins with what is new.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use model::{EventBatch, EventFilter, RegionName};
use rpc::message::{AgentReply, AgentRequest, Read, ReadOptions, ReadValue};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::events::{HEARTBEAT, Wanted, topics};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// Lines that wait for a reader who is slow; the regions wait with them.
const LINES_AHEAD: usize = 64;
/// A region that comes is followed after this time at the latest.
const LOOK_FOR_REGIONS: Duration = Duration::from_secs(2);
/// A region that cannot be reached is asked again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) async fn follow(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let filter = EventFilter { topics: topics(&cx.params)?, namespace: cx.list_namespace() };
    let wanted = Wanted::new(&cx.params)?;
    let positions = positions(cx.params.text("index"))?;
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    let mut tasks = JoinSet::new();
    tasks.spawn(everywhere(Arc::new(cx), Arc::new((filter, wanted)), positions, sender));
    // Who stops reading drops the tasks, and they end.
    let body = stream::unfold((lines, tasks), |(mut lines, tasks)| async {
        let line = match tokio::time::timeout(HEARTBEAT, lines.recv()).await {
            Ok(line) => line?,
            Err(_) => Bytes::from_static(b"{}\n"),
        };
        Some((Ok::<_, std::io::Error>(line), (lines, tasks)))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// `west:120,east:7`; a bare 0 or nothing: from now on, everywhere.
fn positions(text: &str) -> Result<BTreeMap<RegionName, u64>, Refusal> {
    if matches!(text, "" | "0") {
        return Ok(BTreeMap::new());
    }
    let position = |word: &str| {
        let (region, index) = word.rsplit_once(':')?;
        Some((RegionName::from(region), index.parse().ok()?)).filter(|(region, _)| !region.is_empty())
    };
    text.split(',').map(position).collect::<Option<_>>().ok_or_else(|| {
        Refusal::bad_request(format!("of all regions each has an index of its own: write index=west:120,east:7, not {text:?}"))
    })
}

/// Follows every region that there is, and those that come.
async fn everywhere(cx: Arc<Cx>, filter: Arc<(EventFilter, Wanted)>, positions: BTreeMap<RegionName, u64>, lines: mpsc::Sender<Bytes>) {
    let mut followed: BTreeMap<RegionName, tokio::task::AbortHandle> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    loop {
        for region in regions(&cx).await {
            followed.entry(region.clone()).or_insert_with(|| {
                let after = positions.get(&region).copied().filter(|index| *index > 0);
                tasks.spawn(one(Arc::clone(&cx), region, Arc::clone(&filter), after, lines.clone()))
            });
        }
        tokio::select! {
            () = lines.closed() => return,
            () = tokio::time::sleep(LOOK_FOR_REGIONS) => {}
        }
    }
}

/// This agent's own region at least.
async fn regions(cx: &Cx) -> Vec<RegionName> {
    let own = cx.own_region();
    match cx.agent(own.clone(), AgentRequest::Regions).await {
        Ok(AgentReply::Regions(known)) => known.into_iter().map(RegionName::from).collect(),
        _ => vec![own],
    }
}

/// Follows one region until nobody reads any more.
async fn one(cx: Arc<Cx>, region: RegionName, filter: Arc<(EventFilter, Wanted)>, mut after: Option<u64>, lines: mpsc::Sender<Bytes>) {
    let mut is_away = false;
    // The first look does not insist on what is no longer kept, as for one region.
    let mut is_first = true;
    loop {
        let wait = if is_first { Duration::ZERO } else { HEARTBEAT };
        match next(&cx, &region, after, &filter.0, !is_first && after.is_some(), wait).await {
            Ok((position, batches)) => {
                (after, is_away, is_first) = (Some(position), false, false);
                for batch in &batches {
                    let line = match filter.1.line(batch, &region) {
                        Ok(line) if line.is_empty() => continue,
                        Ok(line) => Bytes::from(line),
                        // It makes no sense for any region.
                        Err(refusal) => {
                            let _ = lines.send(trouble(&region, &refusal.text)).await;
                            return;
                        }
                    };
                    if lines.send(line).await.is_err() {
                        return;
                    }
                }
            }
            Err(refusal) => {
                let is_gone = refusal.text.contains("no longer kept");
                if !is_away || is_gone {
                    is_away = true;
                    if lines.send(trouble(&region, &refusal.text)).await.is_err() {
                        return;
                    }
                }
                if is_gone {
                    // It is said that something is missing; what there still is follows.
                    is_first = true;
                    continue;
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}

async fn next(
    cx: &Cx,
    region: &RegionName,
    after: Option<u64>,
    filter: &EventFilter,
    gapless: bool,
    wait: Duration,
) -> Result<(u64, Vec<EventBatch>), Refusal> {
    let min_index = u64::from(!wait.is_zero());
    let options = ReadOptions { stale: true, min_index, wait: i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX) };
    let read = Read::Events { after, filter: filter.clone(), gapless };
    let (meta, ReadValue::Events(batches)) = cx.read_in(region.clone(), options, read).await? else { return Err(Refusal::mismatch()) };
    Ok((meta.index, batches))
}

fn trouble(region: &RegionName, error: &str) -> Bytes {
    Bytes::from(format!("{}\n", serde_json::json!({"Region": region.as_str(), "Error": error})))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each region has an index of its own; one for all of them means nothing.
    #[test]
    fn positions_of_regions() {
        let parse = |text: &str| positions(text).map_err(|refusal| refusal.text);
        assert_eq!(parse(""), Ok(BTreeMap::new()));
        assert_eq!(parse("0"), Ok(BTreeMap::new()));
        assert_eq!(parse("west:120,east:7"), Ok([("west".into(), 120), ("east".into(), 7)].into()));
        for text in ["120", "west", "west:x", ":5", "west:1,,east:2"] {
            assert!(parse(text).is_err_and(|text| text.contains("index=west:120,east:7")), "{text}");
        }
    }
}
