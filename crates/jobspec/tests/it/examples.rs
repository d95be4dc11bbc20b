//! Whole jobs: those that ship with Steppe, and those whose canonical form an existing server has shown.

use jobspec::{ParseInput, validate};
use model::{OnFailure, RestartMode};
use serde_json::Value as Json;

use crate::good;

/// The shipped jobs load without warnings and make sense, and say what their authors meant.
#[test]
fn shipped_jobs() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/jobs");
    let mut n_jobs = 0;
    for entry in std::fs::read_dir(directory).expect("the folder of jobs") {
        let path = entry.expect("a job").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.to_string_lossy();
        let parsed = jobspec::parse(&ParseInput::new(&name, &text)).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert_eq!(parsed.warnings, [], "{name}");
        let (errors, warnings) = parsed.validate();
        assert_eq!((errors.0, warnings), (Vec::new(), Vec::new()), "{name}");
        n_jobs += 1;
    }
    assert!(n_jobs >= 2);
}

#[test]
fn multi_local() {
    // The job of the walk-through arrives as it was written, with its variables put in.
    let text = include_str!("../../../../config/jobs/multi-local.nomad.hcl");
    let variables = [("version".to_owned(), "2".to_owned()), ("broken_region".to_owned(), "east".to_owned())];
    let input = ParseInput { variables: &variables, ..ParseInput::new("multi-local.nomad.hcl", text) };
    let job = jobspec::parse(&input).expect("a job").job;
    assert_eq!((job.id.as_str(), job.name.as_str(), job.region.as_str()), ("example", "example", "global"));
    let multiregion = job.multiregion.as_ref().expect("multiregion");
    let strategy = multiregion.strategy.as_ref().expect("a strategy");
    assert_eq!((strategy.max_parallel, strategy.on_failure), (1, OnFailure::FailAll));
    let regions: Vec<_> =
        multiregion.regions.iter().map(|region| (region.name.as_str(), region.count, region.datacenters.join(","))).collect();
    assert_eq!(regions, [("west", 1, "west-1".to_owned()), ("east", 2, "east-1".to_owned())]);
    assert_eq!(multiregion.regions[0].meta["greeting"], "hello from the west");
    assert_eq!(job.meta["version"], "2");
    let group = &job.task_groups[0];
    assert_eq!(group.count, 0, "the regions put their counts in");
    let restart = group.restart_policy.as_ref().expect("restart");
    assert_eq!((restart.attempts, restart.mode), (0, RestartMode::Fail));
    let reschedule = group.reschedule_policy.as_ref().expect("reschedule");
    assert_eq!((reschedule.attempts, reschedule.unlimited), (0, false));
    let update = group.update.as_ref().expect("update");
    assert_eq!((update.min_healthy_time, update.progress_deadline, update.auto_revert), (1_000_000_000, 30_000_000_000, true));
    let task = &group.tasks[0];
    assert_eq!(task.env["BROKEN_REGION"], "east");
    let script = task.config.get("args").and_then(|args| args[1].as_str()).expect("a script");
    assert!(script.starts_with("echo \"$NOMAD_META_greeting v$NOMAD_META_version in $NOMAD_REGION\"; if [ "), "{script}");
    let resources = task.resources.as_ref().expect("resources");
    assert_eq!((resources.cpu, resources.memory_mb), (50, 32));
}

#[test]
fn multi_redis() {
    // A driver's configuration is free, and a port without a number gets one.
    let job = good(include_str!("../../../../config/jobs/multi-redis.nomad.hcl")).job;
    let group = &job.task_groups[0];
    let port = &group.networks[0].dynamic_ports[0];
    assert_eq!((port.label.as_str(), port.value, port.to), ("db", 0, 6379));
    assert_eq!(serde_json::to_string(&group.tasks[0].config).expect("json"), r#"{"image":"redis:6.0","ports":["db"]}"#);
    let update = group.update.as_ref().expect("update");
    assert!(update.auto_promote && update.canary == 1);
}

/// Everything that a server of the existing kind put into a job is the same here, except what is newer there or here.
fn same_as_recorded(recorded: &Json, ours: &Json, path: &str) {
    // Kept by the groups here, as servers store it; tokens and names of other products are gone.
    const DIFFERENT: &[&str] =
        &[".Update", ".ConsulToken", ".VaultToken", ".TaskGroups[0].Consul", ".SubmitTime", ".Status", ".Migrate", ".Reschedule"];
    if DIFFERENT.contains(&path) {
        return;
    }
    match (recorded, ours) {
        (Json::Object(fields), Json::Object(_)) => {
            for (name, value) in fields {
                same_as_recorded(value, &ours[name], &format!("{path}.{name}"));
            }
        }
        (Json::Array(items), Json::Array(others)) => {
            assert_eq!(items.len(), others.len(), "{path}");
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                same_as_recorded(item, other, &format!("{path}[{index}]"));
            }
        }
        // Lists and objects that are empty, and numbers that are not set.
        (recorded, ours) if model::json::means_nothing(recorded) && model::json::means_nothing(ours) => {}
        _ => assert_eq!(recorded, ours, "{path}"),
    }
}

#[test]
fn recorded_canonical_forms() {
    // Defaults are those that an existing server fills in.
    let web = r#"
        job "web" {
          datacenters = ["west-1"]
          update {
            health_check     = "task_states"
            min_healthy_time = "1s"
            healthy_deadline = "1m"
          }
          group "app" {
            count = 2
            task "server" {
              driver = "raw_exec"
              config {
                command = "/bin/sh"
                args    = ["-c", "echo hello from ${NOMAD_ALLOC_INDEX}; echo warn >&2; exec sleep 3600"]
              }
              resources {
                cpu    = 20
                memory = 16
              }
            }
          }
        }"#;
    let multi = r#"
        job "multi" {
          datacenters = ["west-1", "east-1"]
          multiregion {
            strategy {
              max_parallel = 1
              on_failure   = "fail_all"
            }
            region "west" {
              count       = 1
              datacenters = ["west-1"]
            }
            region "east" { datacenters = ["east-1"] }
          }
          update {
            health_check     = "task_states"
            min_healthy_time = "1s"
            healthy_deadline = "1m"
          }
          group "app" {
            count = 0
            task "server" {
              driver = "raw_exec"
              config {
                command = "/bin/sleep"
                args    = ["3600"]
              }
              resources {
                cpu    = 20
                memory = 16
              }
            }
          }
        }"#;
    for (text, recorded) in [(web, include_str!("../data/recorded_web.json")), (multi, include_str!("../data/recorded_multi.json"))] {
        let parsed = good(text);
        assert!(validate(&parsed.job).is_valid());
        let recorded: Json = serde_json::from_str(recorded).expect("json");
        same_as_recorded(&recorded, &serde_json::to_value(&parsed.job).expect("json"), "");
    }
}

#[test]
fn free_configuration() {
    // Blocks in a driver's configuration are lists of objects, labels a level more; nulls are left out.
    let text = crate::job(
        "",
        "",
        r#"      config {
        image = "x"
        none  = null
        size  = 9007199254740993
        ratio = 1.5
        mount {
          type = "bind"
          options { propagation = "private" }
        }
        mount { type = "volume" }
        labels "a" "b" { c = "d" }
        dynamic "port" {
          for_each = [80, 443]
          content { number = port.value }
        }
        list = [1, { a = null }]
        path = "${NOMAD_TASK_DIR}/x"
      }"#,
    );
    let config = serde_json::to_value(&good(&text).job.task_groups[0].tasks[0].config).expect("json");
    let expected = serde_json::json!({
        "image": "x",
        "size": 9_007_199_254_740_993_i64,
        "ratio": 1.5,
        "mount": [{"type": "bind", "options": [{"propagation": "private"}]}, {"type": "volume"}],
        "labels": [{"a": [{"b": [{"c": "d"}]}]}],
        "port": [{"number": 80}, {"number": 443}],
        "list": [1, {"a": null}],
        "path": "${NOMAD_TASK_DIR}/x",
    });
    assert_eq!(config, expected);
}

#[test]
fn meta_and_env() {
    // Both forms, and numbers and bools as texts.
    let text = crate::job("meta = { \"any key\" = 1 }", "meta {\n b = true\n none = null\n}", "env {\n PORT = 8080\n}\nmeta = {}");
    let job = good(&text).job;
    assert_eq!(job.meta["any key"], "1");
    assert_eq!(format!("{:?}", job.task_groups[0].meta), r#"{"b": "true"}"#);
    assert_eq!(job.task_groups[0].tasks[0].env["PORT"], "8080");
}

#[test]
fn dynamic_blocks() {
    // Blocks made from lists, sets and objects, with labels, iterators, and one in another.
    let text = r#"
        variable "groups" {
          default = { a = [80, 81], b = [] }
        }
        job "web" {
          dynamic "group" {
            for_each = var.groups
            iterator = g
            labels   = ["g-${g.key}"]
            content {
              count = length(g.value)
              network {
                dynamic "port" {
                  for_each = g.value
                  labels   = ["p${port.key}"]
                  content {
                    static = port.value
                    to     = port.key + 1000
                  }
                }
              }
              task "t" { driver = "mock_driver" }
            }
          }
        }"#;
    let job = good(text).job;
    let groups: Vec<_> = job
        .task_groups
        .iter()
        .map(|group| {
            let ports = group.networks[0].reserved_ports.iter().map(|port| format!("{}={}/{}", port.label, port.value, port.to));
            format!("{} {} {}", group.name, group.count, ports.collect::<Vec<_>>().join(","))
        })
        .collect();
    assert_eq!(groups, ["g-a 2 p0=80/1000,p1=81/1001", "g-b 0 "]);
}

#[test]
fn task_without_group() {
    // A task right under the job has a group of its own name.
    let job = good("job \"web\" {\n task \"t\" {\n driver = \"mock_driver\"\n }\n}").job;
    assert_eq!((job.task_groups[0].name.as_str(), job.task_groups[0].count), ("t", 1));
    assert_eq!(job.task_groups[0].tasks[0].name, "t");
}

#[test]
fn names_and_ids() {
    // The label is id and name, unless they are said.
    let rows = [("", "web|web"), ("id = \"x\"", "x|web"), ("name = \"y\"", "web|y"), ("id = \"x\"\nname = \"y\"", "x|y")];
    for (lines, expected) in rows {
        let job = good(&crate::job(lines, "", "")).job;
        assert_eq!(format!("{}|{}", job.id, job.name), expected);
    }
}

#[test]
fn json_form_of_the_language() {
    // The same job in JSON, with templates, labels as keys and repeated blocks as lists.
    let text = r#"{
        "//": "a comment",
        "variable": {"image": {"type": "string", "default": "redis:7"}, "list": {"type": "list(number)", "default": ["1"]}},
        "locals": {"tag": "v-${var.image}"},
        "job": {"web": {
            "datacenters": ["dc1"],
            "constraint": [{"attribute": "${attr.kernel.name}", "value": "linux"}, {"distinct_hosts": true}],
            "meta": {"tag": "${local.tag}", "n": "${var.list[0]}"},
            "group": {"app": {
                "network": {"dynamic": {"port": {"for_each": ["a", "b"], "labels": ["${port.value}"], "content": {"to": "${port.key + 1}"}}}},
                "task": {"server": [{"driver": "docker", "config": {"image": "${var.image}", "mount": [{"type": "bind"}]}}]}
            }}
        }}
    }"#;
    let job = good(text).job;
    assert_eq!((job.id.as_str(), job.datacenters.join(",").as_str()), ("web", "dc1"));
    assert_eq!((job.meta["tag"].as_str(), job.meta["n"].as_str()), ("v-redis:7", "1"));
    let constraints: Vec<_> = job
        .constraints
        .iter()
        .map(|constraint| format!("{} {} {}", constraint.l_target, constraint.operand, constraint.r_target))
        .collect();
    assert_eq!(constraints, ["${attr.kernel.name} = linux", " distinct_hosts true"]);
    let ports: Vec<_> = job.task_groups[0].networks[0].dynamic_ports.iter().map(|port| format!("{}:{}", port.label, port.to)).collect();
    assert_eq!(ports, ["a:1", "b:2"]);
    assert_eq!(
        serde_json::to_string(&job.task_groups[0].tasks[0].config).expect("json"),
        r#"{"image":"redis:7","mount":[{"type":"bind"}]}"#
    );
    let errors = crate::bad(r#"{"job": {"web": {"grup": 1, "group": {"a": {"service": {}}}}}}"#);
    assert_eq!(
        errors,
        [
            "web.nomad.hcl: block \"service\" in \"group\" is not supported yet",
            "web.nomad.hcl: unsupported argument \"grup\": did you mean \"group\"?"
        ]
    );
    assert!(crate::bad("{\"job\": [")[0].starts_with("web.nomad.hcl:1,9: not JSON: "));
}

#[test]
fn json_of_the_interface() {
    // A file that holds the JSON of the interface is read as such.
    for text in [
        r#"{"Job": {"ID": "web", "TaskGroups": [{"Name": "a"}]}}"#,
        r#"{"job": {"id": "web", "TaskGroups": [{"Name": "a"}]}}"#,
        r#"{"ID": "web", "TaskGroups": [{"Name": "a"}]}"#,
    ] {
        let parsed = good(text);
        assert_eq!((parsed.job.id.as_str(), parsed.job.task_groups[0].name.as_str(), parsed.job.priority), ("web", "a", 50), "{text}");
    }
    assert_eq!(crate::bad(r#"{"Job": {"ID": "web", "Priority": "high"}}"#), ["web.nomad.hcl: Priority: expected integer, got string"]);
}

#[test]
fn not_canonical() {
    // What the file does not set is null, all fields are there, and what it sets is there as it says it.
    let json = good(&crate::job("priority = 70", "", "kill_timeout = \"10s\"")).uncanonical_json();
    for name in
        ["Region", "Namespace", "Type", "Datacenters", "Update", "Multiregion", "Periodic", "Meta", "Status", "Version", "Reschedule"]
    {
        assert!(json.as_object().expect("an object").contains_key(name), "{name}");
        assert_eq!(json[name], Json::Null, "{name}");
    }
    assert_eq!((&json["ID"], &json["Name"], &json["Priority"]), (&Json::from("web"), &Json::from("web"), &Json::from(70)));
    let group = &json["TaskGroups"][0];
    assert_eq!((&group["Name"], &group["Count"], &group["RestartPolicy"]), (&Json::from("app"), &Json::Null, &Json::Null));
    let task = &group["Tasks"][0];
    assert_eq!(
        (&task["KillTimeout"], &task["User"], &task["Leader"], &task["Resources"]),
        (&Json::from(10_000_000_000_i64), &Json::from(""), &Json::from(false), &Json::Null)
    );
}
