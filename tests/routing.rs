//! Questions for another region: any server takes them, the right region answers.

use std::sync::OnceLock;

use api::client::{FileRange, LogStream, Query};
use process_tests::{Cluster, Guest, JobFile, ask, until};

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west", "east"], 1, 1)))
}

#[test]
fn every_noun_can_be_asked_for_in_another_region() {
    // a job that runs in east, asked for in west with and without the region, by API and command line
    let cluster = cluster();
    let alloc = cluster.run("east-server-1", &JobFile::service("far").script("echo far away; exec sleep 3600"), 1).remove(0);
    let east = Query::new().region("east");
    for agent in ["west-server-1", "west-client-1", "east-client-1"] {
        let api = cluster.api(agent);
        let id = alloc.id.to_string();
        let deployment = cluster.deployment("east-server-1", "far").expect("a deployment").id.to_string();
        assert!(ask(api.job("far", &east)).is_ok(), "{agent}");
        assert_eq!(ask(api.job_allocations("far", false, &east)).expect("allocations").value[0].id, alloc.id, "{agent}");
        assert!(ask(api.allocation(&id, &east)).is_ok(), "{agent}");
        assert!(ask(api.evaluation(&alloc.eval_id.to_string(), &east)).is_ok(), "{agent}");
        assert!(ask(api.deployment(&deployment, &east)).is_ok(), "{agent}");
        assert_eq!(ask(api.nodes(&east)).expect("nodes").value[0].name, "east-client-1", "{agent}");
        assert_eq!(ask(api.leader(&east)).expect("a leader"), cluster.member("east-server-1").rpc, "{agent}");
        assert!(ask(api.list_files(&id, "/alloc/logs", &east)).is_ok(), "{agent}");
        let local = if agent.starts_with("east") { 1 } else { 0 };
        assert_eq!(ask(api.jobs(&Query::new().prefix("far"))).expect("jobs").value.len(), local, "{agent}");
    }
    let status = cluster.steppe("west-server-1", &["job", "status", "-region=east", "far"]).ok();
    assert!(status.contains("far"), "{status}");
    let short = &alloc.id.to_string()[..8];
    let logs = cluster.steppe("west-client-1", &["alloc", "logs", "-region", "east", short]).ok();
    assert_eq!(logs, "far away\n");
    let missing = cluster.steppe("west-server-1", &["alloc", "status", short]).fails_with(1);
    assert!(missing.contains(short), "{missing}");
}

#[test]
fn logs_are_followed_across_regions() {
    // a task in west that goes on writing, followed from east by command line and by API
    let cluster = cluster();
    let script = "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.1; done";
    let alloc = cluster.run("west-server-1", &JobFile::service("talks").script(script), 1).remove(0);
    let id = alloc.id.to_string();
    for agent in ["east-server-1", "east-client-1"] {
        let mut following = cluster.follow(agent, &["alloc", "logs", "-f", "-region", "west", &id]);
        following.line_with("line 5");
        following.line_with("line 15");
    }
    let frames = async {
        let range = FileRange { follow: true, ..Default::default() };
        let api = cluster.api("east-server-1");
        let mut frames = api.logs(&id, "t", LogStream::Stdout, &range, &Query::new().region("west")).await.expect("a stream");
        let mut text = String::new();
        while !text.contains("line 25") {
            let frame = frames.next().await.expect("a frame").expect("more");
            text.push_str(&String::from_utf8_lossy(&frame.data));
        }
        text
    };
    let text = ask(frames);
    assert!(text.starts_with("line 1\nline 2\n"), "{text}");
}

#[test]
fn writes_reach_the_region_they_name() {
    // a job file that names its region, submitted to the other one; then stopped from there
    let cluster = cluster();
    let job = JobFile::service("sent").job("region = \"east\"");
    cluster.submit("west-server-1", &job, &[]).ok();
    cluster.running_of("east-server-1", "sent", 1);
    assert!(cluster.job("west-server-1", "sent").is_none());
    cluster.steppe("west-server-1", &["job", "stop", "-region=east", "-purge", "-yes", "sent"]).ok();
    until("it is gone", || cluster.job("east-server-1", "sent").is_none().then_some(()));
}

#[test]
fn an_unknown_region_is_named_with_those_that_exist() {
    // reads, writes and streams
    let cluster = cluster();
    let mars = Query::new().region("mars");
    let id = "00000000-0000-0000-0000-000000000001";
    for agent in ["west-server-1", "west-client-1"] {
        let api = cluster.api(agent);
        let answers = [
            ask(api.jobs(&mars)).map(|_| ()),
            ask(api.system_gc(&mars)),
            ask(api.logs(id, "t", LogStream::Stdout, &FileRange::default(), &mars)).map(|_| ()),
        ];
        for answer in answers {
            let error = answer.expect_err("mars is far");
            assert_eq!(error.status(), Some(500), "{agent}: {error}");
            let text = error.body().unwrap_or_default();
            assert!(
                text.starts_with("No path to region") && ["mars", "east", "west"].iter().all(|name| text.contains(name)),
                "{agent}: {text}"
            );
        }
        let printed = cluster.steppe(agent, &["status", "-region=mars"]).fails_with(1);
        assert!(printed.contains("No path to region"), "{printed}");
    }
}
