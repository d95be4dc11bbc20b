//! The pool of all servers, as people see it.

use api::ServerMember;
use api::client::Query;
use process_tests::{Cluster, JobFile, ask, settled, until};

const ABOUT_OTHERS: &[&str] = &["connection", "not committed", "nothing was committed", "membership", "no heartbeat"];

/// Name and status of every member, as one server sees it.
fn members(cluster: &Cluster, server: &str) -> Vec<(String, String)> {
    let members: Vec<ServerMember> = ask(cluster.api(server).members(&Query::new())).map(|answer| answer.members).unwrap_or_default();
    let mut found: Vec<_> = members.into_iter().map(|member| (member.name, member.status)).collect();
    found.sort();
    found
}

fn sees(cluster: &Cluster, server: &str, member: &str, status: &str) {
    settled(
        &format!("{server} sees {member} as {status}"),
        || members(cluster, server),
        |all| all.iter().any(|(name, seen)| name == member && seen == status),
    );
}

#[test]
fn members_are_listed_in_columns_and_regions_join() {
    // alone, then joined; the columns that scripts read
    let cluster = Cluster::plan(&["west", "east"], 1, 0).apart().up();
    let alone = cluster.steppe("west-server-1", &["server", "members"]).ok();
    let rows: Vec<Vec<&str>> =
        alone.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    assert_eq!(rows[0], ["Name", "Address", "Port", "Status", "Leader", "Raft Version", "Build", "Datacenter", "Region"], "{alone}");
    assert_eq!(rows.len(), 2, "{alone}");
    let west = cluster.member("west-server-1");
    let port = west.gossip.rsplit(':').next().expect("a port");
    assert_eq!(rows[1][..5], ["west-server-1.west", "127.0.0.1", port, "alive", "true"], "{alone}");
    assert_eq!(rows[1][7..], ["west-1", "west"], "{alone}");

    let refused = cluster.steppe("west-server-1", &["jobs", "status"]);
    assert_ne!(refused.code, 0, "{refused}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").to_string();
    let refused = cluster.steppe("east-server-1", &["server", "join", &nobody]).fails_with(1);
    assert!(refused.contains("Error joining") && refused.contains(&nobody), "{refused}");

    let joined = cluster.steppe("east-server-1", &["server", "join", &west.gossip]).ok();
    assert_eq!(joined.trim(), "Joined 1 servers successfully");
    for server in ["west-server-1", "east-server-1"] {
        let both = settled("both are listed", || members(&cluster, server), |all| all.len() == 2);
        assert_eq!(both, [("east-server-1.east".to_owned(), "alive".to_owned()), ("west-server-1.west".to_owned(), "alive".to_owned())]);
    }
    let again = cluster.steppe("east-server-1", &["server", "join", &west.gossip]).ok();
    assert_eq!(again.trim(), "Joined 1 servers successfully", "joining twice is no error");
}

#[test]
fn a_job_of_two_regions_can_be_submitted_as_soon_as_they_are_joined() {
    // by a server that is not the one that joined: whoever decides may not have heard of the other region yet
    let cluster = Cluster::plan(&["west", "east"], 3, 0).apart().up();
    let gossip = cluster.member("west-server-1").gossip;
    cluster.steppe("east-server-1", &["server", "join", &gossip]).ok();
    let multiregion = "multiregion {\nregion \"west\" {}\nregion \"east\" {}\n}";
    for (server, id) in [("east-server-3", "first"), ("west-server-3", "second")] {
        cluster.submit(server, &JobFile::service(id).count(0).job(multiregion), &[]).ok();
    }
}

#[test]
fn a_killed_server_is_failed_a_stopped_one_too_and_both_come_back_by_themselves() {
    // no join flags between regions: the member list on disk is enough, on whichever side it happens
    let cluster = Cluster::plan(&["west", "east"], 1, 0).allow(ABOUT_OTHERS).up();
    cluster.kill(&["east-server-1"]);
    sees(&cluster, "west-server-1", "east-server-1.east", "failed");
    cluster.start(&["east-server-1"]);
    sees(&cluster, "west-server-1", "east-server-1.east", "alive");
    sees(&cluster, "east-server-1", "west-server-1.west", "alive");
    // both at once: each remembers the other
    cluster.terminate(&["all"]);
    cluster.start(&["all"]);
    sees(&cluster, "west-server-1", "east-server-1.east", "alive");
    sees(&cluster, "east-server-1", "west-server-1.west", "alive");
    until("requests travel again", || ask(cluster.api("east-server-1").jobs(&Query::new().region("west"))).ok());
}

#[test]
fn a_server_that_leaves_is_left_and_its_region_goes_on_without_it() {
    // leave_on_terminate: out of the pool as left, out of raft's voters; the two others then stand one more failure less
    let cluster = Cluster::plan(&["west"], 3, 0).server_config("leave_on_terminate = true\n").allow(ABOUT_OTHERS).up();
    let leader = cluster.leader("west");
    cluster.terminate(&[&leader]);
    let other = cluster.leader("west");
    sees(&cluster, &other, &format!("{leader}.west"), "left");
    settled(
        "it votes no more",
        || ask(cluster.api(&other).peers(&Query::new())).unwrap_or_default(),
        |peers| peers.len() == 2 && !peers.contains(&cluster.member(&leader).rpc),
    );
    cluster.submit(&other, &JobFile::service("after").count(0), &[]).ok();
    // and it may come back
    cluster.start(&[&leader]);
    sees(&cluster, &other, &format!("{leader}.west"), "alive");
    settled("it votes again", || ask(cluster.api(&other).peers(&Query::new())).unwrap_or_default(), |peers| peers.len() == 3);
}

#[test]
fn a_failed_server_is_forced_to_leave() {
    // force-leave: left, out of raft's voters; -prune: not shown any more; a name that is not known is an error
    let cluster = Cluster::plan(&["west"], 3, 0).allow(ABOUT_OTHERS).up();
    let gone = cluster.follower("west");
    cluster.kill(&[&gone]);
    let leader = cluster.leader("west");
    let full = format!("{gone}.west");
    sees(&cluster, &leader, &full, "failed");
    let peers = || ask(cluster.api(&leader).peers(&Query::new())).unwrap_or_default();
    assert_eq!(peers().len(), 3, "a failed server may come back");
    let refused = cluster.steppe(&leader, &["server", "force-leave", "nobody.west"]).fails_with(1);
    assert!(refused.contains("nobody.west"), "{refused}");
    cluster.steppe(&leader, &["server", "force-leave", &full]).ok();
    sees(&cluster, &leader, &full, "left");
    settled("it votes no more", peers, |peers| peers.len() == 2);
    cluster.steppe(&leader, &["server", "force-leave", "-prune", &full]).ok();
    for server in cluster.servers("west").into_iter().filter(|server| server.name != gone) {
        settled("it is not shown any more", || members(&cluster, &server.name), |all| all.len() == 2);
    }
}

#[test]
fn another_cluster_with_the_same_region_name_is_kept_out_in_words() {
    // two clusters that both call themselves west
    let one = Cluster::plan(&["west"], 1, 0).allow(&["kept out of the pool", "connection refused"]).up();
    let two = Cluster::plan(&["west"], 1, 0).allow(&["kept out of the pool", "connection refused"]).beside(&one).up();
    let gossip = one.member("west-server-1").gossip;
    let refused = two.steppe("west-server-1", &["server", "join", &gossip]).fails_with(1);
    assert!(refused.contains("west") && (refused.contains("uuid") || refused.contains("another cluster")), "{refused}");
    for cluster in [&one, &two] {
        assert_eq!(members(cluster, "west-server-1").len(), 1);
        cluster.submit("west-server-1", &JobFile::service("on").count(0), &[]).ok();
    }
}
