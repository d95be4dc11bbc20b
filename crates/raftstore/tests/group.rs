//! Servers of one region in one process: writes, lost leaders, followers that lag, restarts, members that come and go.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raftstore::{Change, Freshness, ProposeError, Published, ReadError, Replica, ReplicaOptions, Role, SnapshotPolicy};
use state::Watch;
use support::{Cable, eventually, has, leader, marker, n_markers, node, propose, quick, start, stop};

async fn found(cable: &Arc<Cable>, home: &std::path::Path, options: &ReplicaOptions) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for id in 1..=3 {
        replicas.push(start(cable, home, id, options.clone()).await);
    }
    replicas[0].initialize((1..=3).map(|id| (id, node(id))).collect()).await.expect("founded");
    leader(&replicas).await;
    replicas
}

async fn all_have(replicas: &[Replica], markers: &[u64]) {
    for replica in replicas {
        eventually("all markers everywhere", || markers.iter().all(|n| has(&replica.view(), *n, 100))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_survives_its_leader_and_the_loss_of_everything_in_memory() {
    // Writes, leader stopped, writes go on, old leader back, all stopped, all started: everything is there.
    let home = tempfile::tempdir().expect("temporary directory");
    let cable = Arc::new(Cable::default());
    let mut replicas = found(&cable, home.path(), &quick()).await;
    for n in 0..20 {
        propose(&replicas, marker(n, 100)).await;
    }
    all_have(&replicas, &(0..20).collect::<Vec<_>>()).await;

    let lost = replicas.remove(leader(&replicas).await);
    let lost_id = lost.id();
    let lost_term = lost.status().leadership.term;
    stop(&cable, lost).await;
    propose(&replicas, marker(20, 100)).await;
    let now = leader(&replicas).await;
    assert!(replicas[now].status().leadership.term > lost_term);
    replicas.push(start(&cable, home.path(), lost_id, quick()).await);
    all_have(&replicas, &(0..=20).collect::<Vec<_>>()).await;

    let terms: Vec<u64> = replicas.iter().map(|replica| replica.status().leadership.term).collect();
    for replica in replicas.drain(..) {
        stop(&cable, replica).await;
    }
    for id in 1..=3 {
        let replica = start(&cable, home.path(), id, quick()).await;
        // What was known to be committed is back at once, without any other server.
        assert!(n_markers(&replica.view()) >= 20, "{} of 21", n_markers(&replica.view()));
        replicas.push(replica);
    }
    let now = leader(&replicas).await;
    assert!(replicas[now].status().leadership.term > terms.into_iter().max().unwrap_or(0));
    all_have(&replicas, &(0..=20).collect::<Vec<_>>()).await;
    propose(&replicas, marker(21, 100)).await;
    all_have(&replicas, &[21]).await;
    for replica in replicas {
        stop(&cable, replica).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lagging_and_an_empty_server_catch_up_by_snapshot() {
    // One server is cut off while the log is cut behind what it has; another comes with an empty disk and becomes a voter.
    let home = tempfile::tempdir().expect("temporary directory");
    let options = ReplicaOptions {
        snapshot: SnapshotPolicy { n_entries_max: 40, n_bytes_max: u64::MAX },
        n_entries_kept: 5,
        chunk_bytes: 700,
        ..quick()
    };
    let cable = Arc::new(Cable::default());
    let replicas = found(&cable, home.path(), &options).await;
    let lagging = replicas.iter().find(|replica| replica.status().leadership.role == Role::Follower).expect("a follower").id();
    cable.cut(lagging);
    let others: Vec<Replica> = replicas.iter().filter(|replica| replica.id() != lagging).cloned().collect();
    let markers: Vec<u64> = (0..120).collect();
    for n in &markers {
        propose(&others, marker(*n, 100)).await;
    }
    eventually("the log is cut", || others.iter().all(|replica| replica.status().purged_index > 60)).await;
    cable.heal(lagging);
    all_have(&replicas, &markers).await;
    let lagging = replicas.iter().find(|replica| replica.id() == lagging).expect("the server");
    assert_eq!(lagging.status().snapshots.n_installed, 1, "{:?}", lagging.status());

    let fresh = start(&cable, home.path(), 4, options.clone()).await;
    let at = leader(&replicas).await;
    replicas[at].add_learner(4, node(4), true).await.expect("learner");
    replicas[at].promote(BTreeSet::from([4])).await.expect("voter");
    all_have(std::slice::from_ref(&fresh), &markers).await;
    assert_eq!(fresh.status().snapshots.n_installed, 1);
    eventually("it knows that it votes", || fresh.status().members.iter().any(|member| member.id == 4 && member.voter)).await;

    // It keeps what it was given: alone, with nobody to ask, it has it again.
    stop(&cable, fresh).await;
    cable.cut(4);
    let fresh = start(&cable, home.path(), 4, options).await;
    assert!(markers.iter().all(|n| has(&fresh.view(), *n, 100)));
    stop(&cable, fresh).await;
    let at = leader(&replicas).await;
    replicas[at].remove(4).await.expect("removed");
    assert_eq!(replicas[at].status().members.len(), 3);
    let unknown = replicas[at].remove(4).await.expect_err("gone").to_string();
    assert!(unknown.contains("raft id 4"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_point_to_the_leader_and_reads_are_as_fresh_as_asked() {
    // A follower refuses with the leader's address; a read index from the leader makes a follower's read fresh; a cut-off leader refuses.
    let home = tempfile::tempdir().expect("temporary directory");
    let cable = Arc::new(Cable::default());
    let replicas = found(&cable, home.path(), &quick()).await;
    let at = leader(&replicas).await;
    let follower = &replicas[(at + 1) % 3];
    eventually("the follower knows the leader", || follower.status().leadership.leader.is_some()).await;
    match follower.propose(marker(1, 100)).await {
        Err(ProposeError::NotLeader { leader: Some(named) }) => assert_eq!(named.node, node(replicas[at].id())),
        other => panic!("{other:?}"),
    }
    for freshness in [Freshness::Quorum, Freshness::Lease] {
        let applied = replicas[at].propose(marker(2, 100)).await.expect("written");
        let index = replicas[at].ensure_linearizable(freshness).await.expect("fresh");
        assert!(index >= applied.index);
        follower.wait_applied(index, Duration::from_secs(10)).await.expect("caught up");
        assert!(has(&follower.view(), 2, 100));
        assert!(matches!(follower.ensure_linearizable(freshness).await, Err(ReadError::NotLeader { .. })));
    }
    let behind = follower.wait_applied(1_000_000, Duration::from_millis(20)).await.expect_err("far ahead").to_string();
    assert!(behind.contains("1000000"), "{behind}");

    let to = follower.id();
    replicas[at].transfer_leadership(to, Duration::from_secs(10)).await.expect("handed over");
    eventually("the other leads", || follower.status().leadership.role == Role::Leader).await;
    cable.cut(to);
    let refused = follower.ensure_linearizable(Freshness::Quorum).await;
    assert!(matches!(refused, Err(ReadError::NoQuorum | ReadError::NotLeader { .. })), "{refused:?}");
    propose(&replicas, marker(3, 100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_to_hand_over_to_itself_goes_on() {
    // A server alone: nobody else could take over from a leader that waits for it.
    let home = tempfile::tempdir().expect("temporary directory");
    let cable = Arc::new(Cable::default());
    let alone = start(&cable, home.path(), 1, quick()).await;
    alone.initialize(BTreeMap::from([(1, node(1))])).await.expect("founded");
    leader(std::slice::from_ref(&alone)).await;
    alone.transfer_leadership(1, Duration::from_secs(10)).await.expect("it leads already");
    alone.propose(marker(1, 100)).await.expect("written");
    stop(&cable, alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_new_state_is_published_before_its_command_is_answered() {
    // A server alone: what the publisher was told, in order, and a restart that begins with the snapshot.
    let home = tempfile::tempdir().expect("temporary directory");
    let seen: Arc<Mutex<Vec<Published>>> = Arc::default();
    let publisher = {
        let seen = seen.clone();
        Arc::new(move |published: Published| seen.lock().expect("lock").push(published))
    };
    let cable = Arc::new(Cable::default());
    let directory = home.path().join("server");
    let replica = Replica::open(&directory, 1, quick(), cable.plug(1), publisher.clone()).await.expect("replica");
    assert!(!replica.is_initialized().await.expect("running"));
    replica.initialize(BTreeMap::from([(1, node(1))])).await.expect("founded");
    replica.initialize(BTreeMap::from([(1, node(1))])).await.expect("founding again changes nothing");
    leader(std::slice::from_ref(&replica)).await;
    for n in 0..10 {
        let applied = replica.propose(marker(n, 100)).await.expect("written");
        let last = seen.lock().expect("lock").last().cloned().expect("published");
        assert!(last.index >= applied.index && last.view.index() >= applied.index && has(&last.view, n, 100));
        match &last.change {
            Change::Applied(touched) => assert!(touched.0.iter().any(|watch| matches!(watch, Watch::Eval(_))), "{touched:?}"),
            Change::Restored => panic!("nothing was restored"),
        }
    }
    let many = replica.propose_many((10..200).map(|n| marker(n, 100)).collect()).await.expect("running");
    assert!(many.iter().all(Result::is_ok) && many.len() == 190);
    let indexes: Vec<u64> = seen.lock().expect("lock").iter().map(|published| published.index).collect();
    assert!(indexes.windows(2).all(|pair| pair[0] < pair[1]), "{indexes:?}");
    assert!(indexes.len() < 150, "{} publications: entries that wait together are published together", indexes.len());

    replica.snapshot_now().await.expect("running");
    eventually("a snapshot", || replica.newest_snapshot().is_some()).await;
    let covered = replica.status().snapshots.newest_index;
    replica.propose(marker(200, 100)).await.expect("written");
    replica.shutdown().await.expect("clean end");
    seen.lock().expect("lock").clear();

    let replica = Replica::open(&directory, 1, quick(), cable.plug(1), publisher).await.expect("replica");
    let first = seen.lock().expect("lock").first().cloned().expect("published");
    assert_eq!((first.change, first.index), (Change::Restored, covered));
    leader(std::slice::from_ref(&replica)).await;
    assert_eq!(n_markers(&replica.view()), 201);
    assert!(matches!(replica.propose(marker(201, 100)).await, Ok(applied) if applied.index > covered));
    replica.shutdown().await.expect("clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cut_off_leader_wrote_alone_vanishes() {
    // The leader is cut off and takes commands that it cannot commit; the others go on without it; it comes back and drops them.
    let home = tempfile::tempdir().expect("temporary directory");
    let cable = Arc::new(Cable::default());
    let mut replicas = found(&cable, home.path(), &quick()).await;
    propose(&replicas, marker(0, 100)).await;
    let old = replicas.remove(leader(&replicas).await);
    cable.cut(old.id());
    let before = old.status().last_index;
    let alone: Vec<_> = (100..110)
        .map(|n| {
            let old = old.clone();
            tokio::spawn(async move { old.propose(marker(n, 100)).await })
        })
        .collect();
    eventually("the cut-off leader has them in its log", || old.status().last_index >= before + 10).await;
    for n in 1..20 {
        propose(&replicas, marker(n, 100)).await;
    }
    cable.heal(old.id());
    for answer in alone {
        match answer.await.expect("an answer") {
            Err(ProposeError::Unknown | ProposeError::NotLeader { .. }) => {}
            other => panic!("a command that was not committed was answered with {other:?}"),
        }
    }
    let markers: Vec<u64> = (0..20).collect();
    let old_id = old.id();
    all_have(std::slice::from_ref(&old), &markers).await;
    assert_eq!(n_markers(&old.view()), 20);
    stop(&cable, old).await;
    let old = start(&cable, home.path(), old_id, quick()).await;
    all_have(std::slice::from_ref(&old), &markers).await;
    assert_eq!(n_markers(&old.view()), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_all_servers_agree_and_nothing_acknowledged_is_lost() {
    // Writers, while servers are cut off, stopped and started at random and logs are cut all the time; in the end all states are equal.
    let home = tempfile::tempdir().expect("temporary directory");
    let options = ReplicaOptions {
        snapshot: SnapshotPolicy { n_entries_max: 25, n_bytes_max: u64::MAX },
        n_entries_kept: 10,
        chunk_bytes: 1_000,
        ..quick()
    };
    let cable = Arc::new(Cable::default());
    let replicas = Arc::new(Mutex::new(found(&cable, home.path(), &options).await));
    let acknowledged: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..4u64)
        .map(|writer| {
            let (replicas, acknowledged, ended) = (replicas.clone(), acknowledged.clone(), ended.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    if ended.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    let known = replicas.lock().expect("lock").clone();
                    let marked = writer * 1_000_000 + n;
                    for replica in known {
                        let proposed = tokio::time::timeout(Duration::from_millis(300), replica.propose(marker(marked, 100))).await;
                        if matches!(proposed, Ok(Ok(_))) {
                            acknowledged.lock().expect("lock").insert(marked);
                            break;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();

    let mut dice = 2_463_534_242u64;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(150 + roll(250))).await;
        let victim = 1 + roll(3);
        if roll(2) == 0 {
            cable.cut(victim);
            tokio::time::sleep(Duration::from_millis(roll(700))).await;
            cable.heal(victim);
        } else {
            let stopped = {
                let mut replicas = replicas.lock().expect("lock");
                let at = replicas.iter().position(|replica| replica.id() == victim).expect("a server");
                replicas.remove(at)
            };
            stop(&cable, stopped).await;
            tokio::time::sleep(Duration::from_millis(roll(400))).await;
            let started = start(&cable, home.path(), victim, options.clone()).await;
            replicas.lock().expect("lock").push(started);
        }
    }
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("writer");
    }

    let replicas = replicas.lock().expect("lock").clone();
    let last = propose(&replicas, marker(u64::from(u32::MAX), 100)).await;
    let mut states = Vec::new();
    for replica in &replicas {
        replica.wait_applied(last, Duration::from_secs(30)).await.expect("caught up");
    }
    // The same index everywhere: a leader's own entries may follow the last command.
    eventually("all at the same index", || {
        let indexes: BTreeSet<u64> = replicas.iter().map(|replica| replica.view().index()).collect();
        indexes.len() == 1
    })
    .await;
    for replica in &replicas {
        let view = replica.view();
        let lost: Vec<u64> = acknowledged.lock().expect("lock").iter().copied().filter(|n| !has(&view, *n, 100)).collect();
        assert!(lost.is_empty(), "server {} lost {lost:?}", replica.id());
        states.push(view.snapshot_records().collect::<Result<Vec<_>, _>>().expect("records"));
    }
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "the servers' states differ");
    let n_acknowledged = acknowledged.lock().expect("lock").len();
    assert!(n_acknowledged > 100, "only {n_acknowledged} writes were acknowledged");
}
