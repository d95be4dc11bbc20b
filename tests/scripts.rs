//! The scripts that people start clusters with: they leave nothing behind, whenever they are interrupted, and do not get in each other's way.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use process_tests::{Cluster, root, settled, steppe, until};

/// A script in a process group of its own, as a shell would start it, with a folder for temporary files.
fn start(script: &str, arguments: &[&str], temporary: &Path) -> Child {
    Command::new(root().join("scripts").join(script))
        .args(arguments)
        .env("STEPPE_BIN", steppe())
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the script starts")
}

/// What Ctrl-C at a terminal does: everybody in the group gets the signal. Returns the exit code.
fn interrupt(mut script: Child) -> Option<i32> {
    killpg(Pid::from_raw(script.id().try_into().expect("a pid")), Signal::SIGINT).expect("running");
    until("the script ends", || script.try_wait().ok().flatten()).code()
}

/// Command lines of the processes that name this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.display().to_string();
    let of = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let lines = fs::read_dir("/proc").expect("processes").flatten().filter_map(of);
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&name)).collect()
}

fn files_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn an_interrupted_cluster_leaves_no_process_and_no_file_behind() {
    // Ctrl-C between the start of the first and of the last agent, several times: each hits another moment
    let folder = tempfile::tempdir().expect("a folder");
    for turn in 0..5 {
        let cluster = folder.path().join(format!("cluster-{turn}"));
        let directory = cluster.display().to_string();
        let script = start("cluster", &["up", "--regions", "west,east", "--dir", &directory], folder.path());
        until("agents are being started", || cluster.join("cluster.json").exists().then_some(()));
        assert_eq!(interrupt(script), Some(130));
        assert!(processes_of(&cluster).is_empty(), "{:?}", processes_of(&cluster));
        assert!(files_in(folder.path()).is_empty(), "{:?}", files_in(folder.path()));
    }
}

#[test]
fn an_interrupted_demo_leaves_no_process_and_no_file_behind() {
    // Ctrl-C while the regions start, and when the job runs
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = || {
        let demo = files_in(folder.path()).pop()?;
        fs::read_to_string(Path::new(&demo).join("cluster.json")).ok()
    };
    let task = || processes_of(folder.path()).into_iter().find(|line| line.contains(" executor "));
    let moments: [(&str, &dyn Fn() -> Option<String>); 2] = [("agents are being started", &manifest), ("the job runs", &task)];
    for (moment, reached) in moments {
        let script = start("demo", &[], folder.path());
        until(moment, reached);
        assert_eq!(interrupt(script), Some(0), "{moment}");
        assert!(processes_of(folder.path()).is_empty(), "{moment}: {:?}", processes_of(folder.path()));
        assert!(files_in(folder.path()).is_empty(), "{moment}: {:?}", files_in(folder.path()));
    }
}

/// Images in this folder that loop devices hold.
fn loops_of(folder: &Path) -> Vec<String> {
    let of = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("loop/backing_file")).ok();
    let files = fs::read_dir("/sys/block").into_iter().flatten().flatten().filter_map(of);
    files.filter(|file| Path::new(file).starts_with(folder)).collect()
}

#[test]
fn a_killed_campaign_leaves_no_process_and_no_file_behind() {
    // SIGKILL, which nobody can answer, while rollouts are played, and while power is cut, for which one must be root
    let may_mount = nix::unistd::geteuid().is_root();
    let campaigns = [("chaos", ["--rollouts", "3"], " executor "), ("power", ["--cuts", "20"], " agent -config ")];
    for (campaign, arguments, begun) in campaigns.into_iter().filter(|(campaign, ..)| *campaign != "power" || may_mount) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut script = start(campaign, &arguments, folder.path());
        until("it is at work", || processes_of(folder.path()).into_iter().find(|line| line.contains(begun)));
        killpg(Pid::from_raw(script.id().try_into().expect("a pid")), Signal::SIGKILL).expect("running");
        script.wait().expect("it ends");
        let left = || [processes_of(folder.path()), files_in(folder.path()), loops_of(folder.path())].concat();
        settled("nothing is left", left, Vec::is_empty);
    }
}

#[test]
fn two_clusters_run_side_by_side() {
    // of the same regions; the end of the one is nothing to the other
    let first = Cluster::plan(&["west"], 1, 1).up();
    let second = Cluster::plan(&["west"], 1, 1).beside(&first).up();
    let members = |cluster: &Cluster| cluster.steppe("west-server-1", &["server", "members"]).ok();
    assert_eq!(members(&first).lines().count(), 2, "{}", members(&first));
    assert_ne!(members(&first), members(&second));
    drop(second);
    assert!(members(&first).contains("alive"), "{}", members(&first));
    assert!(first.steppe("west-server-1", &["node", "status"]).ok().contains("ready"));
}
