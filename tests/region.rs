//! One region as processes: its servers come and go, what was acknowledged stays.

use std::time::{Duration, Instant};

use api::client::Query;
use model::EvalStatus;
use process_tests::{Cluster, JobFile, ask, settled, steppe, until};

/// What servers may say about others of their region that are gone or new.
const ABOUT_OTHERS: &[&str] =
    &["connection", "not committed", "nothing was committed", "membership", "sending a snapshot failed", "no heartbeat"];

/// A job without work, so that registering it is nothing but a write.
/// In the log of whoever saw that the leader's process is no more.
const SEEN_TO_END: &str = "the leader's process has ended";

fn idle(id: &str) -> JobFile {
    JobFile::service(id).count(0)
}

/// Id and address of those who vote in the raft group.
fn voters(cluster: &Cluster, server: &str) -> Vec<(String, String)> {
    let servers = ask(cluster.api(server).raft_configuration(&Query::new())).map(|answer| answer.servers).unwrap_or_default();
    servers.into_iter().filter(|server| server.voter).map(|server| (server.id, server.address)).collect()
}

fn names(cluster: &Cluster, server: &str, query: &Query) -> Vec<String> {
    let jobs = ask(cluster.api(server).jobs(query)).map(|answer| answer.value).unwrap_or_default();
    jobs.into_iter().map(|job| job.id.to_string()).collect()
}

#[test]
fn a_killed_leader_is_replaced_and_all_killed_servers_come_back_with_everything() {
    // writes before, between and after; every one that was acknowledged is there on every server in the end
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    let first = cluster.leader("west");
    cluster.submit(&first, &idle("before"), &[]).ok();
    cluster.kill(&[&first]);
    let other = cluster.servers("west").into_iter().find(|server| server.name != first).expect("another server").name;
    // no waiting for the election: that is for the servers to do
    cluster.submit(&other, &idle("between"), &[]).ok();
    let second = cluster.leader("west");
    assert_ne!(second, first);
    assert!(cluster.log(&second).contains(SEEN_TO_END), "it did not wait for the time after which a silent leader is missed");
    cluster.start(&[&first]);
    settled("the old leader has caught up", || names(&cluster, &first, &Query::new().stale()), |names| names == &["before", "between"]);
    cluster.kill(&["west-servers"]);
    cluster.start(&["west-servers"]);
    cluster.submit("west-server-1", &idle("last"), &[]).ok();
    for server in cluster.servers("west") {
        settled(
            "every server has all jobs",
            || names(&cluster, &server.name, &Query::new().stale()),
            |names| names == &["before", "between", "last"],
        );
    }
    let versions: Vec<u64> = ["before", "between", "last"].map(|id| cluster.job("west-server-1", id).expect("a job").version).into();
    assert_eq!(versions, [0, 0, 0], "nothing was registered twice");
}

#[test]
fn followers_pass_on_writes_and_answer_stale_reads_alone() {
    // through a follower with a leader; then with the other two servers standing still
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    let leader = cluster.leader("west");
    let follower = cluster.follower("west");
    cluster.submit(&follower, &idle("through"), &[]).ok();
    assert_eq!(names(&cluster, &follower, &Query::new()), ["through"], "a consistent read sees the write");
    assert_eq!(names(&cluster, &leader, &Query::new()), ["through"]);
    let stale = settled(
        "the follower has it itself",
        || ask(cluster.api(&follower).jobs(&Query::new().stale())).ok(),
        |answer| answer.as_ref().is_some_and(|answer| answer.value.len() == 1),
    );
    assert!(stale.is_some_and(|answer| answer.known_leader));
    let others: Vec<String> = cluster.servers("west").into_iter().map(|server| server.name).filter(|name| *name != follower).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    cluster.pause(&others);
    until("the follower knows no leader", || {
        let answer = ask(cluster.api(&follower).jobs(&Query::new().stale())).expect("stale reads need nobody else");
        assert_eq!(answer.value.len(), 1);
        (!answer.known_leader).then_some(())
    });
    let refused = ask(cluster.api(&follower).jobs(&Query::new())).expect_err("a consistent read needs a leader");
    assert!(refused.to_string().contains("No cluster leader"), "{refused}");
    let refused = cluster.submit(&follower, &idle("lost"), &[]).fails_with(1);
    assert!(refused.contains("No cluster leader"), "{refused}");
    cluster.resume(&others);
    cluster.submit(&follower, &idle("after"), &[]).ok();
    assert_eq!(names(&cluster, &follower, &Query::new()), ["after", "through"]);
}

#[test]
fn a_leader_that_stood_still_does_not_answer_from_the_past() {
    // paused while another one takes over and accepts a write: its first consistent answer after that has the write
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    for round in 0..3 {
        let old = cluster.leader("west");
        cluster.pause(&[&old]);
        let others = cluster.servers("west").into_iter().filter(|server| server.name != old).map(|server| server.name);
        let other = others.into_iter().next().expect("another server");
        let name = format!("meanwhile-{round}");
        until("another one leads", || (cluster.submit(&other, &idle(&name), &[]).code == 0).then_some(()));
        cluster.resume(&[&old]);
        let seen = until("it answers", || ask(cluster.api(&old).jobs(&Query::new())).ok());
        assert!(seen.value.iter().any(|job| *job.id == name), "{seen:?}");
    }
    for server in cluster.servers("west") {
        assert!(!cluster.log(&server.name).contains(SEEN_TO_END), "who stands still has not ended");
    }
}

#[test]
fn a_blocking_query_is_answered_when_something_changes() {
    // at the leader and at a follower: not before the change, at once after it, and with the change in it
    let cluster = Cluster::up(&["west"], 3, 0);
    cluster.submit("west-server-1", &idle("seen"), &[]).ok();
    for (at, server) in [cluster.leader("west"), cluster.follower("west")].into_iter().enumerate() {
        // what is placed of a job changes its status
        let evaluated = || ask(cluster.api(&server).evaluations(&Query::new())).map(|answer| answer.value).unwrap_or_default();
        settled("all is evaluated", evaluated, |evals| !evals.is_empty() && evals.iter().all(|eval| eval.status == EvalStatus::Complete));
        let known = ask(cluster.api(&server).jobs(&Query::new())).expect("an answer");
        let (api, index) = (cluster.api(&server), known.index);
        let asked = Instant::now();
        let waiting = std::thread::spawn(move || {
            let answer = ask(api.jobs(&Query::new().after(index, Duration::from_secs(50))));
            (answer, asked.elapsed())
        });
        // something that is none of the list's business
        let nothing = ask(cluster.api(&server).jobs(&Query::new().after(index, Duration::from_millis(300)))).expect("an answer");
        assert_eq!(nothing.index, index, "without a change it ends with its wait");
        assert!(!waiting.is_finished(), "it waits");
        let name = format!("new-{at}");
        cluster.submit("west-server-1", &idle(&name), &[]).ok();
        let (answer, after) = waiting.join().expect("an answer");
        let answer = answer.expect("an answer");
        assert!(answer.index > index && answer.value.iter().any(|job| *job.id == name), "{answer:?}");
        assert!(after < Duration::from_secs(20), "woken by the change, not by the wait: {after:?}");
    }
}

#[test]
fn a_wiped_server_is_taken_in_as_a_new_one() {
    // its data folder is gone: it gets everything again, and the region has three voters that make progress when another one fails
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    for n in 0..20 {
        cluster.submit("west-server-1", &idle(&format!("job-{n:02}")), &[]).ok();
    }
    let wiped = cluster.follower("west");
    let before = cluster.member(&wiped);
    let leader = cluster.leader("west");
    let former = voters(&cluster, &leader);
    cluster.kill(&[&wiped]);
    std::fs::remove_dir_all(&before.data_dir).expect("removed");
    std::fs::create_dir_all(&before.data_dir).expect("made");
    cluster.start(&[&wiped]);
    settled("it has all jobs", || names(&cluster, &wiped, &Query::new().stale()).len(), |n| *n == 20);
    settled(
        "it votes under a new id, in the place of its former self",
        || voters(&cluster, &leader),
        |voters| voters.len() == 3 && voters.iter().any(|voter| voter.1 == before.rpc && !former.contains(voter)),
    );
    let third = cluster.servers("west").into_iter().map(|server| server.name).find(|name| ![&wiped, &leader].contains(&name));
    cluster.kill(&[&third.expect("a third server")]);
    cluster.submit(&wiped, &idle("after"), &[]).ok();
}

#[test]
fn a_damaged_server_comes_back_from_its_peers() {
    // the leader's database is overwritten: it sets its folder aside, and is a voter again, under a new id, with all that was acknowledged;
    // what it was is no member of the group any more, and the region goes on when another server fails
    let allowed = [ABOUT_OTHERS, &["damaged", "set aside", "Connection refused"]].concat();
    let cluster = Cluster::plan(&["west"], 3, 0).allow(&allowed).up();
    cluster.submit("west-server-1", &idle("kept"), &[]).ok();
    let damaged = cluster.leader("west");
    let member = cluster.member(&damaged);
    cluster.kill(&[&damaged]);
    let other = cluster.servers("west").into_iter().map(|server| server.name).find(|name| *name != damaged).expect("another server");
    cluster.submit(&other, &idle("meanwhile"), &[]).ok();
    let before = voters(&cluster, &other);
    let database = std::path::Path::new(&member.data_dir).join("server/raft/log/db");
    let length = std::fs::metadata(&database).expect("a database").len();
    std::fs::write(&database, vec![0xa5; usize::try_from(length).expect("a length")]).expect("written");
    cluster.start(&[&damaged]);
    settled("it has all jobs", || names(&cluster, &damaged, &Query::new().stale()), |names| names == &["kept", "meanwhile"]);
    let aside =
        |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().starts_with("server.damaged-");
    assert!(std::fs::read_dir(&member.data_dir).expect("a folder").any(aside), "what was left of it is kept");
    settled("three vote", || voters(&cluster, &other), |voters| voters.len() == 3 && voters != &before);
    let third = cluster.servers("west").into_iter().map(|server| server.name).find(|name| ![&damaged, &other].contains(&name));
    cluster.kill(&[&third.expect("a third server")]);
    cluster.submit(&other, &idle("after"), &[]).ok();
}

#[test]
fn a_damaged_server_that_is_alone_refuses_to_start_and_says_what_to_do() {
    // bytes of its database are overwritten: it ends with words, not with a panic, and nothing is moved
    let cluster = Cluster::plan(&["west"], 1, 0).allow(ABOUT_OTHERS).up();
    cluster.submit("west-server-1", &idle("kept"), &[]).ok();
    let damaged = "west-server-1".to_owned();
    let member = cluster.member(&damaged);
    cluster.kill(&[&damaged]);
    let database = std::path::Path::new(&member.data_dir).join("server/raft/log/db");
    let length = std::fs::metadata(&database).expect("a database").len();
    std::fs::write(&database, vec![0xa5; usize::try_from(length).expect("a length")]).expect("written");
    let refused = std::process::Command::new(steppe()).args(["agent", "-config", &member.config]).output().expect("run");
    let printed = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{printed}");
    assert!(printed.contains("damaged") && printed.contains("empty data_dir"), "{printed}");
    assert!(!printed.contains("panicked at"), "{printed}");
    assert!(database.exists(), "a person decides what becomes of it");
}

#[test]
fn a_person_decides_who_leads_and_who_takes_part() {
    // leadership goes to the follower that is named, while writes go on; a server that is gone is taken out, one that is there is not; what
    // cannot be is refused with the reason
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    let (leader, heir) = (cluster.leader("west"), cluster.follower("west"));
    let id_of = |name: &str| {
        let servers = ask(cluster.api("west-server-1").raft_configuration(&Query::new())).expect("an answer").servers;
        servers.into_iter().find(|server| server.node == format!("{name}.west")).expect("the server").id
    };
    let (leaders, heirs) = (id_of(&leader), id_of(&heir));
    let act = |words: &[&str]| cluster.steppe("west-server-2", &[&["operator", "raft"], words].concat());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..20).for_each(|n| drop(cluster.submit("west-server-3", &idle(&format!("job-{n}")), &[]).ok())));
        let said = act(&["transfer-leadership", "-peer-id", &heirs]).ok();
        assert_eq!(said, format!("Transferred leadership to peer with id {heirs:?}\n"));
        writing.join().expect("all were accepted");
    });
    assert_eq!(cluster.leader("west"), heir);
    let address = cluster.member(&leader).rpc;
    act(&["transfer-leadership", "-peer-address", &address]).ok();
    assert_eq!(cluster.leader("west"), leader);
    let nobody = act(&["transfer-leadership", "-peer-id", "nobody"]).fails_with(1);
    assert!(nobody.contains("nobody") && nobody.contains(&heirs), "{nobody}");
    assert!(act(&["transfer-leadership"]).fails_with(1).contains("-peer-address"));
    assert!(act(&["remove-peer", "-peer-id", &leaders]).fails_with(1).contains("transfer-leadership"));
    assert!(act(&["remove-peer", "-peer-id", &heirs]).fails_with(1).contains("is alive"));

    cluster.kill(&[&heir]);
    let asked = if heir == "west-server-2" { "west-server-3" } else { "west-server-2" };
    let remove = || cluster.steppe(asked, &["operator", "raft", "remove-peer", "-peer-id", &heirs]);
    let said = settled("it is known to be gone", &remove, |answer| answer.code == 0).out;
    assert_eq!(said, format!("Removed peer with id {heirs:?}\n"));
    assert!(!voters(&cluster, &leader).iter().any(|(id, _)| *id == heirs));
    cluster.start(&[&heir]);
    settled("it takes part again", || voters(&cluster, &leader), |voters| voters.iter().any(|(id, _)| *id == heirs));
}

#[test]
fn the_region_looks_after_its_servers() {
    // a fourth server votes only when it has been well for a while; one that died is let go when the settings allow it, and not before; the
    // health says who is there, and settings that somebody else changed meanwhile are not overwritten
    let autopilot =
        "autopilot {\n  cleanup_dead_servers = false\n  server_stabilization_time = \"1s\"\n  last_contact_threshold = \"10s\"\n}\n";
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).server_config(autopilot).up();
    let act = |words: &[&str]| cluster.steppe("west-server-1", &[&["operator", "autopilot"], words].concat());
    let config = act(&["get-config"]).ok();
    assert!(config.starts_with("CleanupDeadServers = false\nLastContactThreshold = 10s\nMaxTrailingLogs = 250\n"), "{config}");
    let health = || ask(cluster.api("west-server-1").autopilot_health(&Query::new())).expect("an answer");
    let well = settled("all are well", &health, |health| health.healthy && health.servers.len() == 3);
    assert_eq!((well.failure_tolerance, well.voters.len()), (1, 3));

    // one more than the region began with, by the file of one of them
    let first = cluster.member("west-server-1");
    let folder = tempfile::tempdir().expect("a folder");
    let fourth = format!(
        "region = \"west\"\nname = \"fourth\"\nserver {{\n  enabled = true\n  server_join {{\n    retry_join = [\"{}\"]\n  }}\n}}\n",
        first.gossip
    );
    let mut agent = process_tests::Agent::start(folder.path(), &fourth, &[]);
    let learning = settled("it is taken in", &health, |health| health.servers.len() == 4);
    assert!(learning.servers.iter().any(|server| server.name == "fourth.west" && !server.voter), "not at once: {learning:?}");
    settled("it votes", || voters(&cluster, "west-server-1").len(), |n| *n == 4);

    agent.end(nix::sys::signal::Signal::SIGKILL);
    let ill = settled("it is missed", &health, |health| !health.healthy);
    assert!(ill.servers.iter().any(|server| server.name == "fourth.west" && !server.healthy), "{ill:?}");
    let shown = settled("it has failed", || act(&["health"]).ok(), |shown| shown.contains("failed"));
    assert!(shown.starts_with("Healthy:           false\nFailureTolerance:  0\n"), "{shown}");
    assert_eq!(voters(&cluster, "west-server-1").len(), 4, "nobody is let go");
    assert_eq!(act(&["set-config", "-cleanup-dead-servers=true"]).ok(), "Configuration updated!\n");
    settled("it is let go", || voters(&cluster, "west-server-1").len(), |n| *n == 3);
    assert!(settled("all are well again", &health, |health| health.healthy).failure_tolerance == 1);

    let api = cluster.api("west-server-2");
    let present = ask(api.autopilot(&Query::new())).expect("settings");
    let late = ask(api.set_autopilot(&present, &Query::new().with("cas", present.modify_index + 1)));
    assert!(!late.expect("an answer"), "another version");
    let zones = api::AutopilotConfiguration { enable_redundancy_zones: true, ..present };
    let refused = ask(api.set_autopilot(&zones, &Query::new())).expect_err("zones").to_string();
    assert!(refused.contains("400") && refused.contains("EnableRedundancyZones"), "{refused}");
}

#[test]
fn two_clusters_run_side_by_side() {
    // the same region name, the same machine: neither sees the other
    let one = Cluster::up(&["west"], 1, 1);
    let two = Cluster::plan(&["west"], 1, 1).beside(&one).up();
    one.run("west-server-1", &JobFile::service("mine"), 1);
    assert_eq!(names(&two, "west-server-1", &Query::new()), Vec::<String>::new());
    for cluster in [&one, &two] {
        let members = ask(cluster.api("west-server-1").members(&Query::new())).expect("an answer").members;
        assert_eq!(members.len(), 1, "{members:?}");
        let nodes = ask(cluster.api("west-server-1").nodes(&Query::new())).expect("an answer").value;
        assert_eq!(nodes.len(), 1);
    }
}
