//! A region's whole state leaves as an archive and comes back: what the region had told the others stands.

use std::fs;
use std::path::Path;

use api::client::Query;
use model::DeploymentStatus::{self, *};
use process_tests::{Cluster, JobFile, send, settled, until};

const REGIONS: [&str; 2] = ["west", "east"];

/// Every task says which version it is.
fn job(version: &str) -> JobFile {
    let regions = "multiregion {\nstrategy {\n max_parallel = 1\n}\nregion \"west\" {\n count = 1\n}\nregion \"east\" {\n count = 1\n}\n}";
    let script = format!("echo version {version}; exec sleep 3600");
    JobFile::service("multi").count(0).job(regions).script(&script).update("min_healthy_time = \"300ms\"")
}

fn rolled_out(cluster: &Cluster, version: u64) {
    let wanted = REGIONS.map(|_| Some((version, Successful)));
    let seen = || -> Vec<Option<(u64, DeploymentStatus)>> {
        let deployments = cluster.rollout_deployments("multi", &REGIONS).into_iter();
        deployments.map(|deployment| deployment.map(|deployment| (deployment.job_version, deployment.status))).collect()
    };
    settled(&format!("version {version} is rolled out"), seen, |seen| *seen == wanted);
}

fn says(cluster: &Cluster, region: &str, version: &str) {
    let server = cluster.leader(region);
    let running = || cluster.allocs(&server, "multi").into_iter().filter(|alloc| alloc.client_status.as_str() == "running");
    let said = || running().map(|alloc| cluster.stdout(&server, &alloc, &Query::new())).collect::<Vec<_>>();
    settled(&format!("{region} runs {version}"), said, |said| *said == [format!("version {version}\n")]);
}

fn save(cluster: &Cluster, server: &str, path: &Path) {
    let printed = cluster.steppe(server, &["operator", "snapshot", "save", path.to_str().expect("a path")]).ok();
    assert_eq!(printed, format!("State file written to {}\n", path.display()));
}

#[test]
fn a_restored_region_keeps_its_word() {
    // west comes back from before the second version, while east is away: it does nothing before it has heard from east that both had
    // finished; then the second version is what it runs, and the third can follow
    let cluster = Cluster::plan(&REGIONS, 3, 1)
        .allow(&["restore", "restored", "no heartbeat", "connection", "not pushed", "a server is behind", "cannot be asked"])
        .up();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("west.snap");
    cluster.submit("west-server-1", &job("one"), &[]).ok();
    rolled_out(&cluster, 0);
    save(&cluster, &cluster.follower("west"), &path);
    let file = path.to_str().expect("a path");
    let inspected = cluster.steppe("east-server-1", &["operator", "snapshot", "inspect", file]).ok();
    for line in ["Region  = west", "Type ", "Rollout ", "Total "] {
        assert!(inspected.lines().any(|found| found.starts_with(line)), "{line}: {inspected}");
    }
    cluster.submit("east-server-1", &job("two"), &[]).ok();
    rolled_out(&cluster, 1);
    cluster.submit("west-server-1", &JobFile::service("late"), &[]).ok();

    cluster.kill(&["east-servers"]);
    let printed = cluster.steppe(&cluster.follower("west"), &["operator", "snapshot", "restore", file]).ok();
    assert_eq!(printed, "Snapshot Restored\n");
    let west = cluster.leader("west");
    assert!(cluster.job(&west, "late").is_none(), "it came after the snapshot");
    let status = || cluster.steppe(&cluster.leader("west"), &["job", "rollout", "status", "multi"]).ok();
    settled("west waits for east", status, |text| text.contains("restored from a snapshot, and asks the other regions"));
    let refused = cluster.submit("west-server-1", &job("three"), &[]).fails_with(1);
    assert!(refused.contains("east"), "{refused}");
    assert_eq!(cluster.job(&west, "multi").map(|job| job.version), Some(0), "nothing moves yet");

    cluster.start(&["east-servers"]);
    rolled_out(&cluster, 1);
    says(&cluster, "west", "two");
    cluster.submit("west-server-1", &job("three"), &[]).ok();
    rolled_out(&cluster, 2);
    for region in REGIONS {
        says(&cluster, region, "three");
    }
}

#[test]
fn what_is_no_snapshot_of_the_region_changes_nothing() {
    // damaged, cut short, something else, of another region, not there
    let cluster = Cluster::plan(&REGIONS, 1, 0).allow(&["restore"]).up();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("west.snap");
    cluster.submit("west-server-1", &JobFile::service("web"), &[]).ok();
    save(&cluster, "west-server-1", &path);
    let whole = fs::read(&path).expect("an archive");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let bad = folder.path().join("bad.snap");
    let restore = |server: &str, path: &Path| {
        let printed = cluster.steppe(server, &["operator", "snapshot", "restore", path.to_str().expect("a path")]);
        printed.fails_with(1)
    };
    for (content, words) in
        [(damaged, "Error reading snapshot"), (whole[..whole.len() - 9].to_vec(), "Error"), (b"no".to_vec(), "no snapshot")]
    {
        fs::write(&bad, &content).expect("a file");
        let said = restore("west-server-1", &bad);
        assert!(said.contains(words) && said.contains("bad.snap"), "{said}");
        // The server looks for itself.
        let sent = send("PUT", cluster.api("west-server-1").address().trim_start_matches("http://"), "/v1/operator/snapshot", &content);
        assert_eq!(sent.expect("an answer").0, 400, "{words}");
    }
    let said = restore("east-server-1", &path);
    assert!(said.contains("the snapshot is of region \"west\", this one is \"east\""), "{said}");
    assert!(restore("west-server-1", &folder.path().join("none")).contains("No such file"));
    let again = cluster.steppe("west-server-1", &["operator", "snapshot", "save", path.to_str().expect("a path")]).fails_with(1);
    assert!(again.contains("already exists"), "{again}");
    assert!(until("the job", || cluster.job("west-server-1", "web")).version == 0 && cluster.job("east-server-1", "web").is_none());
}
