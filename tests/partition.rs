//! Two regions that are cut off from each other while both go on: needs network namespaces, and says so where there are none.

use std::path::Path;

use api::Client;
use api::client::Query;
use model::Deployment;
use model::DeploymentStatus::{self, *};
use process_tests::{Agent, JobFile, Network, ask, settled, steppe_at, until, until_within};

/// Longer than servers need to take each other for dead over a wide network, and to find each other again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// A server that is a node as well.
fn agent(network: &Network, folder: &Path, region: &str) -> Agent {
    let (words, address, http) = match region {
        "west" => (Vec::new(), network.here(), "127.0.0.1".to_owned()),
        _ => (network.words(), network.there(), network.there_always()),
    };
    let text = format!(
        "region = \"{region}\"\nbind_addr = \"{address}\"\naddresses {{\n  http = \"{http}\"\n}}\nserver {{\n  enabled = true\n  bootstrap_expect = 1\n}}\nclient {{\n  enabled = true\n}}\nplugin \"raw_exec\" {{\n  config {{\n    enabled = true\n  }}\n}}\n"
    );
    Agent::start_by(&words, &folder.join(region), &text, &[&format!("-node={region}")])
}

struct Region {
    agent: Agent,
    api: Client,
}

impl Region {
    fn new(agent: Agent) -> Region {
        let api = Client::new(&format!("http://{}", agent.http)).expect("an address");
        until("its node is ready", || {
            let nodes = ask(api.nodes(&Query::new())).ok()?.value;
            nodes.iter().any(|node| node.status.as_str() == "ready").then_some(())
        });
        Region { agent, api }
    }

    fn submit(&self, job: &JobFile) -> process_tests::Output {
        steppe_at(self.api.address(), &["job", "run", "-detach", "-"], &job.text())
    }

    fn status(&self, job: &str) -> Option<DeploymentStatus> {
        let all: Vec<Deployment> = ask(self.api.job_deployments(job, false, &Query::new())).ok()?.value;
        all.into_iter().max_by_key(|deployment| deployment.create_index).map(|deployment| deployment.status)
    }

    fn knows(&self, regions: &[&str]) {
        until_within(PATIENCE, &format!("the regions are {regions:?}"), || (ask(self.api.regions()).ok()? == regions).then_some(()));
    }

    fn running(&self, job: &str, count: usize) {
        let running = || {
            let all = ask(self.api.job_allocations(job, false, &Query::new())).map(|answer| answer.value).unwrap_or_default();
            all.iter().filter(|alloc| alloc.client_status.as_str() == "running").count()
        };
        settled(&format!("{count} of {job} run"), running, |n| *n == count);
    }
}

fn multi(id: &str) -> JobFile {
    let regions = "multiregion {\nstrategy {\nmax_parallel = 1\non_failure = \"fail_all\"\n}\nregion \"west\" {\ncount = 1\n}\nregion \"east\" {\ncount = 1\n}\n}";
    JobFile::service(id).count(0).job(regions).update("min_healthy_time = \"2s\"\nauto_revert = true")
}

#[test]
fn regions_that_are_cut_off_go_on_alone_and_finish_together_when_they_are_back() {
    // cut in west's turn: west ends its part, east does not begin; local work goes on in both; healed: both succeed. Then cut in east's turn
    let network = match Network::new() {
        Ok(network) => network,
        // an error on the way is one; a machine that has no namespaces shows it at the first step
        Err(reason) if !reason.starts_with("ip netns add") => panic!("{reason}"),
        Err(reason) => {
            eprintln!("SKIPPED: no network namespaces here ({reason}); rollout_faults.rs shows the same with servers that stand still");
            return;
        }
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [west, east] = ["west", "east"].map(|region| Region::new(agent(&network, folder.path(), region)));
    steppe_at(east.api.address(), &["server", "join", west.agent.gossip.as_deref().expect("a server gossips")], "").ok();
    west.knows(&["east", "west"]);
    east.knows(&["east", "west"]);

    let statuses = |job: &str| [west.status(job), east.status(job)];
    let reach = |job: &str, wanted: [DeploymentStatus; 2]| {
        until_within(PATIENCE, &format!("{job} is {wanted:?}"), || (statuses(job) == wanted.map(Some)).then_some(()));
    };
    west.submit(&multi("first")).ok();
    reach("first", [Running, Pending]);
    network.cut();
    west.knows(&["west"]);
    east.knows(&["east"]);
    reach("first", [Blocked, Pending]);
    west.submit(&JobFile::service("alone")).ok();
    west.running("alone", 1);
    east.submit(&JobFile::service("alone")).ok();
    east.running("alone", 1);
    let refused = west.submit(&multi("not-now")).fails_with(1);
    assert!(refused.contains("east"), "{refused}");
    assert_eq!(statuses("not-now"), [None, None]);
    assert_eq!(statuses("first"), [Some(Blocked), Some(Pending)], "nobody begins or finishes on a guess");
    network.heal();
    reach("first", [Successful, Successful]);
    east.running("first", 1);

    east.submit(&multi("second")).ok();
    reach("second", [Blocked, Running]);
    network.cut();
    west.knows(&["west"]);
    // whether west's vote has got through before the cut is chance; nobody may be done with one half missing
    let waits = |status: Option<DeploymentStatus>| matches!(status, Some(Blocked | Unblocking));
    until("east has done its part and waits", || waits(east.status("second")).then_some(()));
    assert!(waits(west.status("second")));
    network.heal();
    reach("second", [Successful, Successful]);
    for region in [&west, &east] {
        region.running("second", 1);
        region.knows(&["east", "west"]);
    }
}
