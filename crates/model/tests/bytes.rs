//! The bytes of nouns: everything comes back as it was, and words keep their positions.

use model::codec::{from_body, to_body};
use model::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use testkit::{any, full};

/// Values tried of each type.
const SEEDS: u64 = 200;

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>() {
    let name = std::any::type_name::<T>();
    for value in full::<T>(1).into_iter().chain((0..SEEDS).map(any::<T>)) {
        let bytes = to_body(&value).unwrap_or_else(|error| panic!("{name}: {error}"));
        let read: T = from_body(&bytes).unwrap_or_else(|error| panic!("{name}: {error}: {value:?}"));
        assert_eq!(read, value, "{name}");
        assert_eq!(to_body(&read).ok(), Some(bytes), "{name}");
    }
}

/// All fields of all types survive the bytes, in whatever combination they are filled.
#[test]
fn what_is_written_is_read() {
    round_trip::<Job>();
    round_trip::<JobSubmission>();
    round_trip::<JobSummary>();
    round_trip::<Allocation>();
    round_trip::<AllocUpdate>();
    round_trip::<Evaluation>();
    round_trip::<Deployment>();
    round_trip::<Node>();
    round_trip::<Rollout>();
    round_trip::<RolloutHeader>();
    round_trip::<RegionRecord>();
    round_trip::<DesiredUpdates>();
    round_trip::<AllocMetric>();
}

/// Cut or damaged bytes are an error, never a panic and never the value.
#[test]
fn cut_bytes_are_refused() {
    let job = full::<Job>(0).expect("a job");
    let bytes = to_body(&job).expect("bytes");
    for length in 0..bytes.len() {
        assert!(from_body::<Job>(&bytes[..length]).is_err(), "cut at {length}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(from_body::<Job>(&longer).is_err(), "with a byte too many");
}

/// The position of a word is what is stored: words are only ever appended.
#[test]
fn words_keep_their_positions() {
    fn check<T: Serialize + Copy>(all: &[T], words: &str) {
        let name = std::any::type_name::<T>();
        let expected: Vec<&str> = words.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        for (position, value) in all.iter().enumerate() {
            assert_eq!(to_body(value).expect("bytes"), [position as u8], "{name}");
            assert_eq!(
                serde_json::to_value(value).expect("json").as_str(),
                expected.get(position).copied(),
                "{name}: position {position} was something else: append new words at the end, and here"
            );
        }
        assert_eq!(all.len(), expected.len(), "{name}: append new words here too");
    }
    check(JobType::ALL, "service batch system sysbatch");
    check(JobStatus::ALL, "pending running dead");
    check(DesiredStatus::ALL, "run stop evict");
    check(ClientStatus::ALL, "pending running complete failed lost unknown");
    check(TaskPhase::ALL, "pending running dead");
    check(EvalStatus::ALL, "pending blocked complete failed canceled");
    check(
        EvalTrigger::ALL,
        "job-register job-deregister periodic-job node-drain node-update alloc-stop scheduled rolling-update deployment-watcher \
         failed-follow-up max-plan-attempts alloc-failure queued-allocs preemption job-scaling max-disconnect-timeout reconnect \
         alloc-reschedule",
    );
    check(DeploymentStatus::ALL, "running paused failed successful cancelled initializing pending blocked unblocking");
    check(NodeStatus::ALL, "initializing ready down disconnected");
    check(Eligibility::ALL, "eligible ineligible");
    check(RestartMode::ALL, "fail delay");
    check(DelayFunction::ALL, "constant exponential fibonacci");
    check(HealthCheck::ALL, "'' checks task_states manual");
    check(OnFailure::ALL, "'' fail_all fail_local");
    check(LifecycleHook::ALL, "'' prestart poststart poststop");
    check(DrainStatus::ALL, "'' draining complete canceled");
    check(RolloutKind::ALL, "run stop");
    check(
        Phase::ALL,
        "voted rejected withdrawn adopted running paused blocked held unblocking successful failed cancelled dropped stopped",
    );
}

/// What phases say about themselves; the guards of rollouts stand on it.
#[test]
fn phases() {
    // Adopted here, slot free again, at its end.
    for (phase, adopted, done, terminal) in [
        (Phase::Voted, false, false, false),
        (Phase::Rejected, false, false, true),
        (Phase::Withdrawn, false, false, true),
        (Phase::Adopted, true, false, false),
        (Phase::Running, true, false, false),
        (Phase::Paused, true, false, false),
        (Phase::Blocked, true, true, false),
        (Phase::Held, true, true, false),
        (Phase::Unblocking, true, true, false),
        (Phase::Successful, true, true, true),
        (Phase::Failed, true, true, true),
        (Phase::Cancelled, true, true, true),
        (Phase::Dropped, true, true, true),
        (Phase::Stopped, true, true, true),
    ] {
        assert_eq!((phase.is_adopted(), phase.is_done(), phase.is_terminal()), (adopted, done, terminal), "{phase}");
    }
}
