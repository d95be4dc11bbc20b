//! Texts that nobody should send.

use jobspec::{ParseInput, from_api};
use proptest::prelude::*;

use crate::{bad, parse};

/// Texts that are too large in some way are refused soon, with a word.
#[test]
fn too_large() {
    let many_locals: String = (1..2_000).map(|n| format!("a{n} = [local.a{}]\n", n - 1)).collect();
    let doubling: String = (1..60).map(|n| format!("a{n} = \"${{local.a{0}}}${{local.a{0}}}\"\n", n - 1)).collect();
    let rows = [
        ("x".repeat(2 << 20), "the text is too large"),
        (format!("job \"x\" {{\n meta = {{\n{}}}\n}}\n", "a = 1\n".repeat(30_000)), "too many assignments"),
        (format!("locals {{\na0 = 1\n{many_locals}}}\njob \"x\" {{\n}}\n"), "is nested too deeply"),
        (format!("locals {{\na0 = \"x\"\n{doubling}}}\njob \"x\" {{\n}}\n"), "too large to evaluate"),
        ("job \"x\" {\n dynamic \"group\" {\n for_each = range(20000)\n labels = [group.key]\n content {}\n}\n}\n".to_owned(), "dynamic blocks make too many blocks"),
        ("job \"x\" {\n dynamic \"group\" {\n for_each = range(1000)\n labels = [group.key]\n content {\n dynamic \"task\" {\n for_each = range(1000)\n labels = [task.key]\n content {}\n}\n}\n}\n}\n".to_owned(), "dynamic blocks make too many blocks"),
        (format!("job \"x\" {{\n}}\n{}", "x {}\n".repeat(100_000)), "unsupported block \"x\""),
        (format!("job \"x\" {{\n}}\n{} = 1\n", "x".repeat(900_000)), "unsupported argument"),
        (format!("locals {{\n{} z = [for i in range(1000) : [for j in range(1000) : try(local.nope, 1)]]\n}}\njob \"x\" {{\n}}\n", (0..9_000).map(|n| format!("a{n} = 1\n")).collect::<String>()), "too large to evaluate"),
        (format!("locals {{\na = {{\n{}}}\n}}\n", (0..19_900).map(|n| format!("k{n} = 1\n")).collect::<String>()), "the file has no job block"),
        (format!("locals {{\na = {{\n{}}}\n}}\n", (0..6_000).map(|n| format!("(\"k${{\"{n}\"}}\") = 1\n")).collect::<String>()), "the file has no job block"),
        (format!("locals {{\na = \"{}\"\n}}\n", "%{if true}".repeat(50_000)), "at most 64 nested levels"),
        (format!("locals {{\na = \"{}\"\n}}\n", "${1}%{if true}x%{endif}".repeat(20_000)), "the file has no job block"),
        (format!("locals {{\n{}}}\n", (0..9_000).map(|n| format!("a{n} = <<X\n")).collect::<String>()), "syntax error"),
        (format!("locals {{\na = <<-X\n{}X\n}}\n", "  ${1} a\n  $${b}\n".repeat(30_000)), "the file has no job block"),
        (format!("job \"x\" {{\n{}{}}}\n", "config {\n".repeat(100), "}\n".repeat(100)), "at most 64 nested levels"),
    ];
    let started = std::time::Instant::now();
    for (text, expected) in rows {
        println!("{:?} {:.40}", started.elapsed(), text.replace(char::from(10), " "));
        let errors = bad(&text);
        assert!(errors.len() <= 200 && errors.iter().all(|error| error.chars().count() < 3_000), "an answer of bounded size");
        assert!(errors.iter().any(|error| error.contains(expected)), "{expected}: {:?}", &errors[..errors.len().min(5)]);
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// A few bytes that would fill the memory of whoever reads them.
#[test]
fn too_much_memory() {
    let default = "x".repeat(100_000);
    let gaps = "{},".repeat(10_000);
    let optional = format!("list(object({{ a = optional(string, \"{default}\") }}))");
    let quotes = format!("{}\"\\\"\"{}", "jsonencode(".repeat(50), ")".repeat(50));
    for text in [
        format!("variable \"v\" {{\n type = {optional}\n default = [{gaps}]\n}}\njob \"x\" {{\n}}\n"),
        format!("locals {{\n a = convert([{gaps}], {optional})\n}}\njob \"x\" {{\n}}\n"),
        format!("locals {{\n a = {quotes}\n}}\njob \"x\" {{\n}}\n"),
        "locals {\n a = range(1000000)\n}\njob \"x\" {\n}\n".to_owned(),
        "locals {\n a = [for i in range(1000) : [for j in range(1000) : []]]\n}\njob \"x\" {\n}\n".to_owned(),
        "locals {\n a = [for i in range(10000) : format(\"%9999d\", i)]\n}\njob \"x\" {\n}\n".to_owned(),
    ] {
        let errors = bad(&text);
        assert!(errors.iter().any(|error| error.contains("too large to evaluate")), "{:.200}: {errors:?}", text);
    }
}

/// Blocks of a few bytes that would each get all their defaults.
#[test]
fn too_many_blocks() {
    let groups: String = (0..5_000).map(|n| format!("group \"g{n}\" {{}}\n")).collect();
    assert!(bad(&format!("job \"x\" {{\n{groups}}}\n")).iter().any(|error| error.contains("the job is too large: 5")));
    for request in [
        serde_json::json!({"ID": "x", "TaskGroups": vec![serde_json::json!({}); 100_000]}),
        serde_json::json!({"ID": "x", "TaskGroups": [{"Tasks": vec![serde_json::json!({}); 100_000]}]}),
    ] {
        let errors = from_api(&request).expect_err("too large").to_string();
        assert!(errors.contains("the job is too large: 10"), "{errors}");
    }
}

/// Deep JSON and JSON that looks like something else.
#[test]
fn strange_json() {
    let deep = format!(
        "{{\"job\": {{\"x\": {{\"meta\": {{\"a\": {}\"${{{}1{}}}\"{}}}}}}}}}",
        "[".repeat(115),
        "(".repeat(60),
        ")".repeat(60),
        "]".repeat(115)
    );
    let texts = [
        deep,
        "{".repeat(100_000),
        format!("{{\"job\": {}1{}}}", "[".repeat(100), "]".repeat(100)),
        format!("{{\"job\": {{\"x\": {}1{}}}}}", "{\"group\": {\"a\": ".repeat(40), "}}".repeat(40)),
        r#"{"job": {"x": {"meta": {"a": "${<<EOF\nx\nEOF\n}"}}}}"#.to_owned(),
        r#"{"job": {"x": {"meta": {"a": "${<<-EOF\n  x\n  EOF\n}"}}}}"#.to_owned(),
        r#"{"job": {"x": {"dynamic": 5, "group": "x"}}, "variable": [1], "locals": [2]}"#.to_owned(),
        r#"{"job": {"x": {"1a": 5}}}"#.to_owned(),
        "{}".to_owned(),
        "{\"Job\": null}".to_owned(),
        format!(
            "job \"x\" {{\n group \"g\" {{\n task \"t\" {{\n config {{\n{} a = [[[[[1]]]]]\n{} }}\n }}\n }}\n}}\n",
            "b {\n".repeat(54),
            "}\n".repeat(54)
        ),
    ];
    // On the small stack of a worker thread.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for text in texts {
            println!("{:.40}", text.replace(char::from(10), " "));
            // What matters is that it comes back.
            let _ = parse(&text).map(|parsed| parsed.validate());
        }
    });
    thread.expect("a thread").join().expect("no panic");
}

const SAMPLE: &str = include_str!("../../../../config/jobs/multi-local.nomad.hcl");

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No text makes the parser panic: a real job with a piece cut out, doubled or replaced.
    #[test]
    fn mutated_job(start in 0..SAMPLE.len(), length in 0..80_usize, piece in "[\\x00-\\x7f\u{e4}\"{}\\[\\]$%~<>=.\n ]{0,12}", doubled: bool) {
        let mut start = start;
        while !SAMPLE.is_char_boundary(start) { start -= 1 }
        let mut end = (start + length).min(SAMPLE.len());
        while !SAMPLE.is_char_boundary(end) { end += 1 }
        let middle = if doubled { &SAMPLE[start..end] } else { "" };
        let text = format!("{}{middle}{piece}{middle}{}", &SAMPLE[..start], &SAMPLE[end..]);
        match parse(&text) {
            Ok(parsed) => {
                let _ = parsed.validate();
                prop_assert_eq!(&jobspec::canonicalize(&parsed.job).expect("a job"), &parsed.job);
            }
            Err(diagnostics) => {
                prop_assert!(!diagnostics.0.is_empty());
                for diagnostic in diagnostics.iter() {
                    let _ = diagnostic.excerpt(&text);
                }
            }
        }
    }

    /// Expressions made of the pieces of the language.
    #[test]
    fn soup_of_expressions(pieces in proptest::collection::vec(prop::sample::select(PIECES.to_vec()), 0..25)) {
        let text = format!("variable \"v\" {{\n default = {{ a = [1, \"x\"] }}\n}}\njob \"x\" {{\n meta {{\n  a = {}\n }}\n}}\n", pieces.concat());
        if let Err(diagnostics) = parse(&text) {
            prop_assert!(!diagnostics.to_string().is_empty());
        }
    }

    /// Any JSON as a request.
    #[test]
    fn any_request(json in any_json()) {
        for value in [json.clone(), serde_json::json!({"ID": "x", "TaskGroups": [json.clone()], "Multiregion": json.clone(), "Update": json})] {
            if let Ok(job) = from_api(&value) {
                let _ = jobspec::validate(&job);
                prop_assert_eq!(&jobspec::canonicalize(&job).expect("a job"), &job);
            }
        }
        let input = serde_json::json!({"job": {"x": {"group": {"g": serde_json::json!({})}}}}).to_string();
        let _ = jobspec::parse(&ParseInput::new("x", &input));
    }
}

const PIECES: &[&str] = &[
    "var.v",
    ".a",
    "[0]",
    "[*]",
    ".*",
    "\"",
    "${",
    "}",
    "%{ if ",
    "%{ endif }",
    "%{ for x in ",
    "%{ endfor }",
    "~",
    "1",
    "0.5",
    "-",
    "!",
    "(",
    ")",
    "[",
    "]",
    "{",
    " for x in ",
    " : ",
    " => ",
    "...",
    " if ",
    " ? ",
    " + ",
    " == ",
    " && ",
    "x",
    ",",
    " = ",
    "<<-EOF\n",
    "\n  EOF\n",
    "<<EOF\n",
    "\nEOF\n",
    "\n",
    "upper(",
    "try(",
    "convert(",
    "list(string)",
    "range(3)",
    "format(\"%s\", ",
    "null",
    "true",
    "local.z",
    "attr.x",
    "$${",
    "\\u00e4",
    "ä",
];

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-z]{0,5}".prop_map(Into::into),
    ];
    let names = prop::sample::select(vec![
        "ID",
        "Name",
        "Count",
        "Tasks",
        "TaskGroups",
        "Update",
        "Networks",
        "DynamicPorts",
        "Regions",
        "Config",
        "Meta",
        "Type",
        "KillTimeout",
        "Resources",
        "x",
    ]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}
