//! Defaults, and what groups take over from their job.

use jobspec::canonicalize;
use serde_json::{Value as Json, json};

use crate::{good, job};

const SECOND: i64 = 1_000_000_000;

fn canonical(text: &str) -> Json {
    let parsed = good(text);
    let again = canonicalize(&parsed.job).expect("a job");
    assert_eq!(again, parsed.job, "canonical twice is canonical once\n{text}");
    serde_json::to_value(&parsed.job).expect("json")
}

/// A job that says nothing, by its type.
#[test]
fn defaults() {
    let service = canonical(&job("", "", ""));
    for (field, expected) in [
        ("Region", json!("global")),
        ("Namespace", json!("default")),
        ("ID", json!("web")),
        ("Name", json!("web")),
        ("Type", json!("service")),
        ("Priority", json!(50)),
        ("Datacenters", json!(["*"])),
        // That of the namespace.
        ("NodePool", json!("")),
        ("Meta", json!(null)),
        ("Constraints", json!(null)),
        ("Multiregion", json!(null)),
    ] {
        assert_eq!(service[field], expected, "{field}");
    }
    let stored_update = json!({"Stagger": 30 * SECOND, "MaxParallel": 1, "HealthCheck": "", "MinHealthyTime": 0, "HealthyDeadline": 0, "ProgressDeadline": 0, "AutoRevert": false, "AutoPromote": false, "Canary": 0});
    assert_eq!(service["Update"], stored_update);
    let group = &service["TaskGroups"][0];
    assert_eq!(group["Count"], json!(1));
    assert_eq!(
        group["Update"],
        json!({"Stagger": 30 * SECOND, "MaxParallel": 1, "HealthCheck": "checks", "MinHealthyTime": 10 * SECOND, "HealthyDeadline": 300 * SECOND, "ProgressDeadline": 600 * SECOND, "AutoRevert": false, "AutoPromote": false, "Canary": 0})
    );
    assert_eq!(
        group["Migrate"],
        json!({"MaxParallel": 1, "HealthCheck": "checks", "MinHealthyTime": 10 * SECOND, "HealthyDeadline": 300 * SECOND})
    );
    assert_eq!(
        group["RestartPolicy"],
        json!({"Attempts": 2, "Interval": 1800 * SECOND, "Delay": 15 * SECOND, "Mode": "fail", "RenderTemplates": false})
    );
    assert_eq!(
        group["ReschedulePolicy"],
        json!({"Attempts": 0, "Interval": 0, "Delay": 30 * SECOND, "DelayFunction": "exponential", "MaxDelay": 3600 * SECOND, "Unlimited": true})
    );
    assert_eq!(group["EphemeralDisk"], json!({"Sticky": false, "SizeMB": 300, "Migrate": false}));
    assert_eq!((&group["ShutdownDelay"], &group["Networks"]), (&json!(null), &json!(null)));
    let task = &group["Tasks"][0];
    assert_eq!(task["RestartPolicy"], group["RestartPolicy"]);
    assert_eq!(task["LogConfig"], json!({"MaxFiles": 10, "MaxFileSizeMB": 10, "Disabled": false}));
    assert_eq!(
        (&task["Resources"]["CPU"], &task["Resources"]["MemoryMB"], &task["Resources"]["MemoryMaxMB"]),
        (&json!(100), &json!(300), &json!(0))
    );
    assert_eq!(
        (&task["KillTimeout"], &task["ShutdownDelay"], &task["Config"], &task["Env"]),
        (&json!(5 * SECOND), &json!(0), &json!(null), &json!(null))
    );

    let batch = canonical(&job("type = \"batch\"", "", ""));
    let group = &batch["TaskGroups"][0];
    assert_eq!(batch["Update"]["MaxParallel"], json!(0));
    assert_eq!((&group["Update"], &group["Migrate"]), (&json!(null), &json!(null)));
    assert_eq!(
        group["RestartPolicy"],
        json!({"Attempts": 3, "Interval": 86_400 * SECOND, "Delay": 15 * SECOND, "Mode": "fail", "RenderTemplates": false})
    );
    assert_eq!(
        group["ReschedulePolicy"],
        json!({"Attempts": 1, "Interval": 86_400 * SECOND, "Delay": 5 * SECOND, "DelayFunction": "constant", "MaxDelay": 0, "Unlimited": false})
    );
}

/// Lines in the job, group and task, and a field of the result.
#[test]
fn inheritance() {
    let rows = [
        ("update {\n max_parallel = 3\n canary = 1\n}", "update {\n canary = 2\n}", "", "/TaskGroups/0/Update/Canary", json!(2)),
        ("update {\n max_parallel = 3\n canary = 1\n}", "update {\n canary = 2\n}", "", "/TaskGroups/0/Update/MaxParallel", json!(3)),
        ("update {\n max_parallel = 3\n canary = 1\n}", "", "", "/Update/MaxParallel", json!(3)),
        ("update {\n max_parallel = 3\n canary = 1\n}", "", "", "/Update/Canary", json!(0)),
        ("update {\n max_parallel = 3\n}", "update {\n max_parallel = 0\n}", "", "/TaskGroups/0/Update/MaxParallel", json!(0)),
        ("update {\n auto_revert = true\n}", "update {\n auto_revert = false\n}", "", "/TaskGroups/0/Update/AutoRevert", json!(false)),
        ("update {\n stagger = \"5s\"\n}", "", "", "/Update/Stagger", json!(5 * SECOND)),
        (
            "migrate {\n max_parallel = 2\n}",
            "migrate {\n health_check = \"task_states\"\n}",
            "",
            "/TaskGroups/0/Migrate/MaxParallel",
            json!(2),
        ),
        (
            "migrate {\n max_parallel = 2\n}",
            "migrate {\n health_check = \"task_states\"\n}",
            "",
            "/TaskGroups/0/Migrate/HealthCheck",
            json!("task_states"),
        ),
        (
            "reschedule {\n delay = \"7s\"\n unlimited = false\n}",
            "reschedule {\n attempts = 4\n interval = \"1h\"\n}",
            "",
            "/TaskGroups/0/ReschedulePolicy/Delay",
            json!(7 * SECOND),
        ),
        (
            "reschedule {\n delay = \"7s\"\n unlimited = false\n}",
            "reschedule {\n attempts = 4\n interval = \"1h\"\n}",
            "",
            "/TaskGroups/0/ReschedulePolicy/Attempts",
            json!(4),
        ),
        ("type = \"batch\"\nreschedule {\n unlimited = true\n}", "", "", "/TaskGroups/0/ReschedulePolicy/Attempts", json!(0)),
        ("", "restart {\n attempts = 5\n}", "", "/TaskGroups/0/RestartPolicy/Interval", json!(1800 * SECOND)),
        ("", "restart {\n attempts = 5\n}", "restart {\n delay = \"1s\"\n}", "/TaskGroups/0/Tasks/0/RestartPolicy/Attempts", json!(5)),
        ("", "restart {\n attempts = 5\n}", "restart {\n delay = \"1s\"\n}", "/TaskGroups/0/Tasks/0/RestartPolicy/Delay", json!(SECOND)),
        ("", "restart {\n attempts = 5\n}", "restart {\n delay = \"1s\"\n}", "/TaskGroups/0/RestartPolicy/Delay", json!(15 * SECOND)),
        ("", "count = 0", "", "/TaskGroups/0/Count", json!(0)),
        ("", "shutdown_delay = 5", "", "/TaskGroups/0/ShutdownDelay", json!(5)),
        ("", "ephemeral_disk {\n size = 500\n}", "", "/TaskGroups/0/EphemeralDisk/SizeMB", json!(500)),
        ("", "", "resources {\n cpu = 7\n}", "/TaskGroups/0/Tasks/0/Resources/MemoryMB", json!(300)),
        ("", "", "kill_timeout = 0", "/TaskGroups/0/Tasks/0/KillTimeout", json!(0)),
        ("", "", "logs {\n enabled = false\n}", "/TaskGroups/0/Tasks/0/LogConfig/Disabled", json!(true)),
        ("datacenters = []", "", "", "/Datacenters", json!(["*"])),
        ("constraint {\n attribute = \"a\"\n value = \"b\"\n}", "", "", "/Constraints/0/Operand", json!("=")),
        ("multiregion {\n region \"a\" {}\n}", "", "", "/Multiregion/Strategy", json!({"MaxParallel": 0, "OnFailure": ""})),
        ("multiregion {\n region \"a\" {}\n}", "", "", "/Multiregion/Regions/0/Count", json!(1)),
        ("multiregion {\n region \"a\" { count = 0 }\n}", "count = 0", "", "/Multiregion/Regions/0/Count", json!(0)),
        ("multiregion {\n region \"a\" {}\n}", "count = 0", "", "/TaskGroups/0/Count", json!(0)),
        ("type = \"batch\"\nmultiregion {\n region \"a\" {}\n}", "", "", "/Multiregion/Strategy", json!(null)),
    ];
    for (in_job, in_group, in_task, pointer, expected) in rows {
        let json = canonical(&job(in_job, in_group, in_task));
        assert_eq!(json.pointer(pointer), Some(&expected), "{in_job} {in_group} {in_task} {pointer}");
    }
}

/// A stored job that gets a new group: the zeros of the job's own strategy are nobody's wish.
#[test]
fn new_group_in_a_stored_job() {
    let mut stored = canonical(&job("update {\n max_parallel = 2\n}", "", ""));
    let group = json!({"Name": "new", "Tasks": [{"Name": "t", "Driver": "mock_driver"}]});
    stored["TaskGroups"].as_array_mut().expect("groups").push(group);
    let job = jobspec::from_api(&stored).expect("a job");
    let update = job.task_groups[1].update.as_ref().expect("update");
    assert_eq!((update.max_parallel, update.healthy_deadline), (2, 300 * SECOND));
}

/// What is deprecated warns.
#[test]
fn deprecated() {
    let parsed = good(&job("", "", "logs {\n enabled = false\n}"));
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["web.nomad.hcl:8,12: \"enabled\" of logs is deprecated: write disabled = true or leave it out"]);
}
