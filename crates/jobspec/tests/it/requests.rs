//! Jobs in request bodies.

use jobspec::{Kind, from_api};
use serde_json::{Value as Json, json};

fn minimal() -> Json {
    json!({"ID": "web", "TaskGroups": [{"Name": "app", "Tasks": [{"Name": "server", "Driver": "mock_driver"}]}]})
}

/// Sets the field at a JSON pointer.
fn with(pointer: &str, value: Json) -> Json {
    let mut job = minimal();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    job.pointer_mut(parent).expect(parent)[name] = value;
    job
}

/// Names in any case, unknown names ignored, null is absent, durations are numbers or texts.
#[test]
fn lenient_where_clients_are() {
    let job = json!({
        "id": "web", "TYPE": "batch", "unknown": {"x": 1}, "Priority": null, "priority": 70.0,
        "taskGROUPS": [{"name": "app", "COUNT": 2, "Meta": {"a": null, "b": "c"}, "tasks": [{"NAME": "server", "driver": "mock_driver", "killtimeout": "10s", "ShutdownDelay": 5}]}],
        "Status": "running", "Version": 7, "JobModifyIndex": 12, "SubmitTime": 5, "Stable": true,
    });
    let job = from_api(&job).expect("a job");
    assert_eq!((job.id.as_str(), job.kind.as_str(), job.priority), ("web", "batch", 70));
    assert_eq!((job.version, job.job_modify_index, job.stable), (0, 0, false), "the servers write these");
    let group = &job.task_groups[0];
    assert_eq!((group.count, group.meta["a"].as_str(), group.meta["b"].as_str()), (2, "", "c"));
    assert_eq!((group.tasks[0].kill_timeout, group.tasks[0].shutdown_delay), (10_000_000_000, 5));
}

/// Wrong types name the field; all of them at once.
#[test]
fn wrong_types() {
    let rows = [
        ("/TaskGroups/0/Count", json!("3"), "TaskGroups[0].Count: expected integer, got string"),
        ("/TaskGroups/0/Count", json!(1.5), "TaskGroups[0].Count: expected integer, got fractional number"),
        ("/TaskGroups/0/Tasks/0/Driver", json!(1), "TaskGroups[0].Tasks[0].Driver: expected string, got integer"),
        ("/TaskGroups/0/Tasks/0/Leader", json!("true"), "TaskGroups[0].Tasks[0].Leader: expected boolean, got string"),
        (
            "/TaskGroups/0/Tasks/0/KillTimeout",
            json!("soon"),
            "TaskGroups[0].Tasks[0].KillTimeout: expected duration in nanoseconds, got string",
        ),
        ("/TaskGroups/0/Tasks/0/Config", json!([]), "TaskGroups[0].Tasks[0].Config: expected object, got array"),
        ("/TaskGroups/0/Tasks/0/Env", json!({"A": 1}), "TaskGroups[0].Tasks[0].Env.A: expected string, got integer"),
        ("/TaskGroups/0/Tasks", json!({}), "TaskGroups[0].Tasks: expected array, got object"),
        ("/TaskGroups/0/Tasks", json!([1]), "TaskGroups[0].Tasks[0]: expected object, got integer"),
        ("/TaskGroups/0/Name", json!(1), "TaskGroups[0].Name: expected string, got integer"),
        ("/Datacenters", json!("dc1"), "Datacenters: expected array, got string"),
        ("/Datacenters", json!(["dc1", 2]), "Datacenters[1]: expected string, got integer"),
        ("/Update", json!(5), "Update: expected object, got integer"),
        (
            "/Update",
            json!({"HealthCheck": "good"}),
            "Update.HealthCheck: unknown word \"good\": known are: \"checks\", \"task_states\", \"manual\"",
        ),
        ("/Type", json!("cron"), "Type: unknown word \"cron\": known are: \"service\", \"batch\", \"system\", \"sysbatch\""),
        (
            "/Multiregion",
            json!({"Strategy": {"OnFailure": "fail_al"}}),
            "Multiregion.Strategy.OnFailure: unknown word \"fail_al\": did you mean \"fail_all\"?",
        ),
    ];
    for (pointer, value, expected) in rows {
        let errors: Vec<String> = from_api(&with(pointer, value)).expect_err(expected).iter().map(ToString::to_string).collect();
        assert_eq!(errors, [expected]);
    }
    assert_eq!(from_api(&json!([])).expect_err("an error").to_string(), "Job: expected object, got array");
    let mut two = with("/Priority", json!("high"));
    two["TaskGroups"][0]["Count"] = json!(true);
    assert_eq!(from_api(&two).expect_err("errors").0.len(), 2);
}

/// Fields of what is not supported are refused when they ask for something, and accepted as clients send them when they do not.
#[test]
fn not_supported() {
    let refused = [
        ("/TaskGroups/0/Services", json!([{"Name": "x"}])),
        ("/TaskGroups/0/Volumes", json!({"x": {"Type": "host"}})),
        ("/TaskGroups/0/Consul", json!({"Namespace": "x"})),
        ("/TaskGroups/0/Tasks/0/Templates", json!([{"EmbeddedTmpl": "x"}])),
        ("/TaskGroups/0/Tasks/0/Artifacts", json!([{"GetterSource": "x"}])),
        ("/TaskGroups/0/Tasks/0/Vault", json!({"Role": "x"})),
        ("/TaskGroups/0/Tasks/0/Kind", json!("connect-proxy:x")),
        ("/TaskGroups/0/Tasks/0/Identity", json!({"Name": "default", "File": true})),
    ];
    for (pointer, value) in refused {
        let diagnostics = from_api(&with(pointer, value)).expect_err(pointer);
        let expected = pointer.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
        assert_eq!(diagnostics.to_string(), format!("{expected}: not supported yet"));
        assert_eq!(diagnostics.0[0].kind, Kind::Unsupported);
        assert!(!diagnostics.is_malformed());
    }
    let accepted = [
        ("/AllAtOnce", json!(false)),
        ("/Affinities", json!([])),
        ("/Periodic", json!(null)),
        ("/ConsulToken", json!("")),
        ("/TaskGroups/0/Consul", json!({"Namespace": "", "Cluster": "default", "Partition": ""})),
        ("/TaskGroups/0/Services", json!(null)),
        ("/TaskGroups/0/Volumes", json!({})),
        (
            "/TaskGroups/0/Tasks/0/Identity",
            json!({"Name": "default", "Audience": ["nomadproject.io"], "ChangeMode": "", "Env": false, "File": false, "TTL": 0}),
        ),
        ("/TaskGroups/0/Tasks/0/Kind", json!("")),
        ("/TaskGroups/0/Tasks/0/RestartPolicy", json!({"RenderTemplates": false, "Mode": ""})),
    ];
    for (pointer, value) in accepted {
        from_api(&with(pointer, value)).unwrap_or_else(|diagnostics| panic!("{pointer}: {diagnostics}"));
    }
}

/// What servers answer is accepted again and stays as it is.
#[test]
fn round_trip() {
    let recorded: Json = serde_json::from_str(include_str!("../data/recorded_multi.json")).expect("json");
    let job = from_api(&recorded).expect("a job");
    assert_eq!(job.multiregion.as_ref().expect("multiregion").regions[1].name, "east");
    assert_eq!(job.task_groups[0].count, 0);
    let again = from_api(&serde_json::to_value(&job).expect("json")).expect("a job");
    assert_eq!(job, again);
}

/// Ports keep their list.
#[test]
fn ports() {
    let job = from_api(&with(
        "/TaskGroups/0/Networks",
        json!([{"Mode": "host", "DynamicPorts": [{"Label": "a", "To": -1}], "ReservedPorts": [{"label": "b", "Value": 80}]}]),
    ));
    let network = job.expect("a job").task_groups.remove(0).networks.remove(0);
    assert_eq!((network.mode.as_str(), network.dynamic_ports[0].to, network.reserved_ports[0].value), ("host", -1, 80));
}

/// A request may leave the priority to its region; a job that is kept has one.
#[test]
fn priorities() {
    for (value, expected) in [(Json::Null, 0), (json!(0), 0), (json!(7), 7)] {
        let job = from_api(&with("/Priority", value)).expect("a job");
        assert_eq!(job.priority, expected);
        assert!(jobspec::validate_request(&job).is_valid());
        assert_eq!(jobspec::validate(&job).is_valid(), expected > 0);
    }
}
