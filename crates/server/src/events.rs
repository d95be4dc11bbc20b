//! The events of the last log entries, for those who follow them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Allocation, Event, EventBatch, EventFilter, EventSubject, Rollout};
use rpc::message::Failure;
use tokio::sync::Notify;
use tokio::time::Instant;

/// An answer ends with the entry that brings it to so many events.
const EVENTS_PER_ANSWER: usize = 512;

/// The events that are kept. All servers of a region have the same ones, as far as they have come and as far back as they go.
pub struct Events {
    /// Entries with events that are kept.
    capacity: usize,
    kept: Mutex<Kept>,
    news: Notify,
}

#[derive(Default)]
struct Kept {
    /// Nothing is missing after this entry, and nothing up to it is here.
    after: u64,
    /// The last entry that was applied.
    upto: u64,
    /// In the order of the log.
    batches: VecDeque<EventBatch>,
}

impl Events {
    /// `capacity` 0: there is no event stream.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default(), news: Notify::new() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries up to `upto` were applied.
    pub fn add(&self, upto: u64, batches: Vec<EventBatch>) {
        let mut kept = self.kept();
        kept.upto = upto;
        if batches.is_empty() {
            return;
        }
        kept.batches.extend(batches);
        while kept.batches.len() > self.capacity {
            if let Some(gone) = kept.batches.pop_front() {
                kept.after = gone.index;
            }
        }
        drop(kept);
        self.news.notify_waiters();
    }

    /// The state was replaced by that of entry `upto`: what led to it is not known.
    pub fn begin_anew(&self, upto: u64) {
        *self.kept() = Kept { after: upto, upto, batches: VecDeque::new() };
    }

    /// What entries after `after` brought, as [`rpc::message::Read::Events`] says, with the last entry that was looked at. Waits at most
    /// `wait` for the first.
    pub async fn next(
        &self,
        after: Option<u64>,
        filter: &EventFilter,
        mut gapless: bool,
        wait: Duration,
    ) -> Result<(u64, Vec<EventBatch>), Failure> {
        if self.capacity == 0 {
            return Err(Failure::bad_request("there is no event stream here: it is turned off by server.enable_event_broker"));
        }
        let deadline = Instant::now() + wait;
        let mut position = after;
        loop {
            let woken = self.news.notified();
            let (upto, batches) = self.look(position, filter, gapless)?;
            if !batches.is_empty() || Instant::now() >= deadline {
                return Ok((upto, batches.into_iter().map(told).collect()));
            }
            position = Some(upto);
            gapless = true;
            let _ = tokio::time::timeout_at(deadline, woken).await;
        }
    }

    fn look(&self, after: Option<u64>, filter: &EventFilter, gapless: bool) -> Result<(u64, Vec<EventBatch>), Failure> {
        let kept = self.kept();
        let after = after.unwrap_or_else(|| kept.batches.back().map_or(kept.upto, |newest| newest.index.saturating_sub(1)));
        if gapless && after < kept.after {
            return Err(Failure::internal(format!(
                "events after index {after} are no longer kept, only those after {}: read faster, or raise server.event_buffer_size",
                kept.after
            )));
        }
        let first = kept.batches.partition_point(|batch| batch.index <= after);
        let (mut found, mut n_events) = (Vec::new(), 0);
        for batch in kept.batches.range(first..) {
            let events: Vec<Event> = batch.events.iter().filter(|event| filter.matches(event)).cloned().collect();
            if events.is_empty() {
                continue;
            }
            n_events += events.len();
            found.push(EventBatch { index: batch.index, events });
            if n_events >= EVENTS_PER_ANSWER {
                return Ok((batch.index, found));
            }
        }
        Ok((after.max(kept.upto), found))
    }
}

/// Without what would come again and again.
fn told(batch: EventBatch) -> EventBatch {
    let strip = |event: Event| {
        let subject = match event.subject {
            EventSubject::Allocation(alloc) if alloc.job.is_some() => {
                EventSubject::Allocation(Arc::new(Allocation { job: None, ..(*alloc).clone() }))
            }
            EventSubject::Rollout(rollout) if rollout.source.is_some() => {
                EventSubject::Rollout(Arc::new(Rollout { source: None, ..(*rollout).clone() }))
            }
            other => other,
        };
        Event { subject, ..event }
    };
    EventBatch { index: batch.index, events: batch.events.into_iter().map(strip).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Evaluation, EventTopic, EventType, FollowedTopic};

    fn batch(index: u64, job: &str) -> EventBatch {
        let eval = Evaluation { job_id: job.into(), namespace: "default".into(), ..Default::default() };
        let subject = EventSubject::Evaluation(Arc::new(eval));
        EventBatch { index, events: vec![Event { kind: EventType::EvaluationUpdated, subject, deleted: false }] }
    }

    fn of(job: Option<&str>) -> EventFilter {
        let followed = FollowedTopic { topic: Some(EventTopic::Evaluation), key: job.map(str::to_owned) };
        EventFilter { topics: vec![followed], namespace: None }
    }

    /// The indexes that come, and the position after them; the text of a refusal.
    async fn next(events: &Events, after: Option<u64>, job: Option<&str>, gapless: bool) -> Result<(u64, Vec<u64>), String> {
        let answer = events.next(after, &of(job), gapless, Duration::ZERO).await.map_err(|failure| failure.text)?;
        Ok((answer.0, answer.1.iter().map(|batch| batch.index).collect()))
    }

    #[tokio::test]
    async fn positions() {
        // nothing yet; the newest first; after an index; what is no longer kept; what does not concern the filter; a server that is behind
        let events = Events::new(3);
        assert_eq!(next(&events, None, None, true).await, Ok((0, vec![])));
        events.add(4, vec![batch(2, "a"), batch(4, "b")]);
        assert_eq!(next(&events, None, None, true).await, Ok((4, vec![4])));
        assert_eq!(next(&events, Some(0), None, true).await, Ok((4, vec![2, 4])));
        assert_eq!(next(&events, Some(2), None, true).await, Ok((4, vec![4])));
        events.add(9, vec![batch(6, "a"), batch(8, "b")]);
        assert_eq!(next(&events, Some(0), None, false).await, Ok((9, vec![4, 6, 8])));
        let refused = next(&events, Some(1), None, true).await.expect_err("entry 2 is gone");
        assert!(refused.contains("after index 1 are no longer kept"), "{refused}");
        assert_eq!(next(&events, Some(2), None, true).await, Ok((9, vec![4, 6, 8])));
        assert_eq!(next(&events, Some(2), Some("b"), true).await, Ok((9, vec![4, 8])));
        assert_eq!(next(&events, Some(20), None, true).await, Ok((20, vec![])));
        events.begin_anew(50);
        assert!(next(&events, Some(9), None, true).await.is_err());
        assert_eq!(next(&events, Some(9), None, false).await, Ok((50, vec![])));
    }

    #[tokio::test]
    async fn what_is_waited_for() {
        // somebody else's event does not end the wait; the own one does, and it is the only one that comes
        let events = Arc::new(Events::new(10));
        let filter = of(Some("b"));
        let waiting = events.next(None, &filter, false, Duration::from_secs(60));
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        events.add(1, vec![batch(1, "a")]);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        events.add(2, vec![batch(2, "b")]);
        let (upto, batches) = waiting.await.expect("events");
        assert_eq!((upto, batches), (2, vec![batch(2, "b")]));
    }

    #[tokio::test]
    async fn turned_off() {
        let refused = next(&Events::new(0), None, None, true).await.expect_err("no event stream");
        assert!(refused.contains("server.enable_event_broker"), "{refused}");
    }

    /// An answer ends between entries, and the next one goes on from there.
    #[tokio::test]
    async fn many_at_once() {
        let events = Events::new(EVENTS_PER_ANSWER * 2);
        let batches: Vec<EventBatch> = (1..=EVENTS_PER_ANSWER as u64 + 7).map(|index| batch(index, "a")).collect();
        events.add(batches.len() as u64, batches);
        let (upto, first) = next(&events, Some(0), None, true).await.expect("events");
        assert_eq!((upto, first.len()), (EVENTS_PER_ANSWER as u64, EVENTS_PER_ANSWER));
        let (_, rest) = next(&events, Some(upto), None, true).await.expect("events");
        assert_eq!(rest.len(), 7);
    }
}
