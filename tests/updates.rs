//! New versions of a job in one region: rolling, with canaries, back again.

use std::sync::OnceLock;

use api::client::Query;
use model::DeploymentStatus::{Failed, Running, Successful};
use process_tests::{Cluster, Guest, JobFile, ask, settled, until};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west"], 1, 1)))
}

/// A job whose tasks say which version they are.
fn version(id: &str, text: &str) -> JobFile {
    JobFile::service(id).script(&format!("echo version {text}; exec sleep 3600"))
}

/// A version that ends at once.
fn broken(id: &str) -> JobFile {
    JobFile::service(id).script("echo version broken; exit 1")
}

/// What the running allocations print, sorted.
fn printed(cluster: &Cluster, job: &str, count: usize) -> Vec<String> {
    let mut texts: Vec<String> =
        cluster.running_of(SERVER, job, count).iter().map(|alloc| cluster.stdout(SERVER, alloc, &Query::new())).collect();
    texts.sort();
    texts
}

#[test]
fn a_destructive_update_rolls_one_by_one() {
    // count 3, max_parallel 1: never fewer than two run, never two versions start at once
    let cluster = cluster();
    let rolling = |text: &str| version("rolling", text).count(3).update("max_parallel = 1\nmin_healthy_time = \"500ms\"");
    cluster.run(SERVER, &rolling("one"), 3);
    cluster.deployed(SERVER, "rolling", 0, Successful);
    cluster.submit(SERVER, &rolling("two"), &[]).ok();
    let mut fewest = 3;
    until("the update is done", || {
        let allocs = cluster.allocs(SERVER, "rolling");
        let live = allocs.iter().filter(|alloc| alloc.desired_status.as_str() == "run").count();
        let new_unhealthy = allocs
            .iter()
            .filter(|alloc| alloc.job_version == 1 && alloc.deployment_status.as_ref().and_then(|status| status.healthy) != Some(true));
        assert!(new_unhealthy.count() <= 1, "{allocs:#?}");
        assert!(live <= 3, "{allocs:#?}");
        fewest = fewest.min(allocs.iter().filter(|alloc| alloc.client_status.as_str() == "running").count());
        let deployment = cluster.deployment(SERVER, "rolling")?;
        (deployment.job_version == 1 && deployment.status == Successful).then_some(())
    });
    assert!(fewest >= 1, "{fewest}");
    assert_eq!(printed(&cluster, "rolling", 3), ["version two\n", "version two\n", "version two\n"]);
    assert!(cluster.job(SERVER, "rolling").expect("a job").stable);
}

#[test]
fn a_run_is_followed_to_the_end_of_its_deployment() {
    // job run: evaluation, allocations, deployment, exit 0; with the values of variables from a flag, a file and the environment
    let cluster = cluster();
    let declared = "variable \"one\" {\n  default = \"?\"\n}\nvariable \"two\" {\n  default = \"?\"\n}\n";
    let job = JobFile::service("followed").script("echo ${var.one} ${var.two}; exec sleep 3600").count(2).update("max_parallel = 1");
    let file = cluster.folder().join("values.hcl");
    std::fs::write(&file, "two = \"from a file\"\n").expect("written");
    let file = format!("-var-file={}", file.display());
    let run = cluster.steppe_with(SERVER, &["job", "run", "-var", "one=given", &file, "-"], &format!("{declared}{}", job.text())).ok();
    for words in [
        "Monitoring evaluation",
        "Evaluation triggered by job \"followed\"",
        "finished with status \"complete\"",
        "Monitoring deployment",
        "Status      = successful",
    ] {
        assert!(run.contains(words), "{words:?} is not in\n{run}");
    }
    assert_eq!(printed(&cluster, "followed", 2), ["given from a file\n", "given from a file\n"]);
    let unknown = cluster.steppe_with(SERVER, &["job", "run", "-var", "three=3", "-"], &format!("{declared}{}", job.text())).fails_with(1);
    assert!(unknown.contains("three"), "{unknown}");
}

#[test]
fn an_update_in_place_keeps_the_tasks() {
    // a change that tasks do not notice: the same allocations with the new version
    let cluster = cluster();
    let before: Vec<_> = cluster.run(SERVER, &version("inplace", "one").count(2), 2).into_iter().map(|alloc| alloc.id).collect();
    cluster.deployed(SERVER, "inplace", 0, Successful);
    cluster.submit(SERVER, &version("inplace", "one").count(2).job("priority = 60"), &[]).ok();
    cluster.deployed(SERVER, "inplace", 1, Successful);
    let after = cluster.running_of(SERVER, "inplace", 2);
    assert_eq!(after.iter().map(|alloc| alloc.id).collect::<Vec<_>>(), before);
    assert!(after.iter().all(|alloc| alloc.job_version == 1 && alloc.task_states["t"].restarts == 0));
}

#[test]
fn canaries_wait_for_promotion() {
    // one canary beside two old ones; promoted, the rest follows
    let cluster = cluster();
    let canary = |text: &str| version("canary", text).count(2).update("max_parallel = 1\ncanary = 1");
    cluster.run(SERVER, &canary("one"), 2);
    cluster.deployed(SERVER, "canary", 0, Successful);
    cluster.submit(SERVER, &canary("two"), &[]).ok();
    let waiting = settled(
        "the canary is healthy",
        || cluster.deployment(SERVER, "canary"),
        |deployment| {
            deployment.as_ref().is_some_and(|deployment| deployment.job_version == 1 && deployment.task_groups["g"].healthy_allocs == 1)
        },
    );
    let waiting = waiting.expect("a deployment");
    assert_eq!((waiting.status, waiting.task_groups["g"].promoted), (Running, false));
    assert!(waiting.status_description.contains("requires manual promotion"), "{waiting:?}");
    assert_eq!(printed(&cluster, "canary", 3), ["version one\n", "version one\n", "version two\n"]);
    let status = cluster.steppe(SERVER, &["job", "status", "canary"]).ok();
    assert!(status.contains("requires manual promotion"), "{status}");
    cluster.steppe(SERVER, &["deployment", "promote", "-detach", &waiting.id.to_string()]).ok();
    cluster.deployed(SERVER, "canary", 1, Successful);
    assert_eq!(printed(&cluster, "canary", 2), ["version two\n", "version two\n"]);
    // auto_promote needs nobody
    cluster.submit(SERVER, &canary("three").update("auto_promote = true"), &[]).ok();
    cluster.deployed(SERVER, "canary", 2, Successful);
    assert_eq!(printed(&cluster, "canary", 2), ["version three\n", "version three\n"]);
}

#[test]
fn a_version_that_fails_is_taken_back() {
    // auto_revert: version 1 fails, version 2 is version 0 again; the monitor's exit code says that it failed
    let cluster = cluster();
    cluster.run(SERVER, &version("back", "one").update("auto_revert = true"), 1);
    cluster.deployed(SERVER, "back", 0, Successful);
    let run = cluster.steppe_with(SERVER, &["job", "run", "-"], &broken("back").update("auto_revert = true").text());
    assert_eq!(run.code, 1, "{run}");
    let deployments =
        || ask(cluster.api(SERVER).job_deployments("back", true, &Query::new())).map(|answer| answer.value).unwrap_or_default();
    let all = settled("the version before is rolled out again", deployments, |all| {
        all.iter().any(|deployment| deployment.job_version == 2 && deployment.status == Successful)
    });
    let failed = all.iter().find(|deployment| deployment.job_version == 1).expect("a deployment");
    assert_eq!(failed.status, Failed);
    assert!(failed.status_description.contains("rolling back to job version 0"), "{failed:?}");
    assert_eq!(printed(&cluster, "back", 1), ["version one\n"]);
}

#[test]
fn a_version_that_fails_without_auto_revert_stays_and_a_person_reverts() {
    // job revert: back to version 0 as version 2; a version that never was is an error
    let cluster = cluster();
    cluster.run(SERVER, &version("byhand", "one").count(2).update("max_parallel = 1"), 2);
    cluster.deployed(SERVER, "byhand", 0, Successful);
    cluster.submit(SERVER, &broken("byhand").count(2).update("max_parallel = 1"), &[]).ok();
    cluster.deployed(SERVER, "byhand", 1, Failed);
    assert_eq!(printed(&cluster, "byhand", 1), ["version one\n"], "the other old one was not touched");
    let history = cluster.steppe(SERVER, &["job", "history", "byhand"]).ok();
    assert!(history.contains("Version     = 1") && history.contains("Version     = 0"), "{history}");
    let refused = cluster.steppe(SERVER, &["job", "revert", "byhand", "7"]).fails_with(1);
    assert!(refused.contains('7'), "{refused}");
    cluster.steppe(SERVER, &["job", "revert", "-detach", "byhand", "0"]).ok();
    cluster.deployed(SERVER, "byhand", 2, Successful);
    assert_eq!(printed(&cluster, "byhand", 2), ["version one\n", "version one\n"]);
}

#[test]
fn a_deployment_is_paused_resumed_and_failed_by_a_person() {
    // paused: nothing new is placed; resumed: it goes on; failed: it stops where it is
    let cluster = cluster();
    let job = |text: &str| version("steered", text).count(3).update("max_parallel = 1\nmin_healthy_time = \"1s\"");
    cluster.run(SERVER, &job("one"), 3);
    cluster.deployed(SERVER, "steered", 0, Successful);
    cluster.submit(SERVER, &job("two"), &[]).ok();
    let id = cluster.deployed(SERVER, "steered", 1, Running).id.to_string();
    let paused = cluster.steppe(SERVER, &["deployment", "pause", &id]).ok();
    assert!(paused.contains(&format!("Deployment \"{id}\" paused")), "{paused}");
    let placed = |wanted: fn(i64) -> bool| {
        settled(
            "so many are placed",
            || cluster.deployment(SERVER, "steered").expect("a deployment").task_groups["g"].placed_allocs,
            |n| wanted(*n),
        );
    };
    settled(
        "what was placed is healthy",
        || cluster.deployment(SERVER, "steered").expect("a deployment").task_groups["g"].clone(),
        |group| group.healthy_allocs == group.placed_allocs,
    );
    let n = cluster.deployment(SERVER, "steered").expect("a deployment").task_groups["g"].placed_allocs;
    assert!(n < 3, "paused in the middle, not after {n}");
    cluster.steppe(SERVER, &["deployment", "resume", "-detach", &id]).ok();
    placed(|n| n >= 2);
    let failed = cluster.steppe(SERVER, &["deployment", "fail", "-detach", &id]);
    if failed.code == 0 {
        let failed = cluster.deployed(SERVER, "steered", 1, Failed);
        assert!(failed.status_description.contains("marked as failed"), "{failed:?}");
    } else {
        // it was faster
        cluster.deployed(SERVER, "steered", 1, Successful);
    }
    let again = cluster.steppe(SERVER, &["deployment", "fail", "-detach", &id]).fails_with(1);
    assert!(again.contains(&id), "{again}");
}
