//! What is wrong, where, and what to do.

use crate::{bad, parse};

/// `expected` are the beginnings of all errors, in order.
fn check(text: &str, expected: &[&str]) {
    let errors = bad(text);
    let fits = errors.len() == expected.len() && errors.iter().zip(expected).all(|(error, start)| error.starts_with(start));
    assert!(fits, "{text}\ngot      {errors:#?}\nexpected {expected:#?}");
}

/// Names that do not exist, with what was meant; all of them at once, in the order of the text.
#[test]
fn unknown_names() {
    check(
        "job \"web\" {\n  grup \"a\" {}\n  group \"b\" {\n    cont = 1\n    task \"t\" {\n      cpu = 5\n      frobnicate = 1\n    }\n  }\n}\n",
        &[
            "web.nomad.hcl:2,3: unsupported block \"grup\": did you mean \"group\"?",
            "web.nomad.hcl:4,5: unsupported argument \"cont\": did you mean \"count\"?",
            "web.nomad.hcl:6,7: unsupported argument \"cpu\": it belongs in \"resources\"",
            "web.nomad.hcl:7,7: unsupported argument \"frobnicate\"",
        ],
    );
    check("job \"web\" {\n  port \"x\" {}\n}\n", &["web.nomad.hcl:2,3: unsupported block \"port\": it belongs in \"group.network\""]);
    check(
        "jb \"web\" {\n}\n",
        &["web.nomad.hcl:1,1: unsupported block \"jb\": did you mean \"job\"?", "web.nomad.hcl: the file has no job block"],
    );
    check(
        "a = 1\njob \"web\" {\n}\n",
        &["web.nomad.hcl:1,1: unsupported argument \"a\": a job file has the blocks job, variable, variables, locals"],
    );
    check("", &["web.nomad.hcl: the file has no job block: write job"]);
    check("job \"a\" {\n}\njob \"b\" {\n}\n", &["web.nomad.hcl:3,1: a file has one job block, and this is another"]);
}

/// What is known and not supported is refused where it stands, beside other errors.
#[test]
fn not_supported() {
    check(
        "job \"web\" {\n  vault {\n  }\n  group \"a\" {\n    service {\n      name = \"x\"\n    }\n    ephemeral_disk {\n      stick = true\n    }\n    network {\n      mode = \"cni/mine\"\n      ip = \"::1\"\n    }\n    x = 1\n  }\n}\n",
        &[
            "web.nomad.hcl:2,3: block \"vault\" in \"job\" is not supported yet",
            "web.nomad.hcl:5,5: block \"service\" in \"group\" is not supported yet",
            "web.nomad.hcl:9,7: unsupported argument \"stick\": did you mean \"sticky\"?",
            "web.nomad.hcl:13,7: argument \"ip\" in \"network\" is not supported yet",
            "web.nomad.hcl:15,5: unsupported argument \"x\"",
        ],
    );
}

/// Cores near to each other are cores of the task; which devices are near to them, no node says.
#[test]
fn numa() {
    let job = |resources: &str| {
        format!(
            "job \"web\" {{\n  group \"a\" {{\n    task \"t\" {{\n      driver = \"raw_exec\"\n      config {{\n        command = \"x\"\n      }}\n      resources {{\n{resources}\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    check(
        &job("cores = 1\nnuma {\naffinity = \"near\"\n}"),
        &["web.nomad.hcl:11,12: affinity: unknown word \"near\": known are: \"none\", \"prefer\", \"require\""],
    );
    check(
        &job("cores = 1\nnuma {\ndevices = [\"nvidia/gpu\"]\n}"),
        &["web.nomad.hcl:11,1: argument \"devices\" in \"numa\" is not supported yet"],
    );
}

/// Wrong types and words, and what stands twice.
#[test]
fn wrong_values() {
    let rows: &[(&str, &str, &str)] = &[
        ("", "count = \"three\"", "4,9: count: expected integer, got string \"three\""),
        ("", "count = 1.5", "4,9: count: expected integer, got 1.5"),
        ("", "count = [1]", "4,9: count: expected integer, got list"),
        (
            "",
            "count = \"${meta.n}\"",
            "4,9: count: expected integer, got string \"${meta.n}\": what stands in ${...} is known only on the node",
        ),
        ("", "shutdown_delay = \"fast\"", "4,18: shutdown_delay: expected duration such as \"30s\" or \"1h30m\", got string \"fast\""),
        ("", "meta = [1]", "4,8: meta: expected object of strings, got list"),
        ("", "meta = { a = [] }", "4,8: meta: \"a\": expected string, got list"),
        ("", "meta {\na = []\n}", "5,5: expected string, got list"),
        ("", "meta {\nb {}\n}", "5,1: \"meta\" has no blocks"),
        ("", "count {\n}", "4,1: \"count\" is an argument, not a block: write it as an argument: count = …"),
        ("", "restart = 5", "4,1: \"restart\" is a block, not an argument: write it as a block: restart { … }"),
        ("", "restart \"x\" {\n}", "4,9: the \"restart\" block has a label too many: \"x\""),
        ("", "restart {\nmode = \"wait\"\n}", "5,8: mode: unknown word \"wait\": known are: \"fail\", \"delay\""),
        ("", "restart {\nmode = \"fial\"\n}", "5,8: mode: unknown word \"fial\": did you mean \"fail\"?"),
        ("", "restart {\n}\nrestart {\n}", "6,1: \"restart\" is set twice: only one is allowed here"),
        ("", "meta = {}\nmeta {\n}", "5,1: \"meta\" is set twice"),
        ("datacenters = \"dc1\"", "", "2,15: datacenters: expected list of strings, got string \"dc1\""),
        ("priority = true", "", "2,12: priority: expected integer, got bool"),
        ("meta = { a = var.b }", "", "2,18: the variable \"b\" is not declared"),
        ("name = upper(1, 2)", "", "2,8: upper: takes exactly 1 argument, not 2"),
        ("name = \"a${1 / 0}\"", "", "2,12: division by zero"),
        ("", "dynamic \"network\" {\n}", "4,1: a dynamic block needs for_each and a content block"),
        ("", "dynamic \"network\" {\nfor_each = 5\ncontent {}\n}", "5,12: cannot loop over a number"),
        ("", "dynamic \"netwrk\" {\nfor_each = [1]\ncontent {}\n}", "6,1: unsupported block \"netwrk\": did you mean \"network\"?"),
        (
            "",
            "dynamic \"network\" {\nforeach = [1]\nfor_each = []\ncontent {}\n}",
            "5,1: unsupported argument \"foreach\": did you mean \"for_each\"?",
        ),
        ("", "dynamic \"network\" {\nfor_each = [1]\nlabels = 5\ncontent {}\n}", "6,10: expected list of strings, got number"),
    ];
    for (in_job, in_group, expected) in rows {
        check(&crate::job(in_job, in_group, ""), &[&format!("web.nomad.hcl:{expected}")]);
    }
}

/// Texts that are not HCL, with the place.
#[test]
fn syntax() {
    for (text, expected) in [
        ("job \"x\" {\n  count = \n}", "web.nomad.hcl:2,11: syntax error: "),
        ("job \"x\" {\n  a = 1 b = 2\n}", "web.nomad.hcl:2,9: syntax error: "),
        (
            "job \"x\" { group \"y\" {\n count = 1",
            "web.nomad.hcl:1,17: syntax error: invalid attribute; expected `=`; a block on one line holds one argument",
        ),
        ("job \"x\" {\n  a = 1\n  a = 2\n}\n", "web.nomad.hcl:3,3: syntax error: invalid attribute; expected unique attribute key"),
        ("job \"ä\" {\n  x = ü?\n}", "web.nomad.hcl:2,"),
    ] {
        let errors = bad(text);
        assert!(errors[0].starts_with(expected), "{errors:?}");
    }
}

/// The line and the mark below it, for terminals; characters count, not bytes.
#[test]
fn excerpts() {
    let text = crate::job("", "    meta = { ä = 1 }\n\tcont = 3", "");
    let diagnostics = parse(&text).expect_err("an error");
    let diagnostic = &diagnostics.0[0];
    assert_eq!((diagnostic.line, diagnostic.column), (5, 2));
    assert_eq!(diagnostic.excerpt(&text), " 5 | \tcont = 3\n   | \t^^^^ did you mean \"count\"?\n");
    assert_eq!(diagnostic.excerpt(""), "");
    let text = "job \"ä\" {\n  name = \"äöü${nope(1)}\"\n}\n";
    let diagnostics = parse(text).expect_err("an error");
    let diagnostic = &diagnostics.0[0];
    assert_eq!((diagnostic.line, diagnostic.column), (2, 16));
    assert_eq!(diagnostic.excerpt(text), " 2 |   name = \"äöü${nope(1)}\"\n   |                ^^^^\n");
}

/// The form in which the interface gives several errors.
#[test]
fn list_form() {
    let one = parse("job \"x\" {\n  a = 1\n}\n").expect_err("an error").to_list_text();
    assert_eq!(one, "1 error occurred:\n\t* web.nomad.hcl:2,3: unsupported argument \"a\"\n\n");
    let two = parse("job \"x\" {\n  a = 1\n  b = 2\n}\n").expect_err("errors").to_list_text();
    assert!(two.starts_with("2 errors occurred:\n\t* web") && two.ends_with("unsupported argument \"b\"\n\n"), "{two}");
}
