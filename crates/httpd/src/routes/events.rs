//! `/v1/event/stream`: what the log entries of a region change, line by line.

use std::sync::Arc;
use std::time::Duration;

use api::{EventLine, EventStreamLine};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use model::{EventBatch, EventFilter, EventTopic, FollowedTopic, RegionName};
use rpc::message::{Read, ReadOptions, ReadValue};

use crate::filter::Filter;
use crate::list::{self, filter_refusal};
use crate::params::Params;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// A stream that has nothing to say says so this often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);
/// What stands for all regions of the pool.
const ALL_REGIONS: &str = "*";
/// Topics of the interface of which there is nothing to tell yet.
const SILENT: [&str; 11] = [
    "Service",
    "ACLToken",
    "ACLPolicy",
    "ACLRole",
    "ACLAuthMethod",
    "ACLBindingRule",
    "HostVolume",
    "CSIVolume",
    "CSIPlugin",
    "Operator",
    "Variable",
];

pub(super) async fn follow(cx: Cx) -> Answer {
    if cx.params.text("region") == ALL_REGIONS {
        return super::events_everywhere::follow(cx).await;
    }
    cx.only(Verb::Get)?;
    let filter = EventFilter { topics: topics(&cx.params)?, namespace: cx.list_namespace() };
    let wanted = Wanted::new(&cx.params)?;
    let after = cx.params.number::<u64>("index")?.filter(|index| *index > 0);
    // What is refused is refused before the answer begins, hence this first look does not wait.
    let (position, batches) = next(&cx, after, &filter, false, Duration::ZERO).await?;
    let following = Following { cx: Arc::new(cx), filter, wanted, position, first: Some(batches) };
    let mut response = Response::new(Body::from_stream(stream::unfold(Some(following), |following| async {
        let mut following = following?;
        match following.lines().await {
            Ok(lines) => Some((Ok(lines), Some(following))),
            // The status is sent already: the text is the last line, and the body is cut off after it.
            Err(refusal) => Some((Err(std::io::Error::other(refusal.text)), None)),
        }
    })));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

struct Following {
    cx: Arc<Cx>,
    filter: EventFilter,
    wanted: Wanted,
    /// Everything up to this index was told.
    position: u64,
    first: Option<Vec<EventBatch>>,
}

impl Following {
    /// The next lines, at least one.
    async fn lines(&mut self) -> Result<Bytes, Refusal> {
        let batches = match self.first.take().filter(|batches| !batches.is_empty()) {
            Some(batches) => batches,
            None => {
                let (position, batches) = next(&self.cx, Some(self.position), &self.filter, true, HEARTBEAT).await?;
                self.position = position;
                batches
            }
        };
        if batches.is_empty() {
            return Ok(Bytes::from_static(b"{}\n"));
        }
        let mut lines = Vec::new();
        for batch in &batches {
            lines.extend(self.wanted.line(batch, &RegionName::default())?);
        }
        // All that came is filtered away.
        if lines.is_empty() {
            lines.extend_from_slice(b"{}\n");
        }
        Ok(Bytes::from(lines))
    }
}

/// Which events are told, of those of the topics.
pub(super) struct Wanted(Option<Filter>);

impl Wanted {
    /// By the expression in the query, over the event as it is told.
    pub(super) fn new(params: &Params) -> Result<Self, Refusal> {
        list::filter::<EventLine>(params).map(Self)
    }

    /// The line of what one log entry changed; nothing when nothing of it is wanted.
    pub(super) fn line(&self, batch: &EventBatch, region: &RegionName) -> Result<Vec<u8>, Refusal> {
        let broken = |error: serde_json::Error| Refusal::internal(format!("an event could not be encoded: {error}"));
        let mut line = EventStreamLine { region: region.clone(), ..EventStreamLine::new(batch).map_err(broken)? };
        if let Some(filter) = &self.0 {
            let mut kept = Vec::with_capacity(line.events.len());
            for event in line.events {
                if filter.matches(&event).map_err(filter_refusal)? {
                    kept.push(event);
                }
            }
            if kept.is_empty() {
                return Ok(Vec::new());
            }
            line.events = kept;
        }
        let mut text = serde_json::to_vec(&line).map_err(broken)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// What came after `after`, and up to where that is everything.
async fn next(cx: &Cx, after: Option<u64>, filter: &EventFilter, gapless: bool, wait: Duration) -> Result<(u64, Vec<EventBatch>), Refusal> {
    let min_index = u64::from(!wait.is_zero());
    let options = ReadOptions { stale: true, min_index, wait: i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX) };
    let read = Read::Events { after, filter: filter.clone(), gapless };
    let (meta, ReadValue::Events(batches)) = cx.read_with(options, read).await? else { return Err(Refusal::mismatch()) };
    Ok((meta.index, batches))
}

/// `Topic`, `Topic:key`, `Topic:*` or `*`, any number of them; without one, everything.
pub(super) fn topics(params: &Params) -> Result<Vec<FollowedTopic>, Refusal> {
    let named: Vec<&str> = params.all("topic").collect();
    if named.is_empty() {
        return Ok(vec![FollowedTopic::default()]);
    }
    let mut topics = Vec::new();
    for text in named {
        let (name, key) = text.split_once(':').unwrap_or((text, "*"));
        if name.is_empty() || key.is_empty() {
            return Err(Refusal::bad_request(format!("Invalid key value pair for topic: {text:?}; it is Topic, Topic:key or Topic:*")));
        }
        let key = Some(key).filter(|key| *key != "*").map(str::to_owned);
        match name.parse::<EventTopic>() {
            _ if name == "*" => topics.push(FollowedTopic { topic: None, key }),
            Ok(topic) => topics.push(FollowedTopic { topic: Some(topic), key }),
            Err(_) if SILENT.contains(&name) => {}
            Err(error) => return Err(Refusal::bad_request(format!("topic: {error}, {}", SILENT.join(", ")))),
        }
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As written in the query, and refused with the known ones.
    #[test]
    fn topics_of_a_query() {
        let parse = |query: &str| topics(&Params::parse(query)).map_err(|refusal| refusal.text);
        let of = |topic, key: Option<&str>| FollowedTopic { topic, key: key.map(str::to_owned) };
        assert_eq!(parse(""), Ok(vec![of(None, None)]));
        assert_eq!(parse("topic=*"), Ok(vec![of(None, None)]));
        assert_eq!(parse("topic=*:*"), Ok(vec![of(None, None)]));
        assert_eq!(
            parse("topic=Job&topic=Allocation:web&topic=Node:*"),
            Ok(vec![of(Some(EventTopic::Job), None), of(Some(EventTopic::Allocation), Some("web")), of(Some(EventTopic::Node), None)])
        );
        assert_eq!(parse("topic=Service"), Ok(vec![]));
        assert!(parse("topic=Jobs").is_err_and(|text| text.contains("\"Jobs\"") && text.contains("Allocation")));
        assert!(parse("topic=Job:").is_err_and(|text| text.contains("Invalid key value pair")));
    }
}
