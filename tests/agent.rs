//! The agent as a process: starting, being told things, ending.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use process_tests::{Agent, JobFile, get, put, request, settled, steppe, steppe_at, until};
use serde_json::{Value, json};

const SERVER: &str = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n";
const BOTH: &str = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n}\nplugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n";

/// A job with one task that sleeps, and the number of its process in a file.
fn sleeper(pid_file: &Path) -> Value {
    let script = format!("echo $$ > {}; exec sleep 1000", pid_file.display());
    json!({ "Job": { "ID": "sleeper", "Name": "sleeper", "Type": "service", "Datacenters": ["*"], "TaskGroups": [{ "Name": "g", "Count": 1,
        "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/sh", "args": ["-c", script] },
            "Resources": { "CPU": 20, "MemoryMB": 10 } }] }] } })
}

fn is_running(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn node(http: &str) -> String {
    until("a node is ready", || {
        let nodes = get(http, "/v1/nodes")?;
        let node = nodes.as_array()?.iter().find(|node| node["Status"] == "ready")?;
        node["ID"].as_str().map(str::to_owned)
    })
}

fn status_of(http: &str, member: &str) -> Option<String> {
    let members = get(http, "/v1/agent/members")?;
    let found = members["Members"].as_array()?.iter().find(|found| found["Name"] == member)?.clone();
    found["Status"].as_str().map(str::to_owned)
}

#[test]
fn dev_mode_runs_a_task_and_leaves_nothing_behind() {
    // a task and a job by the command line in a dev agent, then Ctrl-C: exit 0, no process, no folder
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let pid_file = folder.path().join("pid");
    let ports = "ports {\n  http = 0\n  rpc = 0\n  serf = 0\n}\n";
    // the folder of the data is the temporary one: the configuration must not name another
    let config = folder.path().join("dev.hcl");
    fs::write(&config, ports).expect("written");
    let log = fs::File::create(folder.path().join("log")).expect("a log");
    let mut process = std::process::Command::new(steppe())
        .args(["agent", "-dev", "-config"])
        .arg(&config)
        .env("TMPDIR", &temporary)
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("started");
    let printed = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let http = until("the agent has started", || {
        let printed = printed();
        let line = printed
            .contains("agent started!")
            .then(|| printed.lines().find(|line| line.contains("Advertise Addrs: HTTP: ")).map(str::to_owned))??;
        Some(line.split("HTTP: ").nth(1)?.split(';').next()?.to_owned())
    });
    node(&http);
    put(&http, "/v1/jobs", Some(&sleeper(&pid_file))).expect("registered");
    let pid = until("the task runs", || fs::read_to_string(&pid_file).ok().filter(|pid| pid.ends_with('\n')));
    assert!(is_running(&pid));
    let count = JobFile::batch("count", "for n in 1 2 3; do echo $n; done").text();
    let address = format!("http://{http}");
    let followed = steppe_at(&address, &["job", "run", "-"], &count).ok();
    assert!(followed.contains("finished with status \"complete\""), "{followed}");
    let logs = || steppe_at(&address, &["alloc", "logs", "-job", "count"], "").out;
    settled("its output can be read", logs, |text| text == "1\n2\n3\n");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.id().try_into().expect("a pid")), Signal::SIGINT).expect("running");
    let status = until("the agent ends", || process.try_wait().ok().flatten());
    assert_eq!(status.code(), Some(0), "{}", printed());
    assert!(!is_running(&pid), "the task went on\n{}", printed());
    let left: Vec<_> = fs::read_dir(&temporary).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn tasks_outlive_their_agent_and_the_node_keeps_its_id() {
    // killed without a warning, then stopped in order: the same process runs on, under the same node
    let folder = tempfile::tempdir().expect("a folder");
    let pid_file = folder.path().join("pid");
    let mut agent = Agent::start(folder.path(), BOTH, &[]);
    let id = node(&agent.http);
    put(&agent.http, "/v1/jobs", Some(&sleeper(&pid_file))).expect("registered");
    let pid = until("the task runs", || fs::read_to_string(&pid_file).ok().filter(|pid| pid.ends_with('\n')));
    for (signal, code) in [(Signal::SIGKILL, None), (Signal::SIGTERM, Some(0))] {
        assert_eq!(agent.end(signal), code, "{}", agent.log());
        assert!(is_running(&pid));
        let restarted = Agent::start(folder.path(), BOTH, &[]);
        // the folder is in use again: the first value must not clean it up
        std::mem::forget(std::mem::replace(&mut agent, restarted));
        assert_eq!(node(&agent.http), id);
        until("the allocation is seen as running again", || {
            let allocs = get(&agent.http, "/v1/job/sleeper/allocations")?;
            let running = allocs.as_array()?.iter().filter(|alloc| alloc["ClientStatus"] == "running").count();
            (allocs.as_array()?.len() == 1 && running == 1).then_some(())
        });
        assert!(is_running(&pid));
    }
}

#[test]
fn a_configuration_that_cannot_be_used_ends_the_agent_with_the_places() {
    // two mistakes in the file and one on the command line
    let folder = tempfile::tempdir().expect("a folder");
    let (code, printed) = Agent::refused(folder.path(), "regoin = \"west\"\nserver {\n  enabled = 3\n}\n", &["-log-level=LOUD"]);
    assert_eq!(code, Some(1), "{printed}");
    for expected in [
        "agent.hcl:1:1: unknown key \"regoin\"; did you mean \"region\"?",
        "agent.hcl:3:13: server.enabled: expected true or false, found the number 3",
        "flag -log-level: \"LOUD\" is not a log level",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
}

#[test]
fn a_data_folder_in_use_or_of_another_region_is_refused_with_the_remedy() {
    // a second agent on the folder of a running one, then one of another region after it has ended
    let folder = tempfile::tempdir().expect("a folder");
    let mut agent = Agent::start(&folder.path().join("first"), SERVER, &[]);
    let data = format!("-data-dir={}", folder.path().join("first/data").display());
    let (code, printed) = Agent::refused(&folder.path().join("second"), SERVER, &[&data]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("first/data/server") && printed.contains("another"), "{printed}");
    assert_eq!(agent.end(Signal::SIGTERM), Some(0), "{}", agent.log());
    let (code, printed) = Agent::refused(&folder.path().join("third"), SERVER, &[&data, "-region=elsewhere"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("global") && printed.contains("elsewhere"), "{printed}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    // HTTP on a port that this test holds
    let folder = tempfile::tempdir().expect("a folder");
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port();
    let (code, printed) = Agent::refused(folder.path(), &format!("{SERVER}ports {{\n  http = {port}\n}}\n"), &[]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains(&format!("HTTP cannot listen on 127.0.0.1:{port}")), "{printed}");
}

#[test]
fn sighup_takes_over_the_log_level_and_refuses_mistakes() {
    // from INFO to a mistake, which changes nothing, to DEBUG, and back
    let folder = tempfile::tempdir().expect("a folder");
    let mut agent = Agent::start(folder.path(), SERVER, &[]);
    let told = |text: &str, expected: &str| {
        let before = agent.log().len();
        fs::write(agent.config(), format!("{SERVER}{text}\n")).expect("written");
        agent.signal(Signal::SIGHUP);
        until(expected, || agent.log().get(before..)?.contains(expected).then_some(()));
    };
    told("log_level = \"LOUD\"", "is not a log level");
    assert!(!agent.log().contains(" DEBUG "), "{}", agent.log());
    told("log_level = \"DEBUG\"", "configuration reloaded log_level=DEBUG");
    get(&agent.http, "/v1/regions").expect("answered");
    until("it says more", || agent.log().contains("request complete method=GET path=\"/v1/regions\" status=200").then_some(()));
    told("", "configuration reloaded log_level=INFO");
    let quiet_since = agent.log().len();
    get(&agent.http, "/v1/regions").expect("answered");
    assert_eq!(agent.end(Signal::SIGTERM), Some(0), "{}", agent.log());
    assert!(!agent.log().get(quiet_since..).unwrap_or_default().contains(" DEBUG "), "{}", agent.log());
}

#[test]
fn sigterm_ends_an_agent_with_work_cleanly_and_quickly() {
    // a server with a node and a task: exit 0 in seconds, nothing to complain about, and the task stays
    let folder = tempfile::tempdir().expect("a folder");
    let pid_file = folder.path().join("pid");
    let mut agent = Agent::start(folder.path(), BOTH, &[]);
    node(&agent.http);
    put(&agent.http, "/v1/jobs", Some(&sleeper(&pid_file))).expect("registered");
    let pid = until("the task runs", || fs::read_to_string(&pid_file).ok().filter(|pid| pid.ends_with('\n')));
    let began = Instant::now();
    assert_eq!(agent.end(Signal::SIGTERM), Some(0), "{}", agent.log());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(![" WARN ", " ERROR "].iter().any(|level| agent.log().contains(level)), "{}", agent.log());
    assert!(is_running(&pid));
}

#[test]
fn log_lines_can_be_json_and_go_to_a_file_as_well() {
    // log_json and log_file, compared with what the terminal got
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("logs/steppe.log");
    let text = format!("{SERVER}log_json = true\nlog_file = \"{}\"\n", file.display());
    let mut agent = Agent::start(folder.path(), &text, &[]);
    assert_eq!(agent.end(Signal::SIGTERM), Some(0));
    let lines: Vec<Value> = fs::read_to_string(&file)
        .expect("the log file")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["message"] == "shutting down"), "{lines:?}");
    assert!(agent.log().contains("\"message\":\"shutting down\""), "{}", agent.log());
}

#[test]
fn a_server_that_leaves_says_so_and_one_that_stops_does_not() {
    // a west server watches two east servers, one with leave_on_terminate
    let folder = tempfile::tempdir().expect("a folder");
    let west = Agent::start(&folder.path().join("west"), SERVER, &["-region=west", "-node=w"]);
    let join = format!("-retry-join={}", west.gossip.clone().expect("a server gossips"));
    for (name, region, leave, expected) in [("a", "east", "true", "left"), ("b", "north", "false", "failed")] {
        let text = format!("{SERVER}leave_on_terminate = {leave}\n");
        let region_flag = format!("-region={region}");
        let node_flag = format!("-node={name}");
        let mut other = Agent::start(&folder.path().join(name), &text, &[&region_flag, &node_flag, &join]);
        let member = format!("{name}.{region}");
        until("the member is alive", || (status_of(&west.http, &member)? == "alive").then_some(()));
        assert_eq!(other.end(Signal::SIGTERM), Some(0), "{}", other.log());
        until(&format!("{member} is {expected}"), || (status_of(&west.http, &member)? == expected).then_some(()));
    }
}

#[test]
fn a_client_that_no_server_takes_in_gives_up_when_told_to() {
    // an address where nobody listens, two tries
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("an address")
    };
    let text = format!(
        "client {{\n  enabled = true\n  server_join {{\n    retry_join = [\"{nobody}\"]\n    retry_max = 2\n    retry_interval = \"100ms\"\n  }}\n}}\n"
    );
    let (code, printed) = Agent::refused(folder.path(), &text, &[]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains(&nobody.to_string()) && printed.contains("after 2 tries"), "{printed}");
}

#[test]
fn the_agent_describes_itself() {
    // names, addresses and plugins of an agent that is both
    let folder = tempfile::tempdir().expect("a folder");
    let agent = Agent::start(folder.path(), BOTH, &["-region=west", "-dc=west-1", "-node=n1"]);
    let itself = get(&agent.http, "/v1/agent/self").expect("an answer");
    let config = &itself["config"];
    assert_eq!((&config["Region"], &config["Datacenter"], &config["NodeName"]), (&json!("west"), &json!("west-1"), &json!("n1")));
    assert_eq!(config["AdvertiseAddrs"]["HTTP"], json!(agent.http));
    assert_eq!(itself["stats"]["nomad"]["server"], json!("true"));
    until("both roles are healthy", || request("GET", &agent.http, "/v1/agent/health", None).filter(|(status, _)| *status == 200));
}
