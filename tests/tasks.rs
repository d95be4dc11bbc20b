//! What runs on a node: environment, output, files, restarts, ends.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::AllocListStub;
use api::client::Query;
use model::{ClientStatus, TaskPhase, TaskState};
use process_tests::{Cluster, Guest, JobFile, ask, is_running, process_of, settled, until};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::plan(&["west"], 1, 1).client_config("client {\n  meta {\n    rack = \"r1\"\n  }\n}\n").up()))
}

/// Waits until the only allocation of a job has this status.
#[track_caller]
fn ends(cluster: &Cluster, job: &str, status: ClientStatus) -> AllocListStub {
    settled(&format!("{job} is {status}"), || cluster.allocs(SERVER, job), |all| all.len() == 1 && all[0].client_status == status).remove(0)
}

fn task(alloc: &AllocListStub) -> &TaskState {
    alloc.task_states.get("t").expect("the state of the task")
}

/// Types of the events of a task, in order.
fn events(alloc: &AllocListStub) -> Vec<&str> {
    task(alloc).events.iter().map(|event| event.kind.as_str()).collect()
}

#[test]
fn a_task_sees_the_environment_of_the_interface() {
    // a batch job that runs env; ports, meta of job, group and task, and values that are known only on the node
    let cluster = cluster();
    let job = JobFile::batch("environment", "exec env")
        .job("meta {\n  level = \"job\"\n  owner = \"ann\"\n}")
        .group("meta {\n  level = \"group\"\n}\nnetwork {\n  port \"http\" {}\n  port \"admin\" {\n    static = 19417\n  }\n}")
        .task(
            "meta {\n  level = \"task\"\n}\nenv {\n  GREETING = \"hi from ${node.unique.name} in ${meta.rack}, ${NOMAD_ALLOC_INDEX}\"\n}",
        );
    cluster.submit(SERVER, &job, &[]).ok();
    let alloc = ends(&cluster, "environment", ClientStatus::Complete);
    let text = cluster.stdout(SERVER, &alloc, &Query::new());
    let environment: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let id = alloc.id.to_string();
    let full = ask(cluster.api(SERVER).allocation(&id, &Query::new())).expect("the allocation").value;
    let resources = full.allocated_resources.expect("resources");
    let port = resources.shared.ports.iter().find(|port| port.label == "http").expect("a port").value;
    let node = ask(cluster.api(SERVER).node(&alloc.node_id.to_string(), &Query::new())).expect("the node").value.node;
    let address = node.attributes.get("unique.network.ip-address").expect("an address");
    let expected = [
        ("NOMAD_ALLOC_ID", id.as_str()),
        ("NOMAD_SHORT_ALLOC_ID", &id[..8]),
        ("NOMAD_ALLOC_NAME", "environment.g[0]"),
        ("NOMAD_ALLOC_INDEX", "0"),
        ("NOMAD_JOB_ID", "environment"),
        ("NOMAD_JOB_NAME", "environment"),
        ("NOMAD_GROUP_NAME", "g"),
        ("NOMAD_TASK_NAME", "t"),
        ("NOMAD_NAMESPACE", "default"),
        ("NOMAD_REGION", "west"),
        ("NOMAD_DC", "west-1"),
        ("NOMAD_CPU_LIMIT", "20"),
        ("NOMAD_MEMORY_LIMIT", "16"),
        ("NOMAD_META_level", "task"),
        ("NOMAD_META_owner", "ann"),
        ("NOMAD_META_OWNER", "ann"),
        ("NOMAD_PORT_admin", "19417"),
        ("NOMAD_HOST_PORT_admin", "19417"),
        ("NOMAD_ADDR_admin", &format!("{address}:19417")),
        ("NOMAD_IP_http", address),
        ("NOMAD_PORT_http", &port.to_string()),
        ("GREETING", "hi from west-client-1 in r1, 0"),
    ];
    for (name, value) in expected {
        assert_eq!(environment.get(name), Some(&value), "{name} in\n{text}");
    }
    for (name, end) in [("NOMAD_ALLOC_DIR", "/alloc"), ("NOMAD_TASK_DIR", "/t/local"), ("NOMAD_SECRETS_DIR", "/t/secrets")] {
        assert!(environment.get(name).is_some_and(|path| path.ends_with(&format!("{id}{end}"))), "{name} in\n{text}");
    }
    assert!(!environment.contains_key("NOMAD_ADDR"), "what configures the agent's command line is not for tasks");
}

#[test]
fn a_task_has_the_ports_that_older_job_files_ask_for() {
    // a network of resources, with ports of both kinds; people are told how to write it now
    let cluster = cluster();
    let network = "network {\n    mbits = 10\n    port \"http\" {}\n    reserved_ports \"admin\" {\n      static = 19418\n    }\n  }";
    let text = JobFile::batch("older", "exec env").text().replace("resources {", &format!("resources {{\n  {network}"));
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-detach", "-"], &text).ok();
    for warning in ["a network of resources is deprecated: write it in the group", "mbits is deprecated and without effect"] {
        assert!(printed.contains(warning), "{printed}");
    }
    let alloc = ends(&cluster, "older", ClientStatus::Complete);
    let text = cluster.stdout(SERVER, &alloc, &Query::new());
    let environment: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let full = ask(cluster.api(SERVER).allocation(&alloc.id.to_string(), &Query::new())).expect("the allocation").value;
    let networks = &full.allocated_resources.expect("resources").tasks["t"].networks;
    let (ip, http) = (&networks[0].ip, networks[0].dynamic_ports[0].value);
    for (name, value) in [
        ("NOMAD_PORT_http", http.to_string()),
        ("NOMAD_ADDR_http", format!("{ip}:{http}")),
        ("NOMAD_PORT_admin", "19418".to_owned()),
        ("NOMAD_IP_admin", ip.clone()),
    ] {
        assert_eq!(environment.get(name), Some(&value.as_str()), "{name} in\n{text}");
    }
    let status = cluster.steppe(SERVER, &["alloc", "status", &alloc.id.to_string()]).ok();
    assert!(status.contains(&format!("http: {ip}:{http}")) && status.contains(&format!("admin: {ip}:19418")), "{status}");
}

#[test]
fn output_goes_to_logs_that_can_be_read_and_followed_to_the_end() {
    // both streams of a batch job, the last lines only, and following until it ends
    let cluster = cluster();
    cluster.submit(SERVER, &JobFile::batch("output", "for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; sleep 0.3; done"), &[]).ok();
    let alloc =
        until("it runs", || cluster.allocs(SERVER, "output").into_iter().find(|alloc| alloc.client_status == ClientStatus::Running));
    let id = alloc.id.to_string();
    let mut following = cluster.follow(SERVER, &["alloc", "logs", "-f", "-stdout", &id]);
    following.line_with("out 4");
    following.line_with("out 5");
    ends(&cluster, "output", ClientStatus::Complete);
    let logs = |flags: &[&str]| cluster.steppe(SERVER, &[&["alloc", "logs"], flags, &[&id]].concat()).ok();
    assert_eq!(logs(&[]), "out 1\nout 2\nout 3\nout 4\nout 5\n");
    assert_eq!(logs(&["-stderr"]), "err 1\nerr 2\nerr 3\nerr 4\nerr 5\n");
    assert_eq!(logs(&["-tail", "-n", "2"]), "out 4\nout 5\n");
    assert_eq!(cluster.steppe(SERVER, &["alloc", "logs", "-job", "output"]).ok(), "out 1\nout 2\nout 3\nout 4\nout 5\n");
    let wrong = cluster.steppe(SERVER, &["alloc", "logs", &id, "nosuch"]).fails_with(1);
    assert!(wrong.contains("nosuch"), "{wrong}");
}

#[test]
fn logs_are_rotated_and_read_as_one() {
    // 2.5 MB into two files of 1 MB each: the oldest goes, what is left reads on without a gap
    let cluster = cluster();
    let line = "0123456789".repeat(10);
    let script = format!("n=0; while [ $n -lt 24000 ]; do n=$((n+1)); echo \"$n {line}\"; done; sleep 3600");
    let job = JobFile::service("rotated").script(&script).task("logs {\n  max_files = 2\n  max_file_size = 1\n}");
    let alloc = cluster.run(SERVER, &job, 1).remove(0);
    let id = alloc.id.to_string();
    until("the last line is there", || {
        let tail = cluster.steppe(SERVER, &["alloc", "logs", "-tail", "-n", "1", &id]);
        tail.out.starts_with("24000 ").then_some(())
    });
    let files = ask(cluster.api(SERVER).list_files(&id, "alloc/logs", &Query::new())).expect("files").value;
    let mut stdout: Vec<_> = files.iter().filter(|file| file.name.starts_with("t.stdout.")).collect();
    stdout.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(stdout.len(), 2, "{files:#?}");
    assert!(stdout.iter().all(|file| file.size <= 1 << 20), "{files:#?}");
    assert_ne!(stdout[0].name, "t.stdout.0", "the first is gone");
    let text = cluster.stdout(SERVER, &alloc, &Query::new());
    let numbers: Vec<u32> = text.lines().filter_map(|line| line.split_once(' ')?.0.parse().ok()).collect();
    let gaps = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert_eq!((gaps, numbers.last()), (0, Some(&24000)), "{} lines", numbers.len());
}

#[test]
fn files_of_an_allocation_are_listed_and_printed_but_not_its_secrets() {
    // what a task wrote into its folders, by the command line
    let cluster = cluster();
    let script = "echo shared > $NOMAD_ALLOC_DIR/data/one; echo mine > $NOMAD_TASK_DIR/two; echo hidden > $NOMAD_SECRETS_DIR/three; echo done; exec sleep 3600";
    let alloc = cluster.run(SERVER, &JobFile::service("files").script(script), 1).remove(0);
    until("it has written", || (cluster.stdout(SERVER, &alloc, &Query::new()) == "done\n").then_some(()));
    let id = alloc.id.to_string();
    let fs = |path: &str| cluster.steppe(SERVER, &["alloc", "fs", &id, path]);
    let listed = fs("/").ok();
    assert!(listed.contains("alloc/") && listed.contains("t/"), "{listed}");
    assert_eq!(fs("alloc/data/one").ok(), "shared\n");
    assert_eq!(fs("t/local/two").ok(), "mine\n");
    let row = fs("alloc/data").ok();
    assert!(row.lines().any(|line| line.starts_with("-rw") && line.contains("7 B") && line.ends_with("one")), "{row}");
    for refused in ["t/secrets/three", "../../../../../../etc/passwd", "alloc/data/none"] {
        let printed = fs(refused).fails_with(1);
        assert!(!printed.contains("hidden") && !printed.contains("root:"), "{printed}");
    }
}

#[test]
fn a_batch_job_completes_and_its_end_is_told() {
    // exit 0 and exit 3: statuses, events, codes, and what the job says of itself
    let cluster = cluster();
    for (id, code, status) in [("good", 0, ClientStatus::Complete), ("bad", 3, ClientStatus::Failed)] {
        cluster.submit(SERVER, &JobFile::batch(id, &format!("exit {code}")), &[]).ok();
        let alloc = ends(&cluster, id, status);
        assert_eq!((task(&alloc).state, task(&alloc).failed), (TaskPhase::Dead, code != 0));
        let ended = task(&alloc).events.iter().find(|event| event.kind == "Terminated").expect("an event");
        assert_eq!(
            (ended.details.get("exit_code").map(String::as_str), ended.exit_code),
            (Some(code.to_string().as_str()), code),
            "{ended:?}"
        );
        let mut expected = vec!["Received", "Task Setup", "Started", "Terminated"];
        expected.extend((code != 0).then_some("Not Restarting"));
        assert_eq!(events(&alloc), expected);
        let shown = cluster.steppe(SERVER, &["alloc", "status", &alloc.id.to_string()]).ok();
        assert!(shown.contains(&format!("Exit Code: {code}")), "{shown}");
        settled(
            "the job is dead",
            || cluster.job(SERVER, id).map(|job| job.status.to_string()),
            |status| status.as_deref() == Some("dead"),
        );
    }
}

#[test]
fn a_failing_task_is_restarted_as_its_policy_says() {
    // three attempts in the interval, then it fails; the fourth start was the last
    let cluster = cluster();
    let job = JobFile::service("restarts")
        .script("echo started; exit 1")
        .restart("attempts = 3\ninterval = \"5m\"\ndelay = \"100ms\"\nmode = \"fail\"");
    cluster.submit(SERVER, &job, &[]).ok();
    let alloc = ends(&cluster, "restarts", ClientStatus::Failed);
    assert_eq!((task(&alloc).restarts, task(&alloc).failed), (3, true));
    assert_eq!(cluster.stdout(SERVER, &alloc, &Query::new()), "started\n".repeat(4));
    let last = task(&alloc).events.iter().find(|event| event.kind == "Not Restarting").expect("an event");
    assert!(last.display_message.contains("Exceeded allowed attempts 3 in interval 5m0s and mode is \"fail\""), "{last:?}");
}

#[test]
fn a_task_has_its_kill_timeout_and_not_more() {
    // one says goodbye in time, one does not listen and is killed with all its children
    let cluster = cluster();
    let polite = JobFile::service("polite")
        .script("trap 'echo goodbye; exit 0' INT; echo ready; while true; do sleep 0.1; done")
        .task("kill_timeout = \"20s\"");
    let deaf = JobFile::service("deaf")
        .script("trap '' INT TERM; sleep 1234 & echo ready; while true; do sleep 0.1; done")
        .task("kill_timeout = \"1s\"");
    let stop = |job: &JobFile| {
        let alloc = cluster.run(SERVER, job, 1).remove(0);
        until("it listens", || (cluster.stdout(SERVER, &alloc, &Query::new()) == "ready\n").then_some(()));
        let child = (job.id == "deaf").then(|| process_of(&alloc, "sleep 1234"));
        let began = Instant::now();
        cluster.steppe(SERVER, &["job", "stop", "-detach", &job.id]).ok();
        let alloc = ends(&cluster, &job.id, ClientStatus::Complete);
        (alloc, child, began.elapsed())
    };
    let (alloc, _, took) = stop(&polite);
    assert_eq!(cluster.stdout(SERVER, &alloc, &Query::new()), "ready\ngoodbye\n");
    assert!(took < Duration::from_secs(15), "it did not wait for the timeout: {took:?}");
    let (alloc, child, took) = stop(&deaf);
    assert!(took >= Duration::from_secs(1), "it had its second: {took:?}");
    assert!(!is_running(child.expect("its child")), "children go with their parent");
    let kinds = events(&alloc);
    assert!(kinds.contains(&"Killing") && kinds.contains(&"Killed"), "{kinds:?}");
}

#[test]
fn tasks_can_be_restarted_and_signalled() {
    // alloc restart: another process, the same allocation; alloc signal: the task hears it
    let cluster = cluster();
    let job = JobFile::service("told").script("trap 'echo heard' USR1; echo started; while true; do sleep 0.1; done");
    let alloc = cluster.run(SERVER, &job, 1).remove(0);
    let id = alloc.id.to_string();
    let printed = |wanted: &str| {
        settled("it prints", || cluster.stdout(SERVER, &alloc, &Query::new()), |text| text == wanted);
    };
    printed("started\n");
    cluster.steppe(SERVER, &["alloc", "signal", "-s", "SIGUSR1", &id]).ok();
    printed("started\nheard\n");
    cluster.steppe(SERVER, &["alloc", "restart", &id]).ok();
    printed("started\nheard\nstarted\n");
    let again = settled("the restart is told", || cluster.allocs(SERVER, "told"), |all| all.iter().all(|alloc| task(alloc).restarts == 1));
    assert_eq!((again.len(), again[0].id), (1, alloc.id));
}

#[test]
fn the_mock_driver_does_as_it_is_told() {
    // a start that fails, an exit code after a while, and output
    let cluster = cluster();
    cluster.submit(SERVER, &JobFile::batch("unstartable", "").driver("mock_driver", "start_error = \"no such luck\""), &[]).ok();
    let alloc = ends(&cluster, "unstartable", ClientStatus::Failed);
    let texts: Vec<&str> = task(&alloc).events.iter().map(|event| event.display_message.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("no such luck")), "{texts:?}");
    let config = "run_for = \"200ms\"\nexit_code = 7\nstdout_string = \"mocked\\n\"";
    cluster.submit(SERVER, &JobFile::batch("pretends", "").driver("mock_driver", config), &[]).ok();
    let alloc = ends(&cluster, "pretends", ClientStatus::Failed);
    assert_eq!(cluster.stdout(SERVER, &alloc, &Query::new()), "mocked\n");
    let ended = task(&alloc).events.iter().find(|event| event.kind == "Terminated").expect("an event");
    assert_eq!(ended.exit_code, 7);
}
