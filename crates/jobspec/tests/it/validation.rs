//! Jobs that are well written and make no sense.

use jobspec::{from_api, validate};
use serde_json::json;

use crate::{good, job};

const CONSTRAINT: &str = "constraint {\n attribute = \"${attr.os.version}\"\n";

/// Lines in the job, group and task, and all errors or warnings (`~`), with their places.
fn check(in_job: &str, in_group: &str, in_task: &str, expected: &[&str]) {
    let text = job(in_job, in_group, in_task);
    let (errors, warnings) = good(&text).validate();
    let found: Vec<String> = errors.iter().map(ToString::to_string).chain(warnings.iter().map(|warning| format!("~{warning}"))).collect();
    let wanted: Vec<String> = expected
        .iter()
        .map(|line| match line.strip_prefix('~') {
            Some(line) => format!("~web.nomad.hcl:{line}"),
            None => format!("web.nomad.hcl:{line}"),
        })
        .collect();
    let fits = found.len() == wanted.len() && found.iter().zip(&wanted).all(|(found, wanted)| found.starts_with(wanted.as_str()));
    assert!(fits, "{text}\ngot      {found:#?}\nexpected {wanted:#?}");
}

#[test]
fn jobs() {
    // A job by itself.
    check("", "", "", &[]);
    check("id = \"a b\"", "", "", &["2,6: Job ID contains a space"]);
    check("id = \"\"", "", "", &["2,6: Missing job ID"]);
    check("priority = 0", "", "", &["2,12: Job priority must be between 1 and 32766, not 0"]);
    check("priority = 32767", "", "", &["2,12: Job priority must be between 1 and 32766"]);
    check("namespace = \"a b\"", "", "", &["2,13: invalid namespace"]);
    check("node_pool = \"a/b\"", "", "", &["2,13: invalid node pool"]);
    check("datacenters = [\"\"]", "", "", &["2,15: datacenters must be names"]);
    check("meta = { \"a=b\" = \"x\" }", "", "", &["2,8: names in meta"]);
    check("type = \"batch\"\nupdate {\n max_parallel = 1\n}", "", "", &["3,1: update is for service and system jobs only"]);
    check("type = \"batch\"", "update {\n max_parallel = 1\n}", "", &["4,1: group \"app\": update is for service and system jobs only"]);
    check("type = \"batch\"", "migrate {\n}", "", &["4,1: group \"app\": migrate is for service jobs only"]);
    let none = good("job \"web\" {\n}\n");
    assert_eq!(none.validate().0.to_string(), "web.nomad.hcl:1,1: Missing job task groups");
}

#[test]
fn groups_and_tasks() {
    // Counts, names and what every task needs.
    check("", "count = -1", "", &["4,9: group \"app\": count must not be negative"]);
    check("", "count = 100001", "", &["4,9: group \"app\": 100001 allocations are too many, a group may have 100000"]);
    check("", "shutdown_delay = \"-1s\"", "", &["4,18: group \"app\": shutdown_delay must not be negative: -1s"]);
    check("group \"app\" {\n task \"t\" {\n driver = \"mock_driver\"\n}\n}", "", "", &["7,9: the group \"app\" is there twice"]);
    check("", "task \"server\" {\n driver = \"mock_driver\"\n}", "", &["7,10: group \"app\": the task \"server\" is there twice"]);
    check("", "task \"a/b\" {\n driver = \"mock_driver\"\n}", "", &["4,6: group \"app\": task \"a/b\": the name must not have slashes"]);
    check("", "task \"alloc\" {\n driver = \"mock_driver\"\n}", "", &["4,6: group \"app\": task \"alloc\": the name \"alloc\" is taken"]);
    check("", "task \"x\" {\n}", "", &["4,1: group \"app\": task \"x\": Missing task driver"]);
    check(
        "",
        "task \"x\" {\n driver = \"raw_exec\"\n}",
        "",
        &["4,1: group \"app\": task \"x\": the driver \"raw_exec\" needs \"command\" in the config block"],
    );
    check(
        "",
        "task \"x\" {\n driver = \"docker\"\n config { image = 5 }\n}",
        "",
        &["6,2: group \"app\": task \"x\": \"image\" in the config block must be a string"],
    );
    check("", "task \"x\" {\n driver = \"raw_exec\"\n config { command = \"/bin/true\" }\n}", "", &[]);
    let config = |lines: &str| format!("task \"x\" {{\n driver = \"raw_exec\"\n config {{\n command = \"/bin/true\"\n{lines}\n}}\n}}");
    check("", &config("args = [\"a\"]\nwork_dir = \"/\"\ncgroup_v2_override = \"\""), "", &[]);
    check(
        "",
        &config("comand = \"x\"\nimage = \"y\"\ncgroup_v2_override = \"z\""),
        "",
        &[
            "10,1: group \"app\": task \"x\": \"cgroup_v2_override\" in the config block of raw_exec is not supported yet",
            "8,1: group \"app\": task \"x\": unknown key \"comand\" in the config block of raw_exec: did you mean \"command\"?",
            "9,1: group \"app\": task \"x\": unknown key \"image\" in the config block of raw_exec: known are command, args, work_dir",
        ],
    );
    check(
        "",
        "",
        "config {\n mounts {\n}\n}",
        &["8,2: group \"app\": task \"server\": unknown key \"mounts\" in the config block of mock_driver"],
    );
    check(
        "",
        "task \"x\" {\n driver = \"mock_driver\"\n leader = true\n}",
        "leader = true",
        &["4,1: group \"app\": only one task may be leader, not 2"],
    );
    check("", "", "lifecycle {\n hook = \"prestart\"\n}", &["5,5: group \"app\": one task must be without lifecycle"]);
    check(
        "",
        "task \"x\" {\n driver = \"mock_driver\"\n lifecycle {\n sidecar = true\n}\n}",
        "",
        &["6,2: group \"app\": task \"x\": lifecycle needs a hook"],
    );
    check(
        "",
        "task \"x\" {\n driver = \"mock_driver\"\n lifecycle {\n hook = \"poststop\"\n sidecar = true\n}\n}",
        "",
        &["~8,12: group \"app\": task \"x\": a poststop task is never a sidecar"],
    );
    check("", "", "kill_timeout = \"-1s\"", &["7,16: group \"app\": task \"server\": kill_timeout must not be negative"]);
    check(
        "",
        "",
        "kill_timeout = \"11m\"",
        &["7,16: group \"app\": task \"server\": kill_timeout (11m0s) must not be longer than progress_deadline"],
    );
    check(
        "",
        "",
        "resources {\n cpu = 0\n memory = 9\n disk = 1\n}",
        &[
            "8,8: group \"app\": task \"server\": cpu must be at least 1",
            "9,11: group \"app\": task \"server\": memory must be at least 10",
            "10,9: group \"app\": task \"server\": disk of a task must be 0",
        ],
    );
    check(
        "",
        "",
        "resources {\n memory = 100\n memory_max = 50\n}",
        &["9,15: group \"app\": task \"server\": memory_max (50 MB) must be 0, -1"],
    );
    check("", "", "resources {\n memory_max = -1\n}", &[]);
    check(
        "",
        "",
        "logs {\n max_files = 0\n max_file_size = 0\n}",
        &[
            "8,14: group \"app\": task \"server\": logs need at least 1 file",
            "9,18: group \"app\": task \"server\": log files need at least 1 MB",
        ],
    );
    check(
        "",
        "ephemeral_disk {\n size = 5\n}",
        "logs {\n disabled = true\n}",
        &["5,9: group \"app\": ephemeral_disk must have at least 10 MB, not 5"],
    );
    check(
        "",
        "ephemeral_disk {\n size = 100\n}",
        "",
        &["7,5: group \"app\": the logs of task \"server\" may take 100 MB, and ephemeral_disk has only 100 MB"],
    );
}

#[test]
fn networks() {
    // Labels and numbers of ports.
    let port = |lines: &str| format!("network {{\n{lines}\n}}");
    check("", &port("port \"a\" {}\nport \"a\" {}"), "", &["6,1: group \"app\": the port \"a\" is there twice"]);
    check("", &port("port \"a\" {}\nport \"a\" { static = 80 }"), "", &["5,1: group \"app\": the port \"a\" is there twice"]);
    check("", &port("port \"a b\" {}"), "", &["5,1: group \"app\": a port needs a label without spaces"]);
    check(
        "",
        &port("port \"a\" { static = 80 }\nport \"b\" { static = 80 }"),
        "",
        &["6,21: group \"app\": the ports \"a\" and \"b\" both want 80"],
    );
    check("", &port("port \"a\" { static = 70000 }"), "", &["5,21: group \"app\": port \"a\": \"static\" must be between 1 and 65535"]);
    check("", &port("port \"a\" { static = -1 }"), "", &["5,21: group \"app\": port \"a\": \"static\" must be between 1 and 65535"]);
    check("", &port("port \"a\" { to = -2 }"), "", &["5,17: group \"app\": port \"a\": \"to\" must be between -1 and 65535"]);
    check(
        "",
        &port("port \"a\" { static = 20100 }"),
        "",
        &["~5,21: group \"app\": port \"a\": 20100 is in the range that nodes give to dynamic ports (20000 to 32000)"],
    );
    check("", &format!("count = 2\n{}", port("port \"a\" { static = 80 }")), "", &[]);
    check("", &port("port \"a\" { to = -1 }\nport \"b\" { static = 443 }"), "", &[]);
    check("", "network {\n}\nnetwork {\n}", "", &["4,1: group \"app\": only one network block is supported"]);

    // What older job files say: ports of a task by itself, static ones in a block of their own, and what has no effect.
    let of_task = |lines: &str| format!("resources {{\nnetwork {{\n{lines}\n}}\n}}");
    let deprecated = "~8,1: group \"app\": task \"server\": a network of resources is deprecated: write it in the group";
    check("", "", &of_task("port \"a\" {}\nreserved_ports \"b\" { static = 443 }"), &[deprecated]);
    check(
        "",
        &port("mbits = 10\nport \"a\" {}\nreserved_ports \"b\" {}"),
        "",
        &[
            "7,1: group \"app\": port \"b\": \"static\" must be between 1 and 65535",
            "~5,9: group \"app\": network: mbits is deprecated and without effect",
        ],
    );
    check("", "", "resources {\niops = 5\n}", &["~8,8: group \"app\": task \"server\": iops is deprecated and without effect"]);
    check(
        "",
        &port("port \"a\" { static = 80 }"),
        &of_task("port \"a\" {}\nport \"b\" { static = 80 }"),
        &[
            "12,21: group \"app\": the ports \"a\" and \"b\" both want 80",
            "11,1: group \"app\": the port \"a\" is there twice",
            "~10,1: group \"app\": task \"server\": a network of resources is deprecated",
        ],
    );
    check(
        "",
        "",
        &of_task("port \"a\" {}\nport \"b\" { host_network = \"other\" }"),
        &["8,1: group \"app\": task \"server\": the ports of a network of resources have one host_network, these have several", deprecated],
    );
    check(
        "",
        "",
        &of_task("}\nnetwork {"),
        &["8,1: group \"app\": task \"server\": only one network block is supported in a task", deprecated],
    );
}

#[test]
fn policies() {
    // Times that fit together.
    let update = |lines: &str| format!("update {{\n{lines}\n}}");
    check(
        "",
        &update("min_healthy_time = \"5m\""),
        "",
        &["5,20: group \"app\": update: min_healthy_time (5m0s) must be shorter than healthy_deadline (5m0s)"],
    );
    check(
        "",
        &update("healthy_deadline = \"10m\""),
        "",
        &["5,20: group \"app\": update: healthy_deadline (10m0s) must be shorter than progress_deadline (10m0s)"],
    );
    check("", &update("healthy_deadline = \"10m\"\nprogress_deadline = 0"), "", &[]);
    check(
        "",
        &update("healthy_deadline = 0"),
        "",
        &[
            "5,20: group \"app\": update: healthy_deadline must be more than 0",
            "4,1: group \"app\": update: min_healthy_time (10s) must be shorter",
        ],
    );
    check("", &update("canary = -1"), "", &["5,10: group \"app\": update: canary must not be negative"]);
    check("", &update("auto_promote = true"), "", &["5,16: group \"app\": update: auto_promote needs canaries"]);
    check("", &update("max_parallel = -1"), "", &["5,16: group \"app\": update: max_parallel must not be negative"]);
    check("", &update("max_parallel = 0\ncanary = -1"), "", &[]);
    check("", &update("max_parallel = 2"), "", &["~5,16: group \"app\": update: max_parallel (2) is more than count (1)"]);
    check("", &format!("count = 0\n{}", update("max_parallel = 2")), "", &[]);
    check("update {\n canary = 1\n auto_promote = true\n}", "", "", &[]);
    check("type = \"system\"\nupdate {\n canary = 100\n}", "", "", &[]);
    let too_many = "4,11: group \"app\": update: canary of a system job is a part of its nodes in percent: at most 100, not 101";
    check("type = \"system\"\nupdate {\n canary = 101\n}", "", "", &[too_many]);
    let restart = |lines: &str| format!("restart {{\n{lines}\n}}");
    check("", &restart("attempts = 0"), "", &[]);
    check("", &restart("attempts = 0\nmode = \"delay\""), "", &["6,8: group \"app\": restart: mode \"delay\" needs attempts"]);
    check(
        "",
        "",
        &restart("interval = \"1s\"\ndelay = 0"),
        &["8,12: group \"app\": task \"server\": restart: interval must be at least 5s, not 1s"],
    );
    check(
        "",
        "",
        &restart("attempts = 10\ninterval = \"10s\"\ndelay = \"2s\""),
        &["8,12: group \"app\": task \"server\": restart: 10 attempts with a delay of 2s do not fit into an interval of 10s"],
    );
    let reschedule = |lines: &str| format!("reschedule {{\n{lines}\n}}");
    check("", &reschedule("attempts = 0\nunlimited = false\ndelay = 0"), "", &[]);
    check(
        "",
        &reschedule("attempts = 3\ninterval = \"1h\""),
        "",
        &["4,1: group \"app\": reschedule: 3 attempts and unlimited exclude each other"],
    );
    check("", &reschedule("attempts = 3\nunlimited = false"), "", &["4,1: group \"app\": reschedule: interval must be at least 15s"]);
    check("", &reschedule("delay = \"1s\""), "", &["5,9: group \"app\": reschedule: delay must be at least 5s, not 1s"]);
    check(
        "",
        &reschedule("delay = \"2h\""),
        "",
        &["4,1: group \"app\": reschedule: max_delay (1h0m0s) must not be shorter than delay (2h0m0s)"],
    );
    check("", &reschedule("delay = \"2h\"\ndelay_function = \"constant\""), "", &[]);
    check(
        "",
        "migrate {\n min_healthy_time = \"6m\"\n}",
        "",
        &["5,21: group \"app\": migrate: min_healthy_time (6m0s) must be shorter than healthy_deadline (5m0s)"],
    );
    check("migrate {\n max_parallel = -1\n}", "", "", &["3,17: group \"app\": migrate: max_parallel must not be negative"]);
}

#[test]
fn constraints() {
    // Operators, targets and values.
    for (lines, expected) in [
        ("value = \"12\"\n}", None),
        ("operator = \"is_set\"\n}", None),
        ("operator = \"~=\"\n value = \"1\"\n}", Some("4,12: constraint: unknown operator \"~=\"")),
        ("operator = \"regex\"\n value = \"1\"\n}", Some("4,12: constraint: unknown operator \"regex\": did you mean \"regexp\"?")),
        ("operator = \"distinct_property\"\n}", None),
        ("operator = \">=\"\n}", Some("2,1: constraint: the operator \">=\" needs a value")),
        ("regexp = \"(\"\n}", Some("4,10: constraint: \"(\": not a pattern: unclosed group")),
        ("regexp = \"${meta.pattern}(\"\n}", None),
        ("version = \"latest\"\n}", Some("4,11: constraint: \"latest\" is not a requirement of versions")),
        ("version = \"~> 1.2\"\n}", None),
        ("semver = \"~> 1.2\"\n}", Some("4,10: constraint: \"~> 1.2\" is not a requirement of versions")),
        ("set_contains = \"a,b\"\n}", None),
    ] {
        check(&format!("{CONSTRAINT}{lines}"), "", "", expected.as_slice());
    }
    check("constraint {\n value = \"x\"\n}", "", "", &["2,1: constraint: an attribute is needed"]);
    check(
        "constraint {\n attribute = \"${nod.class}\"\n value = \"x\"\n}",
        "",
        "",
        &["3,14: constraint: \"${nod.class}\" is nothing that nodes have"],
    );
    check("constraint {\n attribute = \"${node.class}\"\n value = \"x\"\n}", "", "", &[]);
    check("constraint {\n distinct_hosts = true\n}", "constraint {\n distinct_hosts = true\n}", "", &[]);
    check(
        "",
        "",
        "constraint {\n distinct_hosts = true\n}",
        &["8,19: group \"app\": task \"server\": constraint: distinct_hosts is for jobs and groups"],
    );
}

#[test]
fn kinds() {
    // What each type of job may not have.
    let system = "type = \"system\"";
    check(system, "", "", &[]);
    check(system, "count = 2", "", &["4,9: group \"app\": a system job runs once on every node: count must be 1, not 2"]);
    check(system, "reschedule {\n attempts = 1\n}", "", &["4,1: group \"app\": reschedule is for service and batch jobs only"]);
    check(system, "update {\n max_parallel = 1\n}", "", &[]);
    check(system, "spread {\n attribute = \"a\"\n}", "", &["4,1: group \"app\": system jobs have no spreads"]);
    check(
        "type = \"sysbatch\"\naffinity {\n attribute = \"a\"\n value = \"b\"\n}",
        "update {\n max_parallel = 1\n}",
        "",
        &["3,1: sysbatch jobs have no affinities", "8,1: group \"app\": update is for service and system jobs only"],
    );
    check("all_at_once = true", "", "", &[]);
    check("", "max_run_duration = \"1h\"", "", &["4,20: group \"app\": max_run_duration is for batch and sysbatch jobs only"]);
    check("type = \"batch\"", "max_run_duration = \"0s\"", "", &["4,20: group \"app\": max_run_duration must be more than 0"]);
}

#[test]
fn launching() {
    // Jobs that the clock or somebody launches.
    let periodic = |lines: &str| format!("type = \"batch\"\nperiodic {{\n{lines}\n}}");
    check(&periodic("crons = [\"*/15 * * * *\", \"@daily\"]\ntime_zone = \"Europe/Berlin\""), "", "", &[]);
    check(&periodic("cron = \"@daily\""), "", "", &["~4,8: periodic: cron is deprecated: write crons = [\"…\"]"]);
    check(&periodic("cron = \"@daily\"\ncrons = [\"@daily\"]"), "", "", &["4,8: periodic: cron and crons exclude each other"]);
    check(&periodic("crons = [\"61 * * * *\"]"), "", "", &["4,9: periodic: \"61 * * * *\" is no cron expression"]);
    check(&periodic(""), "", "", &["3,1: periodic: a cron expression is needed"]);
    check(&periodic("crons = [\"@daily\"]\ntime_zone = \"Mars\""), "", "", &["4,9: periodic: \"Mars\" is no time zone"]);
    check("periodic {\n crons = [\"@daily\"]\n}", "", "", &["2,1: periodic is for batch and sysbatch jobs, not for service jobs"]);
    check("parameterized {\n}", "", "", &["2,1: parameterized is for batch and sysbatch jobs, not for service jobs"]);
    let parameterized = |lines: &str| format!("type = \"batch\"\nparameterized {{\n{lines}\n}}");
    check(
        &parameterized("meta_required = [\"a\", \"b\"]\nmeta_optional = [\"b\"]"),
        "",
        "",
        &["5,17: parameterized: meta is either required or optional, not both: b"],
    );
    let file = |file: &str| format!("dispatch_payload {{\n file = \"{file}\"\n}}");
    check(&parameterized(""), "", &file("in/put.json"), &[]);
    check(
        &parameterized("payload = \"forbidden\""),
        "",
        &file("x"),
        &["11,9: task \"server\": dispatch_payload: the job forbids a payload"],
    );
    check(&parameterized(""), "", &file("../x"), &["11,9: task \"server\": dispatch_payload: \"../x\" leaves the task's local"]);
    check(&parameterized(""), "", &file("/x"), &["11,9: task \"server\": dispatch_payload: \"/x\" leaves the task's local"]);
    check("", "", &file("x"), &["8,9: task \"server\": dispatch_payload: only parameterized jobs have a payload"]);
}

#[test]
fn wishes() {
    // Affinities, spreads, scaling, absence, cores and devices.
    let affinity = |lines: &str| format!("affinity {{\n attribute = \"${{node.class}}\"\n{lines}\n}}");
    check(&affinity("value = \"a\"\nweight = -100"), "", "", &[]);
    check(&affinity("value = \"a\"\nweight = 0"), "", "", &["5,10: affinity: weight must be between -100 and 100 and not 0, not 0"]);
    check(&affinity("value = \"a\"\nweight = 101"), "", "", &["5,10: affinity: weight must be between"]);
    check(&affinity("operator = \"is_set\""), "", "", &["4,12: affinity: unknown operator \"is_set\""]);
    let spread = |lines: &str| format!("spread {{\n attribute = \"${{node.datacenter}}\"\n{lines}\n}}");
    let target = |name: &str, percent: i64| format!("target \"{name}\" {{\n percent = {percent}\n}}\n");
    check(&spread(&(target("a", 60) + &target("b", 40))), "", "", &[]);
    check(&spread(&(target("a", 60) + &target("b", 50))), "", "", &["4,1: spread: the percentages of the targets are 110 together"]);
    check(&spread(&(target("a", 60) + &target("a", 20))), "", "", &["7,1: spread: the target \"a\" is there twice"]);
    check(
        &spread(&target("a", 101)),
        "",
        "",
        &["4,1: spread: target \"a\": percent must be between 0 and 100", "4,1: spread: the percent"],
    );
    check(&spread("weight = 0"), "", "", &["4,10: spread: weight must be between 1 and 100, not 0"]);
    let scaling = |lines: &str| format!("scaling {{\n{lines}\n}}");
    check("", &scaling("min = 1\nmax = 5"), "", &[]);
    check("", &scaling("min = 1"), "", &["4,1: group \"app\": scaling: max is needed"]);
    check("", &scaling("min = 6\nmax = 5"), "", &["6,7: group \"app\": scaling: max (5) must not be less than min (6)"]);
    check("", &format!("count = 9\n{}", scaling("min = 1\nmax = 5")), "", &["7,7: group \"app\": scaling: count (9) must be between"]);
    let disconnect = |lines: &str| format!("disconnect {{\n{lines}\n}}");
    check("", &disconnect("lost_after = \"6h\"\nreplace = false\nreconcile = \"keep_original\""), "", &[]);
    check("", &disconnect("lost_after = \"6h\"\nstop_on_client_after = \"1h\""), "", &["6,24: group \"app\": disconnect: stop_on_client"]);
    check("", &disconnect("lost_after = \"-6h\""), "", &["5,14: group \"app\": disconnect: lost_after must not be negative"]);
    check(
        "type = \"system\"",
        &disconnect("stop_on_client_after = \"1h\""),
        "",
        &["5,24: group \"app\": disconnect: stop_on_client_after is for service and batch jobs only"],
    );
    check("", "max_client_disconnect = \"1h\"", "", &["~4,25: group \"app\": max_client_disconnect is no longer heeded: set lost_after"]);
    let resources = |lines: &str| format!("resources {{\n{lines}\n}}");
    check("", "", &resources("cores = 2"), &[]);
    check("", "", &resources("cores = 2\ncpu = 100"), &["8,9: group \"app\": task \"server\": cores and cpu exclude each other"]);
    check("", "", &resources("cores = 2\nnuma {\n affinity = \"require\"\n}"), &[]);
    check("", "", &resources("numa {\n affinity = \"prefer\"\n}"), &["8,1: group \"app\": task \"server\": numa is about reserved cores"]);
    check("", "", &resources("numa {\n affinity = \"none\"\n}"), &[]);
    check("", "", &resources("device \"nvidia/gpu\" {\n count = 2\n}"), &[]);
    check(
        "",
        "",
        &resources("device \"nvidia//x\" {\n}"),
        &["8,8: group \"app\": task \"server\": device \"nvidia//x\": a device is named"],
    );
    check("", "", &resources("device \"gpu\" {\n count = 0\n}"), &["9,10: group \"app\": task \"server\": device \"gpu\": count must be"]);
}

#[test]
fn multiregion() {
    // Regions and strategy.
    check("multiregion {\n}", "", "", &["2,1: multiregion: at least one region is needed"]);
    check("multiregion {\n region \"a\" {}\n region \"a\" {}\n}", "", "", &["4,9: multiregion: the region \"a\" is there twice"]);
    check("multiregion {\n region \"\" {}\n}", "", "", &["3,9: multiregion: region \"\": a region needs a name"]);
    check("multiregion {\n region \"a\" { count = -1 }\n}", "", "", &["3,23: multiregion: region \"a\": count must not be negative"]);
    check(
        "multiregion {\n strategy {\n max_parallel = -1\n}\n region \"a\" {}\n}",
        "",
        "",
        &["4,17: multiregion: max_parallel must not be negative"],
    );
    check(
        "type = \"batch\"\nmultiregion {\n strategy { max_parallel = 1 }\n region \"a\" {}\n}",
        "",
        "",
        &["4,2: multiregion: batch jobs take no strategy"],
    );
    check("type = \"batch\"\nmultiregion {\n region \"a\" {}\n}", "", "", &[]);
    let errors = crate::bad(&job("multiregion {\n strategy { on_failure = \"panic\" }\n region \"a\" {}\n}", "", ""));
    assert_eq!(errors, ["web.nomad.hcl:3,26: on_failure: unknown word \"panic\": known are: \"fail_all\", \"fail_local\""]);
}

/// The interface's form of several errors, and paths for those who send JSON.
#[test]
fn texts_and_paths() {
    let job = from_api(&json!({"ID": "web", "Priority": 50000, "TaskGroups": [{"Name": "app", "Tasks": [{"Name": "t"}]}]})).expect("a job");
    let found = validate(&job);
    assert_eq!(
        found.error_text(),
        "2 errors occurred:\n\t* Job priority must be between 1 and 32766, not 50000\n\t* group \"app\": task \"t\": Missing task driver\n\n"
    );
    assert_eq!(found.warning_text(), "");
    let paths: Vec<_> = found.errors.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["Priority", "TaskGroups[0].Tasks[0].Driver"]);
}

/// A job with very many mistakes is refused soon, and with no more of them than anybody reads; one with too many parts is not even looked at.
#[test]
fn very_many_mistakes() {
    let job_of = |n: usize| jobspec::from_api(&serde_json::json!({ "ID": "x", "TaskGroups": vec![serde_json::json!({}); n] }));
    let found = jobspec::validate(&job_of(4_000).expect("a job"));
    assert_eq!(found.errors.len(), 200);
    assert!(found.error_text().starts_with("200 errors occurred:\n\t* ") && found.error_text().len() < 100_000);
    let refused = job_of(50_000).expect_err("too many groups");
    assert_eq!(refused.0[0].summary, "the job is too large: 50000 groups, tasks and other blocks, at most 4000 are allowed");
    assert_eq!(refused.0[0].detail, "split it into several jobs");
}
