//! System and sysbatch jobs: once on every node that may run them.

use crate::script::check;

/// Which nodes get one.
#[test]
fn where_it_runs() {
    check(&[
        ("nodes a b c; job system", "a b c"),
        ("nodes a; job system count=0", ""),
        ("nodes a; job system; job system count=0", ""),
        ("nodes a; job system count=0; job system count=1", "a/1"),
        ("job system; look", ""),
        ("job system; nodes a", "a"),
        ("nodes a b; job system; nodes c d", "a b c d"),
        ("nodes a; node b dc=north; job system dc=north", "b"),
        ("node a dc=north-1; node b dc=north-2; node c dc=south; job system dc=north-*", "a b"),
        ("nodes a; node b pool=gpu; job system", "a"),
        ("nodes a; node b pool=gpu; job system pool=gpu", "b"),
        ("nodes a; node b pool=gpu; job system pool=all", "a b"),
        ("nodes a; node b rack=r1; node c rack=r2; job system is=rack:r1", "b"),
        ("nodes a b; ineligible a; down b; nodes c; job system", "c"),
        ("nodes a b; disconnect a; job system", "b"),
        ("nodes a b; job system group=other", "a b other:a other:b"),
        ("nodes a b; job sysbatch", "a b"),
        ("nodes a; node b rack=r1; job sysbatch is=rack:r1", "b"),
    ]);
}

/// A job that no node may run says why, in its evaluation and the one that waits for a node; both reasons are gone with a node that may.
#[test]
fn nowhere() {
    let mut region = crate::region::Region::new(&["a", "b"]);
    let job = || testkit::job("web").system().constraint("${meta.rack}", "=", "r1").build();
    let decision = region.register(job());
    let metric = &decision.failed_tg_allocs["app"];
    assert_eq!((metric.nodes_evaluated, metric.nodes_filtered, metric.coalesced_failures), (2, 2, 0));
    assert_eq!(metric.constraint_filtered, [("${meta.rack} = r1".to_owned(), 2)].into());
    assert_eq!(decision.queued["app"], 0, "nobody knows how many nodes will come");
    assert_eq!(region.world.store.job(&region.world.key("web")).unwrap().status, model::JobStatus::Pending);
    assert_eq!(region.blocked("web").len(), 1);
    let node = testkit::node("c").meta("rack", "r1").build();
    region.world.add_node(node);
    let decision = region.evaluate("web");
    assert_eq!(decision.failed_tg_allocs, Default::default());
    assert_eq!((region.live("web").len(), region.blocked("web").len()), (1, 0));
}

/// Nodes that go, return, change, and take no new work.
#[test]
fn nodes_come_and_go() {
    check(&[
        ("nodes a b; job system; run; down a", "b; 1 lost"),
        ("nodes a b; job system; run; down a; ready a", "a b; 1 lost"),
        ("nodes a b; job system; run; down a; wait 60; ready a; run; down a; ready a", "a b; 2 lost"),
        ("nodes a b; job system; run; down a b", "; 2 lost"),
        ("nodes a b; job system; run; forget a", "b; 1 lost"),
        ("nodes a b; job system; run; ineligible a", "a b"),
        ("nodes a b; job system; run; ineligible a; down a; ready a", "b; 1 lost"),
        ("nodes a b; job system; run; ineligible a; down a; ready a; eligible a", "a b; 1 lost"),
        ("nodes a b; ineligible a; job system", "b"),
        ("nodes a b; ineligible a; job system; eligible a", "a b"),
        ("node a rack=r1; node b rack=r1; job system is=rack:r1; node a rack=r2", "b"),
        ("node a rack=r1; node b rack=r2; job system is=rack:r1; node b rack=r1", "a b"),
        ("nodes a b; job system; run; node a pool=gpu", "b"),
        ("nodes a b; job system dc=dc1; run; node a dc=other", "b"),
        ("node a rack=r1; job system is=rack:r1; ineligible a; node a rack=r2", ""),
        ("nodes a b; job sysbatch; up; down a", "b; 1 lost"),
        ("nodes a b; job sysbatch; up; down a; ready a", "a b; 1 lost"),
        ("nodes a b; job sysbatch; up; done b; down a; ready a", "a b=; 1 lost"),
        ("nodes a b; job system; run; move a; ineligible b", "a b"),
        ("nodes a b; job system; run; ineligible a; move a", "b"),
        ("nodes a b; job system; run; ineligible a; move a; eligible a", "a b"),
    ]);
}

/// What ended: failures are for the client's restarts, and looked at again only with something else; work that is done stays done.
#[test]
fn ends() {
    check(&[
        ("nodes a b; job system; run; fail a", "a b"),
        ("nodes a b; job system; run; done a", "a b"),
        ("nodes a b; job system; run; stop", ""),
        ("nodes a b; job system; run; down a; stop", "; 1 lost"),
        ("nodes a b; job system; run; stop; down a", "; 1 lost"),
        ("nodes a b; job system; run; stop; job system; run", "a/2 b/2"),
        ("nodes a b; job system; run; again a", "a b"),
        ("nodes a b; job sysbatch; up; done", "a= b="),
        ("nodes a b; job sysbatch; up; done; look", "a= b="),
        ("nodes a b; job sysbatch; up; done a; nodes c", "a= b c"),
        ("nodes a b; job sysbatch; up; done; down a; ready a", "a= b="),
        ("nodes a b; job sysbatch; up; fail a; done b", "a! b="),
        ("nodes a b; job sysbatch; up; fail a; look; nodes c", "a! b c"),
        ("nodes a b; job sysbatch; up; fail a; force", "a b"),
        ("nodes a b; job sysbatch; up; done; job sysbatch env=2", "a/1 b/1"),
        ("nodes a b; job sysbatch; up; done a; job sysbatch env=2", "a/1 b/1"),
        ("nodes a b; job sysbatch; up; done a; job sysbatch priority=60", "a/1 b/1"),
        ("nodes a b; job sysbatch; up; fail a; job sysbatch env=2", "a/1 b/1"),
        ("nodes a b; job sysbatch; up; done; stop", "a= b="),
        ("nodes a b; job sysbatch; up; ineligible a; done a; eligible a", "a= b"),
        ("nodes a b; job sysbatch; up; ineligible a; move a; eligible a", "a b"),
    ]);
}

/// Changes: at once without an update block.
#[test]
fn changes() {
    check(&[
        ("nodes a b c; job system; run; job system env=2", "a/1 b/1 c/1"),
        ("nodes a b c; job system; run; job system priority=60", "a/1 b/1 c/1"),
        ("nodes a b c; job system; run; job system", "a b c"),
        ("nodes a; node b rack=r1; job system; run; job system is=rack:r1", "b/1"),
        ("nodes a; node b dc=x; job system; run; job system dc=x", "b/1"),
        ("nodes a b; job system; run; job system pool=gpu", ""),
        ("nodes a b; job system; run; ineligible a; job system env=2", "a b/1"),
        ("nodes a b; job system; run; ineligible a; job system env=2; eligible a", "a/1 b/1"),
        ("nodes a b; job system; run; ineligible a; job system count=0", ""),
        ("nodes a b; job system group=other; run; job system", "a/1 b/1"),
        ("nodes a b; job system; run; job system group=other", "a/1 b/1 other:a/1 other:b/1"),
        ("nodes a b; job system; run; down a; job system env=2; ready a", "a/1 b/1; 1 lost"),
        ("nodes a b; job sysbatch; up; job sysbatch env=2", "a/1 b/1"),
        ("nodes a b; job system; run; job service count=1; look", "0@a/1"),
    ]);
}

/// Changes with an update block: so many nodes at a time, in a deployment.
#[test]
fn rolling() {
    check(&[
        ("nodes a b c; job system roll=1", "a b c; running 0/3"),
        ("nodes a b c; job system roll=1; run", "a b c; running 3/3"),
        ("nodes a b c; job system roll=1; run; finish", "a b c"),
        ("nodes a b c; job system roll=1; run; finish; job system roll=1 env=2", "a/1 b c; running 0/3"),
        ("nodes a b c; job system roll=1; run; finish; job system roll=1 env=2; run a", "a/1 b/1 c; running 1/3"),
        ("nodes a b c; job system roll=2; run; finish; job system roll=2 env=2", "a/1 b/1 c; running 0/3"),
        ("nodes a b c; job system roll=1; run; finish; job system roll=1 env=2; run; run; run; finish", "a/1 b/1 c/1"),
        ("nodes a b c; job system roll=1; run; finish; job system roll=1 priority=60", "a/1 b/1 c/1; running 0/3"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; nodes c", "a/1 b c/1; running 0/3"),
        ("nodes a b; job system roll=1; run; nodes c", "a b c; running 2/3"),
        ("nodes a b; job system roll=1; run; finish; nodes c", "a b c"),
        ("nodes a b c; job system roll=1; run; down c", "a b; 1 lost; running 2/2"),
        ("nodes a b c; job system roll=1; run a b; down c; ready c", "a b c; 1 lost; running 2/3"),
        ("nodes a b c; job system roll=1; run; finish; job system roll=1 env=2; down b", "a/1 c; 1 lost; running 0/2"),
        ("nodes a b c; job system roll=1; run; finish; ineligible c; job system roll=1 env=2; run a; run b", "a/1 b/1 c; running 2/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; sick a", "a/1 b; running 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; fail a", "a/1! b; running 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; fail a; failed", "a/1! b"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; fail a; failed; nodes c", "a/1! b c"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; pause; run a", "a/1 b; paused 1/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; pause; run a; nodes c", "a/1 b c; paused 1/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; pause; run a; resume", "a/1 b/1; running 1/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; pause; down b; ready b", "a/1 b; 1 lost; paused 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; pause; move b", "a/1 b; paused 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; failed; down a; ready a", "a b; 2 lost"),
        ("nodes a b; job system roll=1; failed; down a; ready a", "a b; 1 lost"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; job system roll=1 env=3", "a/2 b; running 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 env=2; stop", ""),
        ("job system roll=1; look", ""),
        ("job system roll=1; nodes a", "a; running 0/1"),
        ("nodes a b; job system roll=1; run; finish; job system env=2", "a/1 b/1"),
    ]);
}

/// With canaries a part of the nodes, in percent, gets a new version first; the others keep theirs until the promotion.
#[test]
fn canaries() {
    const OLD: &str = "nodes a b c; job system roll=1 canary=34; run; finish";
    const ONE: &str = "nodes a b c; job system roll=1 canary=1; run; finish; job system roll=1 canary=1 env=2";
    const RACKS: &str = "node a rack=r1; node b rack=r1; node c rack=r2; job system roll=2 canary=60; run; finish; \
                         job system roll=2 canary=60 env=2 is=rack:r1";
    const MOVED: &str = "node a rack=r1; node b rack=r1; job system roll=2 canary=34 is=rack:r1; run; finish; node c rack=r2; \
                         node d rack=r2; job system roll=2 canary=34 env=2 is=rack:r2";
    const TAKEN: &str = "node a rack=r1; node b rack=r2; job system roll=1 canary=1; run; finish; ineligible a; move a; eligible a; \
                         run; job system roll=1 canary=1 is=rack:r2; run; finish; job system roll=1 canary=1 is=rack:r2 env=3";
    const ALL: &str = "nodes a b c; job system roll=9 canary=100; run; finish; job system roll=9 canary=100 env=2";
    let rows: [(&str, &str, &str); 39] = [
        ("nodes a b c; job system roll=1 canary=34", "", "a b c; running 0/3"),
        (OLD, "", "a b c"),
        (OLD, "job system roll=3 canary=34 env=2", "a/1 b/1 c; running 0/3"),
        (OLD, "job system roll=1 canary=34 env=2", "a/1 b c; running 0/3"),
        (OLD, "job system roll=1 canary=34 env=2; run; run; run", "a/1 b/1 c; running 2/3"),
        (OLD, "job system roll=1 canary=34 env=2; run; run; promote", "a/1 b/1 c/1; running 2/3"),
        (OLD, "job system roll=9 canary=100 env=2", "a/1 b/1 c/1; running 0/3"),
        (OLD, "job system roll=1 canary=34 priority=60", "a/1 b/1 c/1; running 0/3"),
        (ONE, "", "a/1 b c; running 0/3"),
        (ONE, "run", "a/1 b c; running 1/3"),
        (ONE, "run; promote; run; run; finish", "a/1 b/1 c/1"),
        (ONE, "nodes d", "a/1 b c; running 0/4"),
        (ONE, "nodes d; run; promote", "a/1 b c d/1; running 1/4"),
        (ONE, "down a", "b/1 c; 2 lost; running 0/2"),
        (ONE, "down a; ready a", "a/1 b/1 c; 2 lost; running 0/3"),
        (ONE, "down c; ready c", "a/1 b c; 1 lost; running 0/3"),
        (ONE, "move c", "a/1 b c; running 0/3"),
        (ONE, "ineligible c; move c", "a/1 b; running 0/2"),
        // what a later version took away from the node does not bring back what was there before that
        (TAKEN, "", "b/2; running 0/1"),
        (ONE, "ineligible c; move c; eligible c", "a/1 b c; running 0/3"),
        (ONE, "ineligible a; move a; eligible a", "a/1 b/1 c; running 0/3"),
        (ONE, "fail c", "a/1 b c; running 0/3"),
        (ONE, "fail c; run; promote", "a/1 b/1 c; running 1/3"),
        (ONE, "pause; down a; ready a; resume", "a/1 b c; 2 lost; running 0/3"),
        // nothing is promoted, and nothing is stable, that ran nowhere
        (ONE, "ineligible b c; down a", "b c; 2 lost; running 0/0"),
        (ONE, "ineligible b c; down a; eligible b c", "b/1 c; 2 lost; running 0/2"),
        (ONE, "ineligible b c; down a; ready a; run", "a/1 b c; 2 lost; running 1/1"),
        // a change in place does not end the trial
        (ONE, "run; job system roll=1 canary=1 env=2 priority=60; run", "a/2 b/2 c; running 1/3"),
        (ONE, "run; failed; job system roll=1 canary=1 env=2 priority=60; run; run", "a/2 b/2 c; running 2/3"),
        (ONE, "job system roll=1 canary=1 env=3", "a/2 b c; running 0/3"),
        // what was taken back needs no trial: it runs
        (ONE, "run; failed; job system roll=1 canary=1; run; run", "a/2 b/2 c/2; running 3/3"),
        (ONE, "stop", ""),
        // nodes that may not run the new version keep the old one until it is promoted
        (RACKS, "", "a/1 b/1 c; running 0/2"),
        (RACKS, "run; promote", "a/1 b/1; running 2/2"),
        (RACKS, "down c; ready c", "a/1 b/1 c; 1 lost; running 0/2"),
        (RACKS, "move c", "a/1 b/1 c; running 0/2"),
        (MOVED, "", "a b c/1; running 0/2"),
        (MOVED, "run; promote", "c/1 d/1; running 1/2"),
        (ALL, "run; failed; job system roll=9 canary=100", "a/2 b/2 c/2; running 0/3"),
    ];
    let rows: Vec<(String, &str)> = rows.iter().map(|(first, then, shown)| (format!("{first}; {then}"), *shown)).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(steps, shown)| (steps.trim_end_matches("; "), *shown)).collect();
    check(&rows);
}

/// What is said of canaries on nodes: they are marked, counted, and waited for.
#[test]
fn canaries_are_told() {
    let mut region = crate::region::Region::new(&["a", "b", "c", "d"]);
    let job = |env: &str| testkit::job("web").system().max_parallel(4).canary(50).env("V", env).build();
    region.roll_out(job("1"));
    let decision = region.register(job("2"));
    let updates = crate::region::updates(&decision, "app");
    assert_eq!((updates.canary, updates.destructive_update, updates.ignore), (2, 0, 2));
    let deployment = region.deployment("web");
    let state = &deployment.task_groups["app"];
    assert_eq!((state.desired_canaries, state.placed_canaries.len(), state.desired_total), (2, 2, 4));
    assert_eq!(deployment.status_description, "Deployment is running but requires manual promotion");
    let is_marked = |id: &model::AllocId| region.world.store.alloc(*id).is_some_and(|alloc| alloc.is_canary());
    assert!(state.placed_canaries.iter().all(is_marked));
    let tried = state.placed_canaries.clone();
    assert!(
        decision.notes.iter().any(|note| note == "group app: 2 nodes wait for their update until canaries are promoted"),
        "{:?}",
        decision.notes
    );
    // in another deployment they are what it makes of them
    region.start_all("web");
    region.register(testkit::job("web").system().max_parallel(4).canary(50).env("V", "2").priority(70).build());
    let of_new = region.deployment("web").task_groups["app"].placed_canaries.clone();
    let is_marked = |id: &&model::AllocId| region.world.store.alloc(**id).is_some_and(|alloc| alloc.is_canary());
    assert_eq!((tried.iter().filter(is_marked).count(), of_new.len()), (0, 2));
    assert!(of_new.iter().all(|id| !tried.contains(id)));
}

/// A node without room does not hold up the others: the next one has its turn.
#[test]
fn turns() {
    const FULL: &str = "node a memory=700; nodes b c; job system roll=1; run; finish; job system roll=1 memory=5000";
    const TRIED: &str = "node a memory=700; nodes b c; job system roll=1 canary=1; run; finish; job system roll=1 canary=1 memory=5000";
    const MOVED: &str = "node a rack=r1; job system roll=1 canary=1 is=rack:r1; run; finish; node c rack=r2 memory=200; node d rack=r2; \
                         job system roll=1 canary=1 memory=5000 is=rack:r2";
    let rows = [
        (FULL, "", "a b/1 c; running 0/3"),
        (FULL, "run", "a b/1 c/1; running 1/3"),
        (FULL, "run; run", "a b/1 c/1; 1 queued; running 2/3"),
        (FULL, "run; run; node a memory=8000", "a/1 b/1 c/1; running 2/3"),
        (FULL, "node b memory=700; look", "a b/1 c; running 0/3"),
        (TRIED, "", "a b/1 c; running 0/3"),
        (TRIED, "run", "a b/1 c; running 1/3"),
        (TRIED, "run; promote", "a b/1 c/1; running 1/3"),
        (TRIED, "run; promote; run", "a b/1 c/1; 1 queued; running 2/3"),
        (MOVED, "", "a d/1; running 0/2"),
        ("nodes a b; job system roll=1; run; finish; job system roll=1 memory=9000", "", "a b; 1 queued; running 0/2"),
    ];
    let rows: Vec<(String, &str)> = rows.iter().map(|(first, then, shown)| (format!("{first}; {then}"), *shown)).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(steps, shown)| (steps.trim_end_matches("; "), *shown)).collect();
    check(&rows);
}

/// Nodes without room: what they lack is told, and they get one when there is room.
#[test]
fn no_room() {
    check(&[
        ("nodes a; node b memory=200; job system", "a; 1 queued"),
        ("nodes a; node b memory=200; job system; node b memory=8000", "a b"),
        ("node a memory=200; node b memory=200; job system", "; 2 queued"),
        ("nodes a b; job system memory=9000000", "; 2 queued"),
        ("nodes a b; job system; run; job system memory=9000000", "a b; 2 queued"),
        ("nodes a; node b memory=200; job system; stop", ""),
        ("nodes a; node b memory=200; job system; down b", "a"),
        ("nodes a; node b memory=200; job system; ineligible b", "a"),
        ("nodes a; node b memory=200; job sysbatch; up; done a", "a=; 1 queued"),
    ]);
}

/// Names are the same everywhere; what found no room waits in one blocked evaluation, with the reason.
#[test]
fn names_and_reasons() {
    let mut region = crate::region::Region::new(&["a"]);
    region.world.add_node(testkit::node("b").resources(4000, 200).build());
    region.world.add_node(testkit::node("c").resources(4000, 200).build());
    let decision = region.register(testkit::job("web").system().build());
    assert_eq!(region.live("web"), [("web.app[0]".to_owned(), 0)]);
    let metric = crate::region::failure(&decision, "app");
    assert_eq!((metric.coalesced_failures, metric.dimension_exhausted.get("memory")), (1, Some(&2)));
    assert_eq!(decision.queued["app"], 2);
    let blocked = region.blocked("web");
    assert_eq!((blocked.len(), blocked[0].triggered_by), (1, model::EvalTrigger::QueuedAllocs));
    let node = testkit::node("b").resources(4000, 4000).build();
    region.world.add_node(node);
    region.run(&blocked[0]);
    assert_eq!(region.live("web").len(), 2);
    assert_eq!(region.blocked("web").len(), 1, "it waits on for the other node");
}

/// What failed is not tried again because room comes up: that would go on for ever, for its own end makes room.
#[test]
fn room_does_not_retry_failures() {
    let mut region = crate::region::Region::new(&["a"]);
    region.world.add_node(testkit::node("b").resources(4000, 200).build());
    region.register(testkit::job("web").system().build());
    let failed = region.live_ids("web");
    region.world.report(&failed, model::ClientStatus::Failed);
    let blocked = region.blocked("web");
    region.run(&blocked[0]);
    assert_eq!(region.live("web"), []);
    region.evaluate("web");
    assert_eq!(region.live("web").len(), 1, "a look for another reason tries it");

    // Another version is another try, also when it had to wait for room.
    let failed = region.live_ids("web");
    region.world.report(&failed, model::ClientStatus::Failed);
    region.register(testkit::job("web").system().resources(9000, 300).build());
    assert_eq!(region.live("web"), []);
    region.world.add_node(testkit::node("a").resources(10_000, 4000).build());
    let blocked = region.blocked("web");
    region.run(&blocked[0]);
    assert_eq!(region.live("web"), [("web.app[0]".to_owned(), 1)]);
}
