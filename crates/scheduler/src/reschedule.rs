//! Whether and when a failed allocation is placed anew.

use model::{Allocation, DelayFunction, NodeId, RescheduleEvent, ReschedulePolicy, RescheduleTracker};

/// What is due this soon is done now.
const SOON: i64 = 1_000_000_000;
/// Attempts remembered by a policy without limit.
const EVENTS_KEPT: usize = 5;
/// The tracker's word for an attempt that found a node.
const PLACED: &str = "ok";

/// What the policy says of a failed allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Never,
    Now {
        delay: i64,
    },
    /// At this time (unix nanoseconds).
    Later(i64),
}

/// `is_due`: the evaluation that was made for this very moment is running.
pub(crate) fn judge(alloc: &Allocation, policy: Option<&ReschedulePolicy>, is_due: bool, now: i64) -> Verdict {
    let transition = &alloc.desired_transition;
    if transition.force_reschedule == Some(true) {
        return Verdict::Now { delay: 0 };
    }
    let Some(policy) = policy else { return Verdict::Never };
    let failed_at = failed_at(alloc);
    let events = alloc.reschedule_tracker.as_ref().map(|tracker| tracker.events.as_slice()).unwrap_or_default();
    if !policy.unlimited && n_within(events, policy.interval, failed_at) >= policy.attempts.max(0) as usize {
        return Verdict::Never;
    }
    let delay = next_delay(policy, events, failed_at);
    let at = failed_at.saturating_add(delay);
    if is_due || at.saturating_sub(now) <= SOON { Verdict::Now { delay } } else { Verdict::Later(at) }
}

/// When the last task ended; what the region noted last if no task says.
fn failed_at(alloc: &Allocation) -> i64 {
    let states = alloc.task_states.all();
    let ends = states.values().map(|state| state.finished_at.0);
    ends.max().filter(|end| *end > 0).unwrap_or(alloc.modify_time)
}

fn n_within(events: &[RescheduleEvent], interval: i64, until: i64) -> usize {
    events.iter().filter(|event| until.saturating_sub(event.reschedule_time) < interval).count()
}

/// The delay that the policy asks for after these attempts, in nanoseconds.
fn next_delay(policy: &ReschedulePolicy, events: &[RescheduleEvent], failed_at: i64) -> i64 {
    let base = policy.delay.max(0);
    let Some(last) = events.last() else { return base };
    let before_last = events.len().checked_sub(2).and_then(|position| events.get(position));
    let grown = match policy.delay_function {
        DelayFunction::Constant => return base,
        DelayFunction::Exponential => last.delay.saturating_mul(2),
        DelayFunction::Fibonacci => before_last.map_or(base, |before| last.delay.saturating_add(before.delay)),
    };
    let grown = grown.max(base);
    let delay = if policy.max_delay > 0 { grown.min(policy.max_delay) } else { grown };
    // It ran longer than it would have to wait: the trouble is over, the next one starts from the beginning.
    let lived = failed_at.saturating_sub(last.reschedule_time);
    if lived > delay { base } else { delay }
}

/// What the replacement remembers.
pub(crate) fn extend_tracker(alloc: &Allocation, policy: Option<&ReschedulePolicy>, delay: i64, now: i64) -> RescheduleTracker {
    let mut events = alloc.reschedule_tracker.as_ref().map(|tracker| tracker.events.clone()).unwrap_or_default();
    match policy {
        Some(policy) if !policy.unlimited => events.retain(|event| now.saturating_sub(event.reschedule_time) < policy.interval),
        _ => {
            let surplus = (events.len() + 1).saturating_sub(EVENTS_KEPT);
            events.drain(..surplus);
        }
    }
    events.push(RescheduleEvent { reschedule_time: now, prev_alloc_id: alloc.id, prev_node_id: alloc.node_id, delay });
    RescheduleTracker { events, last_reschedule: PLACED.to_owned() }
}

/// Where earlier attempts failed.
pub(crate) fn failed_nodes(tracker: &RescheduleTracker) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = tracker.events.iter().map(|event| event.prev_node_id).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use model::{TaskState, Time};

    const SECOND: i64 = 1_000_000_000;

    /// `attempts`: when they were made and after which delay, in seconds; the allocation failed at second 1000.
    fn alloc(attempts: &[(i64, i64)]) -> Allocation {
        let event =
            |(at, delay): &(i64, i64)| RescheduleEvent { reschedule_time: at * SECOND, delay: delay * SECOND, ..Default::default() };
        let state = TaskState { finished_at: Time(1000 * SECOND), ..Default::default() };
        Allocation {
            reschedule_tracker: Some(Arc::new(RescheduleTracker { events: attempts.iter().map(event).collect(), ..Default::default() })),
            task_states: BTreeMap::from([("t".to_owned(), state)]).into(),
            ..Allocation::default()
        }
    }

    fn policy(delay_function: DelayFunction, attempts: i64, interval: i64, delay: i64, max_delay: i64) -> ReschedulePolicy {
        ReschedulePolicy {
            attempts,
            interval: interval * SECOND,
            delay: delay * SECOND,
            delay_function,
            max_delay: max_delay * SECOND,
            unlimited: attempts == 0,
        }
    }

    /// Delays grow as their function says, are capped, begin anew after a long life; limits count within the interval. `Some(d)`: due `d`
    /// seconds after the failure.
    #[test]
    fn delays_and_limits() {
        use DelayFunction::{Constant, Exponential, Fibonacci};
        type Row = (ReschedulePolicy, Vec<(i64, i64)>, Option<i64>);
        let rows: Vec<Row> = vec![
            (policy(Constant, 0, 0, 30, 0), vec![], Some(30)),
            (policy(Constant, 0, 0, 30, 0), vec![(990, 30), (995, 30)], Some(30)),
            (policy(Exponential, 0, 0, 30, 3600), vec![], Some(30)),
            (policy(Exponential, 0, 0, 30, 3600), vec![(990, 30)], Some(60)),
            (policy(Exponential, 0, 0, 30, 3600), vec![(900, 30), (990, 60)], Some(120)),
            (policy(Exponential, 0, 0, 30, 100), vec![(900, 30), (990, 60)], Some(100)),
            (policy(Exponential, 0, 0, 30, 3600), vec![(900, 30)], Some(30)),
            (policy(Fibonacci, 0, 0, 30, 3600), vec![(990, 30)], Some(30)),
            (policy(Fibonacci, 0, 0, 30, 3600), vec![(980, 30), (990, 30)], Some(60)),
            (policy(Fibonacci, 0, 0, 30, 3600), vec![(980, 30), (985, 60), (990, 90)], Some(150)),
            (policy(Constant, 1, 3600, 5, 0), vec![], Some(5)),
            (policy(Constant, 1, 3600, 5, 0), vec![(990, 5)], None),
            (policy(Constant, 1, 100, 5, 0), vec![(800, 5)], Some(5)),
            (policy(Constant, 2, 3600, 5, 0), vec![(990, 5)], Some(5)),
        ];
        for (policy, attempts, expected) in rows {
            let verdict = judge(&alloc(&attempts), Some(&policy), false, 1000 * SECOND);
            let expected = expected.map_or(Verdict::Never, |delay| Verdict::Later((1000 + delay) * SECOND));
            assert_eq!(verdict, expected, "{policy:?} {attempts:?}");
        }
    }

    /// Due within a second, by its own evaluation or by force: now. Without a policy: never.
    #[test]
    fn now_or_never() {
        let policy = policy(DelayFunction::Constant, 1, 3600, 30, 0);
        let now = |delay| Verdict::Now { delay: delay * SECOND };
        assert_eq!(judge(&alloc(&[]), Some(&policy), false, 1029 * SECOND), now(30));
        assert_eq!(judge(&alloc(&[]), Some(&policy), true, 1000 * SECOND), now(30));
        assert_eq!(judge(&alloc(&[(990, 30)]), Some(&policy), true, 1000 * SECOND), Verdict::Never);
        assert_eq!(judge(&alloc(&[]), None, true, 1000 * SECOND), Verdict::Never);
        let mut forced = alloc(&[(990, 30)]);
        forced.desired_transition.force_reschedule = Some(true);
        assert_eq!(judge(&forced, None, false, 1000 * SECOND), now(0));
    }

    /// A policy without limit remembers five attempts, one with limit those within its interval.
    #[test]
    fn trackers() {
        let many: Vec<(i64, i64)> = (0..9).map(|i| (900 + i, 30)).collect();
        let unlimited = policy(DelayFunction::Constant, 0, 0, 30, 0);
        let tracker = extend_tracker(&alloc(&many), Some(&unlimited), SECOND, 1000 * SECOND);
        assert_eq!(tracker.events.iter().map(|event| event.reschedule_time / SECOND).collect::<Vec<_>>(), [905, 906, 907, 908, 1000]);
        let limited = policy(DelayFunction::Constant, 20, 96, 30, 0);
        let tracker = extend_tracker(&alloc(&many), Some(&limited), SECOND, 1000 * SECOND);
        assert_eq!(tracker.events.iter().map(|event| event.reschedule_time / SECOND).collect::<Vec<_>>(), [905, 906, 907, 908, 1000]);
    }
}
