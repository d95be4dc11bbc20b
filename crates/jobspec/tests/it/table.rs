//! Every block and argument of job files, from the list of the existing interface, is either in effect or refused by name; none is unknown,
//! and none is passed over.

use std::collections::{BTreeMap, BTreeSet};

use jobspec::Kind;

use crate::{good, parse};

/// A row of the list.
struct Row {
    kind: &'static str,
    path: &'static str,
    name: &'static str,
    hcl_type: &'static str,
    words: &'static str,
    json: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [kind, path, name, hcl_type, words, json] = cells.as_slice() else { panic!("{line:?}") };
        Row { kind, path, name, hcl_type, words, json }
    };
    include_str!("../data/job_file.tsv").lines().map(row).collect()
}

/// Blocks that have a label.
fn labelled(rows: &[Row]) -> BTreeSet<String> {
    let by_row = rows.iter().filter(|row| row.kind == "label").map(|row| row.path.to_owned());
    let by_name = rows.iter().filter(|row| row.name.contains('"')).map(|row| format!("{}.{}", row.path, word_of(row.name)));
    by_row.chain(by_name).collect()
}

/// `port` of `port "<label>"`.
fn word_of(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// A label that the block may have.
fn label_of(path: &str, labelled: &BTreeSet<String>) -> &'static str {
    match path {
        "job.group.task.scaling" => " \"cpu\"",
        path if path == "job" || labelled.contains(path) => " \"x\"",
        _ => "",
    }
}

/// A job with `line` in the block at `path`, and the line on which it stands.
fn job_with(path: &str, line: &str, labelled: &BTreeSet<String>) -> (String, usize) {
    let mut text = String::new();
    let mut so_far = String::new();
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    for part in &parts {
        so_far = if so_far.is_empty() { (*part).to_owned() } else { format!("{so_far}.{part}") };
        let label = label_of(&so_far, labelled);
        text.push_str(&format!("{part}{label} {{\n"));
    }
    text.push_str(line);
    text.push('\n');
    text.push_str(&"}\n".repeat(parts.len()));
    (text, parts.len() + 1)
}

/// Values that the argument may have; those that ask for something.
fn samples(row: &Row) -> Vec<String> {
    let words: Vec<String> =
        row.words.split('|').filter(|word| !word.is_empty() && !word.contains(' ')).map(|word| format!("{word:?}")).collect();
    if row.hcl_type.starts_with("string") && !words.is_empty() {
        return words;
    }
    let sample = match row.hcl_type {
        kind if kind.starts_with("duration") => "\"30s\"",
        "number" => "7",
        "bool" => "true",
        "list(string)" => "[\"x\"]",
        "list(number)" => "[7]",
        "map(string)" => "{ x = \"y\" }",
        _ => "\"x\"",
    };
    vec![sample.to_owned()]
}

/// What happens to a line: in effect, or refused at this line.
#[derive(Debug, PartialEq)]
enum Outcome {
    InEffect(Box<serde_json::Value>),
    Refused { line: usize, column: usize, text: String },
}

fn outcome(text: &str) -> Outcome {
    match parse(text) {
        Ok(parsed) => Outcome::InEffect(Box::new(parsed.uncanonical_json())),
        Err(diagnostics) => {
            let all: Vec<_> = diagnostics.iter().collect();
            let [only] = all.as_slice() else { panic!("one error expected:\n{diagnostics}\n{text}") };
            assert_eq!(only.kind, Kind::Unsupported, "{only}\n{text}");
            assert!(only.to_string().contains("is not supported yet"), "{only}\n{text}");
            Outcome::Refused { line: only.line, column: only.column, text: only.to_string() }
        }
    }
}

/// Walks the whole list: what is in effect shows in the job's JSON under its field, everything else is refused where it stands. The list of
/// what is in effect is compared, so that nothing changes sides by accident.
#[test]
fn every_row_is_in_effect_or_refused() {
    let rows = rows();
    assert_eq!(rows.len(), 851);
    let labelled = labelled(&rows);
    let mut in_effect = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind != "label" && !row.path.starts_with("*.")) {
        let word = word_of(row.name);
        let here = format!("{}.{word}", row.path).trim_start_matches('.').to_owned();
        if row.kind == "block" {
            let label = label_of(&here, &labelled);
            let (text, line) = job_with(row.path, &format!("{word}{label} {{\n}}"), &labelled);
            match outcome(&text) {
                Outcome::InEffect(_) => {
                    in_effect.insert(here, "block");
                }
                Outcome::Refused { line: at, column, .. } => assert!(at <= line && column == 1, "{here}: refused at {at},{column}"),
            }
            continue;
        }
        for sample in samples(row) {
            let (text, line) = job_with(row.path, &format!("{word} = {sample}"), &labelled);
            match outcome(&text) {
                Outcome::InEffect(job) => {
                    let field = row.json.rsplit('.').next().unwrap_or(row.json);
                    let value = sample.trim_matches(['[', ']', '"']);
                    let shown = job.to_string();
                    // Thirty seconds are nanoseconds in JSON.
                    let expected = if value == "30s" { "30000000000" } else { value };
                    let is_there = shown.contains(&format!("\"{field}\":{expected}"))
                        || shown.contains(&format!("\"{field}\":\"{expected}\""))
                        || shown.contains(&format!("\"{field}\":[\"{expected}\"]"));
                    assert!(is_there || here == "job.group.task.logs.enabled", "{here} = {sample} does not show as {field}:\n{shown}");
                    in_effect.insert(here.clone(), "argument");
                }
                Outcome::Refused { line: at, column, text: message } => {
                    assert!(at <= line && column >= 1, "{here}: {message}");
                    // Within a block that is in effect the argument itself is named.
                    if at == line {
                        assert!(message.contains(word) || message.contains(sample.as_str()), "{here}: {message}");
                    }
                }
            }
        }
    }
    let listed: String = in_effect.iter().map(|(path, kind)| format!("{kind} {path}\n")).collect();
    assert_eq!(listed, include_str!("../data/in_effect.txt"));
}

/// A block that has a label needs it.
#[test]
fn labels_are_needed() {
    let rows = rows();
    let labelled = labelled(&rows);
    let mut n_needed = 0;
    for path in &labelled {
        let (parent, word) = path.rsplit_once('.').expect("a parent");
        let (text, line) = job_with(parent, &format!("{word} {{\n}}"), &labelled);
        let diagnostics = parse(&text).expect_err("no label");
        let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        let is_refused = diagnostics.iter().all(|diagnostic| diagnostic.kind == Kind::Unsupported);
        let is_named = all.iter().any(|text| text.starts_with(&format!("web.nomad.hcl:{line},1: the {word:?} block needs a label")));
        assert!(is_refused || is_named, "{path}: {all:?}");
        n_needed += usize::from(is_named);
    }
    // group, task under group, task under job, four ports, region, two targets of spreads, device, scaling of a task
    assert_eq!(n_needed, 12);
}

/// The shorthands of constraints are operator and value.
#[test]
fn constraint_shorthands() {
    let rows = [
        ("attribute = \"${attr.os.name}\"\nvalue = \"debian\"", "${attr.os.name}|null|debian"),
        ("attribute = \"${attr.os.version}\"\nversion = \">= 12\"", "${attr.os.version}|version|>= 12"),
        ("attribute = \"a\"\nsemver = \">= 12\"", "a|semver|>= 12"),
        ("attribute = \"a\"\nregexp = \"^x\"", "a|regexp|^x"),
        ("attribute = \"a\"\nset_contains = \"x,y\"", "a|set_contains|x,y"),
        ("distinct_hosts = true", "|distinct_hosts|true"),
        ("distinct_hosts = false", "|distinct_hosts|false"),
        ("operator = \"distinct_hosts\"\nvalue = \"true\"", "|distinct_hosts|true"),
        ("attribute = \"a\"\noperator = \"is_set\"", "a|is_set|"),
        ("distinct_property = \"${meta.rack}\"", "${meta.rack}|distinct_property|"),
        ("distinct_property = \"${meta.rack}\"\nvalue = \"2\"", "${meta.rack}|distinct_property|2"),
    ];
    for (lines, expected) in rows {
        let (text, _) = job_with("job.group.constraint", lines, &["job.group".to_owned()].into());
        let constraint = good(&text).uncanonical_json()["TaskGroups"][0]["Constraints"][0].clone();
        let word = |name: &str| constraint[name].as_str().unwrap_or("null").to_owned();
        let operand = if word("Operand").is_empty() { "null".to_owned() } else { word("Operand") };
        assert_eq!(format!("{}|{operand}|{}", word("LTarget"), word("RTarget")), expected, "{lines}");
    }
    for (lines, expected) in [
        ("is_set = \"x\"", "argument \"is_set\" in \"constraint\" is not supported yet: write it as operator"),
        ("regexp = \"x\"\nvalue = \"y\"", "\"regexp\" and \"value\" exclude each other"),
        ("regexp = \"x\"\noperator = \"=\"", "\"regexp\" and the operator \"=\" exclude each other"),
    ] {
        let (text, _) = job_with("job.group.constraint", lines, &["job.group".to_owned()].into());
        let errors = crate::bad(&text);
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}

/// The shorthands of affinities, all six of them; what a task's scaling block moves; a spread with targets.
#[test]
fn other_shorthands() {
    for operator in ["version", "semver", "regexp", "set_contains", "set_contains_all", "set_contains_any"] {
        let (text, _) = job_with("job.affinity", &format!("attribute = \"a\"\n{operator} = \"1\""), &BTreeSet::new());
        let job = good(&text).job;
        let affinity = &job.affinities[0];
        assert_eq!((affinity.operand.as_str(), affinity.r_target.as_str(), affinity.weight), (operator, "1", 50));
    }
    let labelled = ["job.group".to_owned(), "job.group.task".to_owned()].into();
    for (label, expected) in [("cpu", "vertical_cpu"), ("mem", "vertical_mem")] {
        let (text, _) = job_with("job.group.task", &format!("scaling \"{label}\" {{\n max = 5\n}}"), &labelled);
        assert_eq!(good(&text).job.task_groups[0].tasks[0].scaling_policies[0].kind.as_str(), expected);
    }
    let (text, _) = job_with("job.group.task", "scaling \"disk\" {\n}", &labelled);
    assert!(crate::bad(&text)[0].contains("is named \"cpu\" or \"mem\", not \"disk\""));
    let (text, _) =
        job_with("job", "spread {\n attribute = \"${node.datacenter}\"\n target \"a\" {\n percent = 70\n}\n}", &BTreeSet::new());
    let spread = &good(&text).job.spreads[0];
    assert_eq!((spread.weight, spread.targets[0].value.as_str(), spread.targets[0].percent), (50, "a", 70));
}

/// What asks for nothing may be written out, also where asking for more is refused.
#[test]
fn harmless_values() {
    let rows = [
        ("job", "all_at_once = false"),
        ("job.group.ephemeral_disk", "sticky = false\nmigrate = false"),
        ("job.group", "prevent_reschedule_on_lost = false"),
        ("job.group.restart", "render_templates = false"),
        ("job.group.network", "mode = \"\""),
        ("job.group.network.port", "host_network = \"default\"\nignore_collision = false"),
        ("job.group.task.resources", "cores = 0\niops = 0\nsecrets = null"),
        ("job.group", "max_client_disconnect = null"),
    ];
    let labelled = labelled(&self::rows());
    for (path, lines) in rows {
        let (text, _) = job_with(path, lines, &labelled);
        good(&text);
    }
}
