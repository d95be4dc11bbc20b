//! What people see of a difference, as text.

use std::fmt::Write;

use model::{DesiredUpdates, PlanAnnotations};
use serde_json::json;

use super::*;

fn job(value: Value) -> Job {
    serde_json::from_value(value).unwrap()
}

/// `web` with one group `app` of three, one task `server`.
fn web() -> Value {
    json!({
        "ID": "web", "Name": "web", "Namespace": "default", "Datacenters": ["west-1"], "Priority": 50, "Meta": {"owner": "ann"},
        "Constraints": [{"LTarget": "${attr.kernel.name}", "RTarget": "linux", "Operand": "="}],
        "TaskGroups": [{
            "Name": "app", "Count": 3,
            "Networks": [{"Mode": "host", "DynamicPorts": [{"Label": "http"}]}],
            "Tasks": [{
                "Name": "server", "Driver": "raw_exec", "KillTimeout": 5000000000_i64, "Env": {"A": "1"},
                "Config": {"command": "/bin/sh", "args": ["-c", "echo v1"]},
                "Resources": {"CPU": 100, "MemoryMB": 300}, "LogConfig": {"MaxFiles": 10, "MaxFileSizeMB": 10}
            }]
        }]
    })
}

fn edited(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = web();
    change(&mut value);
    value
}

/// One line per part that changed or that is context, indented by depth.
fn render(diff: &JobDiff) -> String {
    let mut text = format!("{} job {}\n", mark(diff.kind), diff.id);
    render_members(&mut text, 1, &diff.fields, &diff.objects);
    for group in &diff.task_groups {
        writeln!(text, "  {} group {} {:?}", mark(group.kind), group.name, group.updates).unwrap();
        render_members(&mut text, 2, &group.fields, &group.objects);
        for task in &group.tasks {
            writeln!(text, "    {} task {} {}", mark(task.kind), task.name, task.annotations.join(",")).unwrap();
            render_members(&mut text, 3, &task.fields, &task.objects);
        }
    }
    text
}

fn render_members(text: &mut String, depth: usize, fields: &[FieldDiff], objects: &[ObjectDiff]) {
    let indent = "  ".repeat(depth);
    for field in fields {
        writeln!(text, "{indent}{} {}: {:?} => {:?} {}", mark(field.kind), field.name, field.old, field.new, field.annotations.join(","))
            .unwrap();
    }
    for object in objects {
        writeln!(text, "{indent}{} {}", mark(object.kind), object.name).unwrap();
        render_members(text, depth + 1, &object.fields, &object.objects);
    }
}

fn mark(kind: DiffType) -> &'static str {
    match kind {
        DiffType::None => "=",
        DiffType::Added => "+",
        DiffType::Deleted => "-",
        DiffType::Edited => "~",
    }
}

/// Each row: a change of the job, and the lines that the difference has beside those of an unchanged job.
#[test]
fn changes() {
    let unchanged = render(&jobs(Some(&job(web())), Some(&job(web()))));
    assert_eq!(unchanged, "= job web\n  = group app {}\n    = task server \n");
    let check = |name: &str, change: fn(&mut Value), expected: &str| {
        let mut diff = jobs(Some(&job(web())), Some(&job(edited(change))));
        annotate(&mut diff, &PlanAnnotations::default());
        let lines: Vec<String> = render(&diff).lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(lines.join("\n"), expected, "{name}");
    };
    check(
        "count",
        |job| job["TaskGroups"][0]["Count"] = json!(2),
        "~ job web\n~ group app {}\n~ Count: \"3\" => \"2\" forces destroy\n= task server",
    );
    check(
        "argument: with the unchanged ones around it",
        |job| job["TaskGroups"][0]["Tasks"][0]["Config"]["args"][1] = json!("echo v2"),
        "~ job web\n~ group app {}\n~ task server forces create/destroy update\n~ Config\n= args[0]: \"-c\" => \"-c\"\n~ args[1]: \"echo v1\" => \"echo v2\"\n= command: \"/bin/sh\" => \"/bin/sh\"",
    );
    check(
        "kill timeout: in place",
        |job| job["TaskGroups"][0]["Tasks"][0]["KillTimeout"] = json!(7_000_000_000_i64),
        "~ job web\n~ group app {}\n~ task server forces in-place update\n~ KillTimeout: \"5000000000\" => \"7000000000\"",
    );
    check(
        "environment",
        |job| job["TaskGroups"][0]["Tasks"][0]["Env"]["B"] = json!("2"),
        "~ job web\n~ group app {}\n~ task server forces create/destroy update\n+ Env[B]: \"\" => \"2\"",
    );
    check(
        "meta of the job",
        |job| job["Meta"] = json!({"team": "x"}),
        "~ job web\n- Meta[owner]: \"ann\" => \"\"\n+ Meta[team]: \"\" => \"x\"\n= group app {}\n= task server",
    );
    check(
        "datacenters: a set",
        |job| job["Datacenters"] = json!(["west-2", "west-1"]),
        "~ job web\n+ Datacenters\n+ Datacenters: \"\" => \"west-2\"\n= group app {}\n= task server",
    );
    check(
        "constraint: out and in",
        |job| job["Constraints"][0]["RTarget"] = json!("plan9"),
        "~ job web\n- Constraint\n- LTarget: \"${attr.kernel.name}\" => \"\"\n- Operand: \"=\" => \"\"\n- RTarget: \"linux\" => \"\"\n\
         + Constraint\n+ LTarget: \"\" => \"${attr.kernel.name}\"\n+ Operand: \"\" => \"=\"\n+ RTarget: \"\" => \"plan9\"\n= group app {}\n= task server",
    );
    check(
        "port: an object in a list of objects",
        |job| job["TaskGroups"][0]["Networks"][0]["DynamicPorts"] = json!([{"Label": "http"}, {"Label": "admin"}]),
        "~ job web\n~ group app {}\n~ Network\n= Mode: \"host\" => \"host\"\n+ Dynamic Port\n+ Label: \"\" => \"admin\"\n= task server",
    );
    check(
        "update strategy of the group: an object that was absent",
        |job| job["TaskGroups"][0]["Update"] = json!({"MaxParallel": 1, "AutoRevert": true}),
        "~ job web\n~ group app {}\n+ Update\n+ AutoPromote: \"\" => \"false\"\n+ AutoRevert: \"\" => \"true\"\n+ Canary: \"\" => \"0\"\n\
         + HealthyDeadline: \"\" => \"0\"\n+ MaxParallel: \"\" => \"1\"\n+ MinHealthyTime: \"\" => \"0\"\n+ ProgressDeadline: \"\" => \"0\"\n\
         + Stagger: \"\" => \"0\"\n= task server",
    );
    check(
        "ports: one goes, one comes, one changes",
        |job| {
            job["TaskGroups"][0]["Networks"] =
                json!([{"Mode": "host", "DynamicPorts": [{"Label": "http", "To": 80}], "ReservedPorts": [{"Label": "ssh", "Value": 22}]}])
        },
        "~ job web\n~ group app {}\n~ Network\n= Mode: \"host\" => \"host\"\n~ Dynamic Port\n= Label: \"http\" => \"http\"\n+ To: \"\" => \"80\"\n\
         + Static Port\n+ Label: \"\" => \"ssh\"\n+ Value: \"\" => \"22\"\n= task server",
    );
    check("what the region writes", |job| job["Version"] = json!(9), "= job web\n= group app {}\n= task server");
}

/// A new job is added as a whole, a group that goes is deleted, and a plan's counts stand at the groups.
#[test]
fn whole_parts() {
    let plan = |updates: DesiredUpdates| PlanAnnotations { desired_tg_updates: [("app".to_owned(), updates)].into(), ..Default::default() };
    let mut diff = jobs(None, Some(&job(web())));
    annotate(&mut diff, &plan(DesiredUpdates { place: 3, ..Default::default() }));
    assert_eq!(diff.kind, DiffType::Added);
    assert_eq!(diff.task_groups[0].updates, [("create".to_owned(), 3)].into());
    assert_eq!(diff.task_groups[0].tasks[0].annotations, ["forces create"]);
    assert!(diff.fields.iter().all(|field| field.kind == DiffType::Added && !field.new.is_empty()));

    let without = job(edited(|job| job["TaskGroups"] = json!([])));
    let mut diff = jobs(Some(&job(web())), Some(&without));
    annotate(&mut diff, &plan(DesiredUpdates { stop: 3, ..Default::default() }));
    assert_eq!((diff.kind, diff.task_groups[0].kind), (DiffType::Edited, DiffType::Deleted));
    assert_eq!(diff.task_groups[0].tasks[0].annotations, ["forces destroy"]);
    assert_eq!(diff.task_groups[0].updates, [("destroy".to_owned(), 3)].into());
    assert_eq!(jobs(Some(&job(web())), None).kind, DiffType::Deleted);
}

/// The JSON has the names and nulls of the interface.
#[test]
fn json_shape() {
    let mut diff = jobs(Some(&job(web())), Some(&job(edited(|job| job["TaskGroups"][0]["Count"] = json!(4)))));
    let updates = DesiredUpdates { ignore: 3, place: 1, ..Default::default() };
    annotate(&mut diff, &PlanAnnotations { desired_tg_updates: [("app".to_owned(), updates)].into(), ..Default::default() });
    assert_eq!(
        serde_json::to_value(&diff).unwrap(),
        json!({
            "Type": "Edited", "ID": "web", "Fields": null, "Objects": null,
            "TaskGroups": [{
                "Type": "Edited", "Name": "app",
                "Fields": [{"Type": "Edited", "Name": "Count", "Old": "3", "New": "4", "Annotations": ["forces create"]}],
                "Objects": null,
                "Tasks": [{"Type": "None", "Name": "server", "Fields": null, "Objects": null, "Annotations": null}],
                "Updates": {"ignore": 3, "create": 1}
            }]
        })
    );
}

/// Long lists are compared in a moment.
#[test]
fn long_lists() {
    let with =
        |n: usize, tag: &str| job(edited(|job| job["Datacenters"] = (0..n).map(|i| json!(format!("{tag}{i}"))).collect::<Vec<_>>().into()));
    let begin = std::time::Instant::now();
    let diff = jobs(Some(&with(20_000, "a")), Some(&with(20_000, "b")));
    assert_eq!(diff.objects[0].fields.len(), 40_000);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

/// What affinities, spreads, launches and absences look like: the names that people know from job files, one object each.
#[test]
fn newer_blocks() {
    let check = |name: &str, change: fn(&mut Value), expected: &[&str]| {
        let diff = jobs(Some(&job(web())), Some(&job(edited(change))));
        let lines: Vec<String> = render(&diff).lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with('=')).collect();
        assert_eq!(lines.iter().map(String::as_str).skip(1).collect::<Vec<_>>(), expected, "{name}");
    };
    check(
        "affinity",
        |job| job["Affinities"] = json!([{"LTarget": "${node.class}", "RTarget": "big", "Operand": "=", "Weight": 50}]),
        &[
            "+ Affinity",
            "+ LTarget: \"\" => \"${node.class}\"",
            "+ Operand: \"\" => \"=\"",
            "+ RTarget: \"\" => \"big\"",
            "+ Weight: \"\" => \"50\"",
        ],
    );
    check(
        "spread, with a target",
        |job| {
            job["TaskGroups"][0]["Spreads"] =
                json!([{"Attribute": "${node.datacenter}", "Weight": 50, "SpreadTarget": [{"Value": "west-1", "Percent": 70}]}])
        },
        &[
            "~ group app {}",
            "+ Spread",
            "+ Attribute: \"\" => \"${node.datacenter}\"",
            "+ Weight: \"\" => \"50\"",
            "+ SpreadTarget",
            "+ Percent: \"\" => \"70\"",
            "+ Value: \"\" => \"west-1\"",
        ],
    );
    check(
        "disconnect",
        |job| job["TaskGroups"][0]["Disconnect"] = json!({"LostAfter": 60, "Replace": false}),
        &[
            "~ group app {}",
            "+ Disconnect",
            "+ LostAfter: \"\" => \"60\"",
            "+ Reconcile: \"\" => \"best_score\"",
            "+ Replace: \"\" => \"false\"",
        ],
    );
    check(
        "device",
        |job| job["TaskGroups"][0]["Tasks"][0]["Resources"]["Devices"] = json!([{"Name": "nvidia/gpu", "Count": 2}]),
        &["~ group app {}", "~ task server", "~ Resources", "+ Device", "+ Count: \"\" => \"2\"", "+ Name: \"\" => \"nvidia/gpu\""],
    );
    check(
        "scaling: without what follows from the job",
        |job| {
            job["TaskGroups"][0]["Scaling"] =
                json!({"ID": "x", "Type": "horizontal", "Min": 1, "Max": 4, "Enabled": true, "Target": {"Job": "web"}})
        },
        &[
            "~ group app {}",
            "+ Scaling",
            "+ Enabled: \"\" => \"true\"",
            "+ Max: \"\" => \"4\"",
            "+ Min: \"\" => \"1\"",
            "+ Type: \"\" => \"horizontal\"",
        ],
    );
}
