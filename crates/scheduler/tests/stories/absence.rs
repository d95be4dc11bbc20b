//! Nodes that are not heard of, and return.

use model::{ClientStatus, EvalTrigger, Time};
use testkit::SECOND;

use crate::script::{Story, check};

/// Unknown, replaced or not, and lost in the end.
#[test]
fn unknown_and_lost() {
    check(&[
        // Without the block: lost at once.
        ("nodes a b; job service count=2; run; disconnect a", "0@b 1@b; 1 lost"),
        ("nodes a b; job service count=2; run; down a", "0@b 1@b; 1 lost"),
        // With it: unknown, and replaced at once.
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a", "0@a? 0@b; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; look; look", "0@a? 0@b; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; wait 59; due", "0@a? 0@b; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; wait 60; due", "0@b; 1 lost"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; wait 60; look", "0@b; 1 lost"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; down a", "0@b; 1 lost"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; forget a", "0@b; 1 lost"),
        // What had not started yet may start any moment: it is unknown too.
        ("nodes a; job service lost_after=60; nodes b; disconnect a", "0@a? 0@b; 1 waiting"),
        // Not replaced while unknown.
        ("nodes a; job service lost_after=60 replace=no; run; nodes b; disconnect a", "0@a?; 1 waiting"),
        ("nodes a; job service lost_after=60 replace=no; run; nodes b; disconnect a; wait 60; due", "0@b; 1 lost"),
        ("nodes a; job service lost_after=60 replace=no; run; nodes b; disconnect a; down a", "0@b; 1 lost"),
        // Nobody is replaced as long as the node is away.
        ("nodes a; job service replace=no; run; nodes b; down a", "0@a?"),
        ("nodes a; job service replace=no; run; nodes b; down a; look; look", "0@a?"),
        ("nodes a; job service replace=no; run; nodes b; disconnect a; down a; ready a", "0@a?"),
        ("nodes a; job service replace=no; run; nodes b; down a; ready a; up a", "0@a"),
        ("nodes a; job service replace=no; run; nodes b; down a; ready a; fail a", "0@b"),
        ("nodes a; job service replace=no; run; nodes b; down a; stop", "; 1 lost"),
        ("nodes a b; job system replace=no; run; down a", "a? b"),
        ("nodes a; job service replace=no; run; nodes b; down a; forget a", "0@b; 1 lost"),
        // No room for the replacement: it waits, and comes.
        ("nodes a; job service lost_after=60; run; disconnect a", "0@a?; 1 queued; 1 waiting"),
        ("nodes a; job service lost_after=60; run; disconnect a; nodes b", "0@a? 0@b; 1 waiting"),
        ("nodes a; job service lost_after=60; run; disconnect a; wait 60; due; nodes b", "0@b; 1 lost"),
        ("nodes a; job service lost_after=60; run; disconnect a; ready a; up", "0@a"),
        // Several of one node share a follow-up.
        ("nodes a; job service count=3 lost_after=60 replace=no; run; nodes b; disconnect a", "0@a? 1@a? 2@a?; 1 waiting"),
        // Batch: what was done stays done.
        ("nodes a; job batch count=2 lost_after=60; up; nodes b; done 0@a; disconnect a", "0@a= 1@a? 1@b; 1 waiting"),
        ("nodes a; job batch lost_after=60; up; nodes b; disconnect a; wait 60; due", "0@b; 1 lost"),
        // System and sysbatch jobs: never elsewhere.
        ("nodes a b; job system lost_after=60; run; disconnect a", "a? b; 1 waiting"),
        ("nodes a b; job system lost_after=60; run; disconnect a; wait 60; due", "b; 1 lost"),
        ("nodes a b; job system lost_after=60; run; disconnect a; wait 60; due; ready a", "a b; 1 lost"),
        ("nodes a b; job system lost_after=60; run; disconnect a; ready a; up a", "a b"),
        ("nodes a b; job system lost_after=60; run; disconnect a; ready a", "a? b; 1 waiting"),
        ("nodes a b; job system lost_after=60; run; disconnect a; ready a; wait 60; due", "a b; 1 lost"),
        ("nodes a b; job sysbatch lost_after=60; up; disconnect a; ready a; done a", "a= b"),
        ("nodes a b; job sysbatch lost_after=60; up; disconnect a; wait 60; due; ready a", "a b; 1 lost"),
        ("nodes a b; job system lost_after=60; run; disconnect a; job system lost_after=60 env=2", "a? b/1; 1 waiting"),
        ("nodes a b; job system lost_after=60; run; disconnect a; job system lost_after=60 env=2; ready a; up a", "a/1 b/1"),
        ("nodes a b; job system lost_after=60; run; disconnect a; stop", "; 1 waiting"),
    ]);
}

/// The node returns, and one of the two goes on; the evaluation for the end of the absence is not waited for.
#[test]
fn returns() {
    const AWAY: &str = "nodes a; job service lost_after=60 keep=KEEP; run; nodes b; wait 9; disconnect a; run b; wait 9; ready a";
    const THREE: &str = "nodes a; job service lost_after=60 keep=replacement; run; nodes b; disconnect a; run b; nodes c; disconnect b; run c; \
                         ready b; up b";
    let story = |keep: &str, then: &str| format!("{};{then}", AWAY.replace("KEEP", keep));
    let rows = [
        (story("original", "look"), "0@a? 0@b; 1 waiting"),
        (story("original", "up a"), "0@a"),
        (story("replacement", "up a"), "0@b"),
        (story("longest", "up a"), "0@b"),
        (story("best", "up a"), "0@a"),
        // It did not survive.
        (story("original", "fail a"), "0@b"),
        (story("best", "done a"), "0@b"),
        // The other one is not well.
        (story("replacement", "fail b; up a"), "0@b"),
        (story("replacement retry=300", "fail b; up a"), "0@a; 1 waiting"),
        (story("best", "sick b; up a"), "0@a"),
        // Never heard of again, though its node is.
        (story("original", "wait 60; due"), "0@b; 1 lost"),
        // The one that went on fails later, and is replaced once more.
        (story("original", "up a; fail a"), "0@b"),
        (story("original", "up a; down a"), "0@b; 1 lost"),
        (story("replacement", "up a; down b"), "0@a; 1 lost"),
        // It goes away again: another time begins.
        (story("original", "up a; disconnect a"), "0@a? 0@b; 1 waiting"),
        (story("original", "up a; disconnect a; wait 51; due"), "0@a? 0@b; 1 waiting"),
        (story("original", "up a; disconnect a; wait 60; due"), "0@b; 1 lost"),
        // Both are away, one after the other.
        (story("original", "disconnect a b; nodes c; look"), "0@a? 0@b? 0@c; 2 waiting"),
        (story("original", "disconnect b; up a"), "0@a; 1 waiting"),
        (story("original", "disconnect b; up a; ready b; up b"), "0@a; 1 waiting"),
        // The one that took the place is away when the first returns: it is not waited for any more, also where lost ones alone are replaced.
        (story("original", "disconnect b; up a; wait 60; due"), "0@a"),
        (story("original", "failed; disconnect b; up a; wait 60; due").replace("service", "service roll=1"), "0@a"),
        // The one that took the place was away, too, and gave way to the third when it returned: the first has a successor still.
        (format!("{THREE}; look"), "0@a? 0@c; 1 waiting"),
        (format!("{THREE}; wait 60; due"), "0@c; 1 lost"),
        // Also where lost ones alone are replaced.
        (
            format!("{}; wait 60; due", THREE.replace("run; nodes b", "run; failed; nodes b").replace("service", "service roll=1")),
            "0@c; 1 lost",
        ),
        (format!("{THREE}; ready a; up a"), "0@c"),
    ];
    let rows: Vec<(&str, &str)> = rows.iter().map(|(steps, expected)| (steps.as_str(), *expected)).collect();
    check(&rows);
}

/// A canary that is away has a canary in its place, which knows whom it follows.
#[test]
fn canaries() {
    const AWAY: &str = "nodes a; job service roll=1 canary=1 lost_after=60 keep=original; run; finish; \
                        job service roll=1 canary=1 env=2 lost_after=60 keep=original; nodes b";
    // First the one that the canary is tried beside, then the canary.
    let rows = [
        ("disconnect a", "0@a/1? 0@a? 0@b 0@b/1; 1 waiting; running 0/1"),
        ("disconnect a; ready a; up a", "0@a 0@a/1; running 0/1"),
        ("disconnect a; wait 60; due", "0@b 0@b/1; 2 lost; running 0/1"),
        ("disconnect a; pause; wait 60; due", "0@b 0@b/1; 2 lost; paused 0/1"),
        ("disconnect a; failed; wait 60; due", "0@b; 2 lost"),
    ];
    let rows: Vec<(String, &str)> = rows.iter().map(|(then, expected)| (format!("{AWAY}; {then}"), *expected)).collect();
    check(&rows.iter().map(|(steps, expected)| (steps.as_str(), *expected)).collect::<Vec<_>>());
}

/// What returns to a name that a promoted canary has taken over meanwhile is not wanted any more, also when the rollout has failed since.
#[test]
fn names_taken_over() {
    const TAKEN: &str = "nodes a; job service roll=1 canary=1 lost_after=600; run; finish; nodes b; ineligible a; \
                         job service roll=1 canary=1 env=2 lost_after=600; run; disconnect a; run; promote";
    let rows = [
        ("", "0@a? 0@b/1; 1 waiting; running 1/1"),
        ("ready a; up a", "0@b/1; running 1/1"),
        ("failed; ready a; up a", "0@b/1"),
        ("failed; down b; eligible a; ready a; up a", "0@a/1; 2 lost"),
    ];
    let rows: Vec<(String, &str)> = rows.iter().map(|(then, expected)| (format!("{TAKEN}; {then}"), *expected)).collect();
    check(&rows.iter().map(|(steps, expected)| (steps.trim_end_matches("; "), *expected)).collect::<Vec<_>>());
}

/// Changes of the job while a node is away.
#[test]
fn changes_meanwhile() {
    check(&[
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; job service lost_after=60 env=2", "0@a? 0@b/1; 1 waiting"),
        (
            "nodes a; job service lost_after=60 keep=original; run; nodes b; disconnect a; job service lost_after=60 env=2; ready a; up a",
            "0@b/1",
        ),
        ("nodes a; job service lost_after=60 replace=no; run; nodes b; disconnect a; job service lost_after=60 env=2", "0@a?; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; job service count=0", "; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; stop", "; 1 waiting"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; stop; down a", "; 1 lost"),
        ("nodes a; job service lost_after=60; run; nodes b; disconnect a; job service count=0; ready a; up a", "; 1 waiting"),
        (
            "nodes a; job service count=3 lost_after=60; run; nodes b; disconnect a; job service lost_after=60 count=1",
            "0@a? 0@b/1; 1 waiting",
        ),
    ]);
}

/// The node stops its allocations by itself after a time: until then they are not replaced.
#[test]
fn stopped_by_the_node() {
    check(&[
        ("nodes a; job service stop_after=60; run; nodes b; down a", "0@a?; 1 waiting"),
        ("nodes a; job service stop_after=60; run; nodes b; down a; wait 59; due", "0@a?; 1 waiting"),
        ("nodes a; job service stop_after=60; run; nodes b; down a; wait 60; due", "0@b; 1 lost"),
        ("nodes a; job service stop_after=0; run; nodes b; down a", "0@b; 1 lost"),
        ("nodes a; job service stop_after=60; run; nodes b; down a; ready a; up a", "0@a"),
        ("nodes a; job service stop_after=60; run; nodes b; down a; wait 30; ready a; done a", "0@b"),
        ("nodes a; job batch stop_after=60; up; nodes b; down a; wait 60; due", "0@b; 1 lost"),
    ]);
}

/// What the region writes about it.
#[test]
fn words() {
    let mut story = Story { region: crate::region::Region::new(&[]) };
    for step in ["nodes a", "job service lost_after=60 keep=original", "run", "nodes b", "disconnect a"] {
        story.step(step);
    }
    let region = &story.region;
    let follow_up = region.waiting("web")[0].clone();
    assert_eq!((follow_up.triggered_by, follow_up.wait_until), (EvalTrigger::MaxDisconnectTimeout, Time(region.world.now + 60 * SECOND)));
    assert_eq!(follow_up.status_description, "created for delayed disconnect timeout");
    let unknown = region.world.allocs("web").into_iter().find(|alloc| alloc.node_name == "a").unwrap();
    assert_eq!((unknown.client_status, unknown.followup_eval_id), (ClientStatus::Unknown, follow_up.id));
    assert_eq!(unknown.desired_description, "alloc is unknown since its node is disconnected");
    assert_eq!(unknown.alloc_states.as_ref().map(|states| (states.len(), states[0].value.as_str())), Some((1, "unknown")));
    assert_eq!(region.world.store.job_summary(&region.world.key("web")).unwrap().summary["app"].unknown, 1);
    let replacement = region.world.store.alloc(unknown.next_allocation).unwrap().clone();
    assert_eq!((replacement.name.clone(), replacement.previous_allocation), (unknown.name.clone(), unknown.id));
    story.step("ready a");
    story.step("up a");
    let region = &story.region;
    let stopped = region.world.store.alloc(replacement.id).unwrap();
    assert_eq!(stopped.desired_description, "alloc not needed due to disconnected client reconnect");
    assert_eq!(region.world.store.alloc(unknown.id).unwrap().desired_description, "");
}
